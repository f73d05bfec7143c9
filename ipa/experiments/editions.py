"""Parameter sets of a run, as published or corrected to what the paper says: an edition is data, not code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ipa import limits
from ipa.errors import ConfigError, InvalidValueError
from ipa.file_stamps import FileStamp, file_stamp
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.problem import Constraints, Objective
from ipa.paper import PUBLISHED_METRICS, _table_file, published_table
from ipa.paths import data_dir
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline, pipeline_inputs
from ipa.pipeline.pipeline import Pipeline
from ipa.registry import Registry
from ipa.strict_yaml import Real, Whole, key_of, problem_of, read_yaml, within

if TYPE_CHECKING:
    import pandas as pd


OnInfeasible = Literal["best-effort", "hold"]


@dataclass(frozen=True, slots=True)
class RunParameters:
    """Everything that a run decides with.

    Parameters
    ----------
    pipeline
        What there is to choose from, with the base allocations of the run.
    objective, constraints
        The optimisation problem.
    method
        Name of the method.
    method_settings
        What the method keeps fixed.
    forecaster
        Name of the load forecaster.
    forecast_margin
        The forecast is multiplied by 1 + this.
    round_rates
        Round the arrival rate of a decision to a whole number, as the published runs did.
    on_infeasible
        Where no plan carries the load within the SLA: apply the ``best-effort`` plan, or ``hold`` the last
        good one, as the published runs did.
    drop_after_s
        Age in seconds at which a request is dropped.
    drop_limit_sla
        The same as a multiple of the SLA, where it follows the SLA.
    interval_s
        Seconds between decisions.
    initial_variants, initial_replicas, initial_cost_cores
        What is known of the configuration at time 0; by default the method's own decision for the load of the
        first interval.
    """

    pipeline: Pipeline
    objective: Objective
    constraints: Constraints
    method: str
    method_settings: MethodSettings = field(default_factory=MethodSettings)
    forecaster: str = "linear"
    forecast_margin: float = 0.0
    round_rates: bool = False
    on_infeasible: OnInfeasible = "best-effort"
    drop_after_s: float = 20.0
    drop_limit_sla: float | None = None
    interval_s: float = 10.0
    initial_variants: tuple[str, ...] | None = None
    initial_replicas: tuple[int, ...] | None = None
    initial_cost_cores: int | None = None


Edition = Callable[[str, str, str], RunParameters]
"""(pipeline name or path, workload name, method name) -> parameters of the run."""

EDITIONS: Registry[Edition] = Registry("edition")

Settings = TypeVar("Settings", bound=BaseModel)


@EDITIONS.named("as-published")
def as_published(pipeline: str, workload: str, method: str) -> RunParameters:
    """Return the parameters behind the curves of the revised paper (v3)."""
    return _set_as_published("v3", pipeline, workload, method)


@EDITIONS.named("as-published-v1")
def as_published_v1(pipeline: str, workload: str, method: str) -> RunParameters:
    """Return the parameters behind the curves of the first submission (v1)."""
    return _set_as_published("v1", pipeline, workload, method)


@EDITIONS.named("corrected")
def corrected(pipeline: str, workload: str, method: str) -> RunParameters:  # noqa: ARG001 (same for all workloads)
    """Return the parameters that the paper's text states, the same for all methods and workloads."""
    chosen = load_pipeline(pipeline)
    settings = _corrected_settings(chosen.name)
    return RunParameters(
        pipeline=chosen,
        objective=Objective(METRICS["pas"], settings.alpha, settings.beta, settings.delta),
        constraints=Constraints(batch_sizes=settings.batch_sizes, max_replicas=settings.max_replicas),
        method=method,
        method_settings=MethodSettings(replicas=settings.rim_replicas if method == "rim" else None),
        forecaster=settings.forecaster,
        on_infeasible=settings.on_infeasible,
        drop_after_s=settings.drop_limit_sla * chosen.sla_s,
        drop_limit_sla=settings.drop_limit_sla,
        interval_s=settings.interval_s,
    )


def _set_as_published(edition: str, pipeline: str, workload: str, method: str) -> RunParameters:
    METHODS[method]
    row = _published_row(edition, pipeline, workload, method)
    settings = _published_settings()
    metric = METRICS[PUBLISHED_METRICS[str(row["accuracy_objective"])]]
    if row["accuracy_floor"]:
        metric = metric.with_floor(float(row["accuracy_floor"]))
    return RunParameters(
        pipeline=published_pipeline(
            edition, pipeline, float(row["threshold_rps"]), row["throughput_margin_pct"]
        ),
        objective=Objective(metric, float(row["alpha"]), float(row["beta"]), float(row["delta"])),
        constraints=Constraints(
            batch_sizes=tuple(b for b in settings.batch_sizes if b <= int(row["batching_cap"])),
            max_replicas=int(row["scaling_cap"]),
            latency_margin=float(row["latency_margin_pct"]) / 100,
            throughput_margin=float(row["throughput_margin_pct"]) / 100,
            queue=settings.queue,
            measured_only=settings.measured_only,
            sla_s=float(row["sla_used_s"]),
        ),
        method=method,
        method_settings=MethodSettings(_names(row["fixed_variants"]), _numbers(row["fixed_replicas"])),
        forecaster=settings.forecaster,
        forecast_margin=float(row["predictor_margin_pct"]) / 100,
        round_rates=settings.round_rates,
        on_infeasible=settings.on_infeasible,
        drop_after_s=float(row["drop_limit_s"]),
        interval_s=float(row["adaptation_interval_s"]),
        initial_variants=_names(row["initial_variants"]),
        initial_replicas=_numbers(row["fixed_replicas"]),
        initial_cost_cores=int(row["initial_cost_cores"]),
    )


def _published_row(edition: str, pipeline: str, workload: str, method: str) -> "pd.Series[str]":
    return _found_row(file_stamp(_table_file("runs")), edition, pipeline, workload, method)


@lru_cache(maxsize=1024)
def _found_row(
    _stamp: FileStamp, edition: str, pipeline: str, workload: str, method: str
) -> "pd.Series[str]":
    runs = published_table("runs")
    runs = runs[runs["edition"] == edition]
    found = runs[(runs["pipeline"] == pipeline) & (runs["workload"] == workload) & (runs["method"] == method)]
    if len(found) != 1:
        raise InvalidValueError(
            f"the paper has no run of pipeline {pipeline!r}, workload {workload!r}, method {method!r};"
            f" it has the pipelines {', '.join(runs['pipeline'].unique())}, the workloads"
            f" {', '.join(runs['workload'].unique())} and the methods {', '.join(runs['method'].unique())}."
            " Use the edition corrected for anything else"
        )
    return found.iloc[0]


def published_pipeline(edition: str, pipeline: str, threshold_rps: float, margin_pct: str) -> Pipeline:
    """Return a pipeline with the base allocations of a published run.

    Parameters
    ----------
    edition
        v1 or v3.
    pipeline
        Name of the pipeline.
    threshold_rps, margin_pct
        Threshold rate and throughput margin that the allocations were made for.
    """
    stamps = tuple(map(file_stamp, (_table_file("allocations"), *pipeline_inputs(pipeline))))
    return _allocate(edition, pipeline, threshold_rps, margin_pct, stamps)


@lru_cache(maxsize=64)
def _allocate(
    edition: str, pipeline: str, threshold_rps: float, margin_pct: str, _stamps: tuple[FileStamp, ...]
) -> Pipeline:
    table = published_table("allocations")
    rows = table[
        (table["edition"] == edition)
        & (table["pipeline"] == pipeline)
        & (table["threshold_rps"].astype(float) == threshold_rps)
        & (table["throughput_margin_pct"] == margin_pct)
    ]
    chosen = load_pipeline(pipeline)
    enabled = {(stage.name, variant.name) for stage in chosen.stages for variant in stage.choices}
    return chosen.with_base_cores(
        {
            (str(row.stage), str(row.variant)): int(str(row.cores))
            for row in rows.itertuples()
            if (row.stage, row.variant) in enabled
        }
    )


def _names(cell: str) -> tuple[str, ...] | None:
    return tuple(cell.split("|")) if cell else None


def _numbers(cell: str) -> tuple[int, ...] | None:
    return tuple(int(part) for part in cell.split("|")) if cell else None


Weight = Annotated[Real, within(limits.WEIGHT)]
Batch = Annotated[Whole, within(limits.BATCH)]
Replicas = Annotated[Whole, within(limits.REPLICAS)]


class PublishedSettings(BaseModel):
    """What all published runs share, ``data/editions/as-published.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_sizes: tuple[Batch, ...] = Field(min_length=1)
    measured_only: Annotated[bool, Field(strict=True)]
    queue: str
    forecaster: str
    round_rates: Annotated[bool, Field(strict=True)]
    on_infeasible: OnInfeasible


class CorrectedSettings(BaseModel):
    """Parameters of the corrected edition for one pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Weight
    beta: Weight
    delta: Weight
    batch_sizes: Annotated[tuple[Batch, ...], Field(min_length=1)] | None = None
    max_replicas: Replicas
    drop_limit_sla: Annotated[Real, within(limits.FACTOR)]
    forecaster: str
    interval_s: Annotated[Real, within(limits.INTERVAL_S)]
    on_infeasible: OnInfeasible
    rim_replicas: tuple[Replicas, ...] | None = None


class _CorrectedFile(BaseModel):
    """``data/editions/corrected.yaml``: settings for all pipelines, and what differs for some."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: dict[str, object]
    pipelines: dict[str, dict[str, object]]


def _published_settings() -> PublishedSettings:
    path = data_dir() / "editions" / "as-published.yaml"
    return _read_published(path, file_stamp(path))


@lru_cache(maxsize=4)
def _read_published(path: Path, _stamp: FileStamp) -> PublishedSettings:
    return _validate(path, PublishedSettings, read_yaml(path), "it holds")


def _corrected_settings(pipeline: str) -> CorrectedSettings:
    path = data_dir() / "editions" / "corrected.yaml"
    return _read_corrected(path, file_stamp(path), pipeline)


@lru_cache(maxsize=64)
def _read_corrected(path: Path, _stamp: FileStamp, pipeline: str) -> CorrectedSettings:
    held = "the keys defaults and pipelines.<name> hold any of:"
    both = _validate(path, _CorrectedFile, read_yaml(path), held, CorrectedSettings)
    return _validate(path, CorrectedSettings, both.defaults | both.pipelines.get(pipeline, {}), held)


def _validate(
    path: Path, model: type[Settings], content: object, held: str, shown: type[BaseModel] | None = None
) -> Settings:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        allowed = ", ".join((shown or model).model_fields)
        raise ConfigError(path, key_of(first), f"{problem_of(first)}; {held} {allowed}") from None
