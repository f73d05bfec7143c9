"""Runs the notebooks and checks their parameters.

Each notebook has a cell tagged ``parameters`` with its defaults; papermill injects other values after it. The
cell that follows validates them in one line, so that a misspelt parameter is an error and not ignored.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ipa.errors import InvalidValueError, IpaError, MissingExtraError, ResultsError, UnknownNameError
from ipa.experiments.editions import EDITIONS
from ipa.experiments.grid_specs import default_editions
from ipa.forecast import FORECASTERS
from ipa.forecast.base import HORIZON_S, WINDOW_S
from ipa.optimizer.methods import METHODS
from ipa.optimizer.solve import SOLVERS
from ipa.paper import PAPER_EDITIONS
from ipa.paths import data_dir
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline
from ipa.registry import Registry
from ipa.studies.measured_profiles import stored_profiles
from ipa.workload import ARRIVAL_PROCESSES, load_workload
from ipa.workload.catalogue import TraceChoice

Model = TypeVar("Model", bound=BaseModel)

IPYTHON_NAMES = frozenset({"In", "Out", "exit", "get_ipython", "open", "quit"})
"""Names that IPython itself puts into every notebook."""


def _one_of(registry: Registry[Any]) -> AfterValidator:
    def check(name: str) -> str:
        registry[name]
        return name

    return AfterValidator(check)


def _pipeline(name: str) -> str:
    load_pipeline(name)
    return name


def _workload(name: str) -> str:
    load_workload(name, trace="synthetic")
    return name


def _long_workload(name: str) -> str:
    duration_s = load_workload(name, trace="synthetic").duration_s
    if duration_s < WINDOW_S + HORIZON_S:
        raise InvalidValueError(
            f"workload {name} has {duration_s} seconds, too few to judge a forecaster by; give one of at"
            f" least {WINDOW_S + HORIZON_S} s"
        )
    return name


def _stored_profile(name: str) -> str:
    if name not in stored_profiles():
        raise UnknownNameError("stored profile", name, stored_profiles())
    return name


def _in_the_repository(folder: Path) -> Path:
    """Count a relative folder from the repository, wherever the notebook or its caller stand."""
    return (data_dir().parent / folder).resolve()


class _Parameters(BaseModel):
    """What every notebook can be asked for; the defaults are those of its cell of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    trace: TraceChoice = "synthetic"
    seed: int = Field(0, ge=0)
    results_dir: Annotated[Path, Field(strict=False), AfterValidator(_in_the_repository)] = Path("results")

    def changed(self, *told: str) -> dict[str, object]:
        """Return the parameters that change what a figure shows and differ from their defaults.

        Parameters
        ----------
        told
            Parameters that the name of the figure tells already, besides trace and seed.
        """
        silent = {"trace", "seed", "results_dir", "jobs", "measure_again", *told}
        return {
            name: value
            for name, field in type(self).model_fields.items()
            if name not in silent and (value := getattr(self, name)) != field.default
        }


class ClaimsParameters(_Parameters):
    """Parameters of ``0-claims``."""

    seeds: int = Field(5, ge=1)
    jobs: int = Field(2, ge=1)


class AdaptationParameters(_Parameters):
    """Parameters of ``1-adaptation``."""

    pipeline: Annotated[str, AfterValidator(_pipeline)] = "video"
    workload: Annotated[str, AfterValidator(_workload)] = "bursty"
    method: Annotated[str, _one_of(METHODS)] = "ipa"
    edition: Annotated[str, _one_of(EDITIONS)] = "corrected"
    duration_s: Annotated[int, Field(ge=1)] | None = None


class EndToEndParameters(_Parameters):
    """Parameters of ``2-end-to-end``."""

    pipeline: Annotated[str, AfterValidator(_pipeline)] = "video"
    jobs: int = Field(2, ge=1)
    editions: Annotated[list[Annotated[str, _one_of(EDITIONS)]], Field(min_length=1)] | None = None
    replicas: list[Annotated[int, Field(ge=1)]] | None = None

    @property
    def editions_shown(self) -> list[str]:
        """The editions asked for, or else those that there are for the pipeline."""
        return self.editions or default_editions([self.pipeline])


class DecisionTimeParameters(_Parameters):
    """Parameters of ``3-decision-time``."""

    pipeline: Annotated[str, AfterValidator(_pipeline)] = "video"
    metric: Annotated[str, _one_of(METRICS)] = "rank-sum"
    solvers: list[Annotated[str, _one_of(SOLVERS)]] = Field(
        ["exact", "highs", "pulp-highs", "pulp-cbc", "gurobi", "gurobi-nonlinear"], min_length=1
    )
    solves: int = Field(19, ge=1)
    measure_again: bool = False


class PreferencesParameters(_Parameters):
    """Parameters of ``4-preferences``."""

    pipeline: Annotated[str, AfterValidator(_pipeline)] = "video"
    rate_rps: float = Field(20.0, gt=0, allow_inf_nan=False)
    alpha: float = Field(100.0, ge=0, allow_inf_nan=False)
    beta: float = Field(1.0, gt=0, allow_inf_nan=False)
    editions: list[Annotated[str, _one_of(EDITIONS)]] = Field(list(PAPER_EDITIONS), min_length=1)


class ForecastParameters(_Parameters):
    """Parameters of ``5-load-forecast``."""

    workloads: list[Annotated[str, AfterValidator(_long_workload)]] = Field(
        ["bursty", "steady-low", "steady-high", "fluctuating"], min_length=1
    )
    forecasters: list[Annotated[str, _one_of(FORECASTERS)]] = Field(["lstm", "mlp"], min_length=1)
    jobs: int = Field(2, ge=1)


class LatencyParameters(_Parameters):
    """Parameters of ``6-latency``."""

    pipeline: Annotated[str, AfterValidator(_pipeline)] = "video"
    edition: Annotated[str, _one_of(EDITIONS)] = "as-published"
    arrivals: Annotated[str, _one_of(ARRIVAL_PROCESSES)] = "paper-burst"
    seeds: int = Field(5, ge=1)
    jumps: int = Field(20, ge=1)
    jobs: int = Field(2, ge=1)


class ProfilingParameters(_Parameters):
    """Parameters of ``7-profiling``."""

    profiles: list[Annotated[str, AfterValidator(_stored_profile)]] = Field(["video-random"], min_length=1)
    measure_again: bool = False
    budget_s: float = Field(60.0, gt=0, allow_inf_nan=False)


class ServingParameters(_Parameters):
    """Parameters of ``8-serving``."""

    platform: Literal["stored", "local"] = "stored"
    trace: Literal["synthetic"] = "synthetic"


class LiveAgainstSimulatedParameters(_Parameters):
    """Parameters of ``9-live-against-simulated``."""

    platform: Literal["stored", "local"] = "stored"
    trace: Literal["synthetic"] = "synthetic"
    runs: int = Field(5, ge=1)
    seconds: int = Field(170, ge=20, le=170)


class PasParameters(_Parameters):
    """Parameters of ``10-is-pas-right``."""

    trace: Literal["synthetic"] = "synthetic"
    enough_overlap: float = Field(0.5, gt=0, le=1)
    images: int = Field(1000, ge=20)
    jobs: int = Field(2, ge=1)
    measure_again: bool = False


@dataclass(frozen=True, slots=True)
class Notebook:
    """One of the notebooks.

    Parameters
    ----------
    name
        File name without its ending.
    parameters
        Model of its parameters; the defaults stand in the notebook itself.
    """

    name: str
    parameters: type[BaseModel]

    @property
    def file(self) -> Path:
        """Where it lies."""
        return data_dir().parent / "notebooks" / f"{self.name}.ipynb"


NOTEBOOKS: Registry[Notebook] = Registry("notebook")
for _notebook in (
    Notebook("0-claims", ClaimsParameters),
    Notebook("1-adaptation", AdaptationParameters),
    Notebook("2-end-to-end", EndToEndParameters),
    Notebook("3-decision-time", DecisionTimeParameters),
    Notebook("4-preferences", PreferencesParameters),
    Notebook("5-load-forecast", ForecastParameters),
    Notebook("6-latency", LatencyParameters),
    Notebook("7-profiling", ProfilingParameters),
    Notebook("8-serving", ServingParameters),
    Notebook("9-live-against-simulated", LiveAgainstSimulatedParameters),
    Notebook("10-is-pas-right", PasParameters),
):
    NOTEBOOKS.register(_notebook.name, _notebook)


def check_parameters(namespace: Mapping[str, object], model: type[Model]) -> Model:
    """Validate the parameters of a notebook.

    Parameters
    ----------
    namespace
        ``globals()`` of the notebook, asked for right after the parameters are set. Plain values (numbers,
        texts, None, lists and mappings of them) count as parameters; modules, functions and objects do not.
    model
        What the notebook can be asked for.

    Returns
    -------
    Model
        The validated parameters.

    Raises
    ------
    UnknownNameError
        If a parameter, or a name that one holds, does not exist; lists those that do.
    InvalidValueError
        If a value has a wrong type or is not allowed, or a parameter is missing.

    Examples
    --------
    >>> check_parameters({"trace": "real", "sede": 1}, ClaimsParameters)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ipa.errors.UnknownNameError: unknown parameter 'sede'; allowed: trace, ... Did you mean 'seed'?
    """
    given = {name: value for name, value in namespace.items() if _is_parameter(name, value)}
    for name in given:
        if name not in model.model_fields:
            raise UnknownNameError("parameter", name, model.model_fields)
    for name in model.model_fields:
        if name not in given:
            raise InvalidValueError(f"parameter {name} is missing from the cell of parameters")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise InvalidValueError(f"parameter {name}: {problem['msg']}, got {problem['input']!r}") from None


def _is_parameter(name: str, value: object) -> bool:
    return not name.startswith("_") and name not in IPYTHON_NAMES and _is_plain(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def execute(name: str, parameters: Mapping[str, object], output_path: Path) -> None:
    """Run a notebook from top to bottom.

    Parameters
    ----------
    name
        One of ``NOTEBOOKS``.
    parameters
        Values that replace the notebook's defaults. A relative ``results_dir`` counts from the repository.
    output_path
        Where the executed notebook goes; written only once every cell has run. A notebook that failed is
        kept beside it as ``<name>.failed.ipynb``.

    Raises
    ------
    IpaError
        If a cell fails: names the cell, its error and the file to look at.
    MissingExtraError
        If papermill or the kernel is not installed.
    """
    execute_file(NOTEBOOKS[name].file, parameters, output_path)


def execute_file(source: Path, parameters: Mapping[str, object], output_path: Path) -> None:
    """Run any notebook file; the rest is as for ``execute``."""
    papermill = _papermill()
    if not source.is_file():
        raise ResultsError(f"notebook {source} not found; run from a clone of the repository")
    output_path = output_path.resolve()
    output_path.parent.mkdir(parents=True, exist_ok=True)
    draft = output_path.with_name(f".{output_path.stem}.running.ipynb")
    failed = output_path.with_name(f"{output_path.stem}.failed.ipynb")
    try:
        papermill.execute_notebook(
            # papermill fills braces in the name of its output with parameters.
            source,
            str(draft).replace("{", "{{").replace("}", "}}"),
            parameters={key: str(v) if isinstance(v, os.PathLike) else v for key, v in parameters.items()},
            kernel_name="python3",
            progress_bar=False,
            cwd=source.parent,
            # The polite way interrupts the kernel first, which then complains on standard error.
            shutdown_kernel="immediate",
            **_kernel_settings(),
        )
        draft.replace(output_path)
        failed.unlink(missing_ok=True)
    except papermill.PapermillExecutionError as error:
        draft.replace(failed)
        raise IpaError(
            f"notebook {source.name}, cell [{error.exec_count}] failed: {error.ename}: {error.evalue}"
            f" (executed up to there: {failed})"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _papermill() -> Any:
    try:
        import ipykernel  # noqa: F401 (the kernel that papermill starts)
        import papermill
    except ImportError as error:
        raise MissingExtraError(f"{error.name}, which runs the notebooks,", "notebooks") from error
    return papermill


def _kernel_settings() -> dict[str, Any]:
    """Return settings that start this interpreter as the kernel, whatever kernels are registered here."""
    import zmq
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets.config import Config

    class OwnKernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    # Without encryption the kernel warns, on every start, that others on this machine could listen.
    encryption = "auto" if zmq.has("curve") else "disabled"
    return {
        "kernel_manager_class": OwnKernelManager,
        "config": Config({"KernelManager": {"transport_encryption": encryption}}),
    }


def renew(name: str) -> None:
    """Run a notebook with its defaults and store the outputs in the notebook itself.

    Whatever depends on the machine or the moment (times, versions) is left out, so that a renewal that
    changes nothing leaves the file as it was.
    """
    file = NOTEBOOKS[name].file
    executed = file.with_name(f".{file.stem}.renewed.ipynb")
    try:
        execute(name, {}, executed)
        content = json.loads(executed.read_text(encoding="utf-8"))
        text = json.dumps(_without_machine(content), indent=1, ensure_ascii=False, sort_keys=True)
        executed.write_text(f"{text}\n", encoding="utf-8")
        executed.replace(file)
    finally:
        executed.unlink(missing_ok=True)


def _without_machine(notebook: dict[str, Any]) -> dict[str, Any]:
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
    return notebook


if __name__ == "__main__":
    for _name in NOTEBOOKS:
        renew(_name)
