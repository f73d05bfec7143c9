"""The notebooks and their parameters.

Each notebook has a cell tagged ``parameters`` with its defaults; papermill injects other values after it. The
cell that follows validates them in one line, so that a misspelt parameter is an error and not ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ipa.errors import InvalidValueError, UnknownNameError
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
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.registry import PLATFORMS
from ipa.registry import Registry
from ipa.studies.measured_profiles import pipeline_and_source, stored_profiles
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


def _profile(name: str) -> str:
    if name not in stored_profiles():
        pipeline_and_source(name)
    return name


def _cluster(settings: dict[str, str]) -> dict[str, str]:
    for name in settings:
        if name not in CLUSTER_SETTINGS:
            raise UnknownNameError("setting of the cluster", name, CLUSTER_SETTINGS)
    KubernetesSettings(**settings)  # type: ignore[arg-type]
    return settings


CLUSTER_SETTINGS = ("namespace", "image", "pull_policy", "context", "kubeconfig", "models_claim")
"""What the parameter ``cluster`` of notebooks may say: where, and with which image, pods are made."""

Cluster = Annotated[dict[str, str], AfterValidator(_cluster)]
LivePlatform = Literal["stored", "local", "kubernetes"]


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
        silent = {"trace", "seed", "results_dir", "jobs", "measure_again", "cluster", *told}
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
    platform: Annotated[str, _one_of(PLATFORMS)] = "simulated"
    cluster: Cluster = Field({})


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

    profiles: list[Annotated[str, AfterValidator(_profile)]] = Field(["video-random"], min_length=1)
    platform: LivePlatform = "stored"
    variants: list[str] = Field([])
    budget_s: float = Field(60.0, gt=0, allow_inf_nan=False)
    cluster: Cluster = Field({})


class ServingParameters(_Parameters):
    """Parameters of ``8-serving``."""

    platform: LivePlatform = "stored"
    trace: Literal["synthetic"] = "synthetic"
    cluster: Cluster = Field({})


class LiveAgainstSimulatedParameters(_Parameters):
    """Parameters of ``9-live-against-simulated``."""

    platform: LivePlatform = "stored"
    trace: Literal["synthetic"] = "synthetic"
    cluster: Cluster = Field({})
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
