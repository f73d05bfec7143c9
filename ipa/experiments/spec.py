"""What a run is made of: pipeline, load, method, edition, and whatever differs from the edition."""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from ipa import limits, paper
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.experiments.editions import EDITIONS, RunParameters
from ipa.experiments.run_names import (
    identity,
    in_order,
    is_of_the_paper,
    is_plain,
    pipeline_identity,
    shown,
    workload_identity,
)
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.accuracy import find_metric
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.slowest_path import sums_after, sums_up_to
from ipa.platforms.base import Conditions, PlatformSettings
from ipa.platforms.registry import PLATFORMS
from ipa.results.folder_names import folder_name
from ipa.workload import Workload, load_workload
from ipa.workload.catalogue import TraceChoice
from ipa.workload.load_formats import Gaps, LoadFormat

SPEC_RANGES = {
    "seed": limits.SEED,
    "duration_s": limits.DURATION_S,
    "alpha": limits.WEIGHT,
    "beta": limits.WEIGHT,
    "sla_s": limits.SLA_S,
    "interval_s": limits.INTERVAL_S,
    "max_replicas": limits.REPLICAS,
    "max_cores": limits.CORES,
    "drop_multiple": limits.FACTOR,
}
"""Values that the numbers of a run may have, by the name of the field."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to run. Optional values override what the edition says.

    Parameters
    ----------
    pipeline
        Name of a pipeline, or the path of a YAML file.
    workload
        Name of a workload, or the path of a file with requests per second.
    method
        ipa, fa2-low, fa2-high, rim, or a registered one.
    edition
        as-published, as-published-v1 or corrected.
    trace
        ``real``, ``synthetic``, or ``auto``: the real trace where it is found.
    arrivals
        How the requests of a second are spread over it: poisson, uniform or paper-burst.
    seed
        Seed of arrivals, service times and synthetic workloads.
    solver
        Name of the solver.
    duration_s
        Use only the first seconds of the workload.
    forecaster
        Name of the load forecaster.
    alpha, beta
        Weights of accuracy and cost.
    sla_s
        End-to-end SLA, both for the decision and for violations; the drop limit of the corrected edition
        follows it.
    replicas
        Fixed replicas of each stage for rim.
    variants
        Fixed variants of each stage for fa2-low and fa2-high.
    interval_s
        Seconds between decisions.
    horizon_s
        Seconds that a forecast covers; two intervals by default.
    max_replicas
        Most replicas of one stage.
    max_cores
        Most cores of a plan. Where the platform has a limit too, the smaller one counts.
    drop
        When a waiting request is dropped: ``edition`` (the limit of the edition), ``none`` (never), ``sla``
        (older than ``drop_multiple`` SLAs), ``stage-deadline`` (older at a stage than ``drop_multiple`` times
        the SLA of the pipeline up to there, see ``stage_deadlines_s``), ``admission``
        (that deadline at the first stage only: whoever is admitted there is always answered).
    drop_multiple
        SLAs that a waiting request may be old, for ``sla``, ``stage-deadline`` and ``admission``.
    load_format
        What the numbers of a workload file mean: ``rates``, ``timestamps`` or ``per-minute``.
    gaps
        What happens to seconds or minutes that a workload file leaves out: ``refuse``, or ``fill`` with 0.
    metric
        Name of the accuracy metric: one of ``METRICS``, or ``measured`` for the accuracies that the pipeline
        file states for whole combinations of variants.
    platform
        Where the pipeline runs, a name in ``ipa.platforms.registry.PLATFORMS``.
    platform_settings
        What that platform needs to know, an instance of the class registered there; its defaults if None.
    """

    pipeline: str = "video"
    workload: str = "bursty"
    method: str = "ipa"
    edition: str = "corrected"
    trace: TraceChoice = "auto"
    arrivals: str = "poisson"
    seed: int = 0
    solver: str = "exact"
    duration_s: int | None = None
    forecaster: str | None = None
    alpha: float | None = None
    beta: float | None = None
    sla_s: float | None = None
    replicas: tuple[int, ...] | None = None
    variants: tuple[str, ...] | None = None
    interval_s: float | None = None
    horizon_s: int | None = None
    max_replicas: int | None = None
    max_cores: int | None = None
    drop: Literal["edition", "none", "sla", "stage-deadline", "admission"] = "edition"
    drop_multiple: float = 1.0
    load_format: LoadFormat = "rates"
    gaps: Gaps = "refuse"
    metric: str | None = None
    platform: str = "simulated"
    platform_settings: PlatformSettings | None = None

    def __post_init__(self) -> None:
        for name, allowed in SPEC_RANGES.items():
            if (value := getattr(self, name)) is not None:
                allowed.check(name, value)
        for replicas in self.replicas or ():
            limits.REPLICAS.check("replicas", replicas)
        # 1 and 1.0, or 0.0 and -0.0, are the same run and have to have the same name.
        for field in fields(self):
            value = getattr(self, field.name)
            if "float" in str(field.type) and type(value) in (int, float):
                object.__setattr__(self, field.name, float(value) + 0.0)
        self._complete_settings()

    def _complete_settings(self) -> None:
        kind, given = PLATFORMS[self.platform], self.platform_settings
        if given is not None and type(given) is not kind:
            raise InvalidValueError(
                f"platform {self.platform} takes {kind.__name__}, not {type(given).__name__}; leave"
                " platform_settings out, or None, for its defaults"
            )
        object.__setattr__(self, "platform_settings", given or kind())

    @property
    def settings(self) -> PlatformSettings:
        """What the platform of this run needs to know."""
        return self.platform_settings or PLATFORMS[self.platform]()

    def with_settings(self, **changes: Any) -> "RunSpec":
        """Return the run with other settings of its platform.

        Examples
        --------
        >>> RunSpec().with_settings(network_delay_s=0.02).run_name
        'video-bursty-ipa-network_delay_s=0.02'
        """
        known = [field.name for field in fields(self.settings)]
        for name in changes:
            if name not in known:
                raise UnknownNameError(f"setting of the platform {self.platform}", name, known)
        return replace(self, platform_settings=replace(self.settings, **changes))

    def as_dict(self) -> dict[str, Any]:
        """Return everything that makes this run another than others as plain values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        del values["platform_settings"]
        return in_order(values | self.settings.as_dict())

    def load(self) -> Workload:
        """Return the workload."""
        return load_workload(
            self.workload,
            trace=self.trace,
            seed=self.seed,
            duration_s=self.duration_s,
            load_format=self.load_format,
            gaps=self.gaps,
        )

    def parameters(self) -> RunParameters:
        """Return the edition's parameters with the overrides of this run."""
        base = EDITIONS[self.edition](self.pipeline, self.workload, self.method)
        settings = base.method_settings
        if self.sla_s is not None:
            base = replace(
                base,
                pipeline=replace(base.pipeline, sla_s=self.sla_s),
                constraints=replace(base.constraints, sla_s=self.sla_s),
                drop_after_s=base.drop_limit_sla * self.sla_s if base.drop_limit_sla else base.drop_after_s,
            )
        return replace(
            base,
            objective=self._weigh(base.objective),
            constraints=self._limit(base.constraints),
            method_settings=replace(
                settings,
                variants=settings.variants if self.variants is None else self.variants,
                replicas=settings.replicas if self.replicas is None else self.replicas,
            ),
            forecaster=base.forecaster if self.forecaster is None else self.forecaster,
            interval_s=base.interval_s if self.interval_s is None else self.interval_s,
        )

    def _weigh(self, objective: Objective) -> Objective:
        """Return the objective with the weights and the metric of this run."""
        weighted = objective.reweighted(self.alpha, self.beta)
        return weighted if self.metric is None else replace(weighted, metric=find_metric(self.metric))

    def _limit(self, constraints: Constraints) -> Constraints:
        """Return the constraints with the limits of this run and its platform: the planner knows them."""
        cores = [most for most in (self.max_cores, self.settings.core_limit) if most is not None]
        return replace(
            constraints,
            max_replicas=constraints.max_replicas if self.max_replicas is None else self.max_replicas,
            max_cores=min(cores, default=constraints.max_cores),
            queues=self.settings.queues,
        )

    def conditions(self, parameters: RunParameters) -> Conditions:
        """Return what this run, whose parameters are given, asks of its platform."""
        sla_s, multiple = parameters.pipeline.sla_s, self.drop_multiple
        deadlines_s = tuple(multiple * limit_s for limit_s in stage_deadlines_s(parameters.pipeline))
        limits_s: dict[str, tuple[float, tuple[float, ...]]] = {
            "edition": (parameters.drop_after_s, ()),
            "none": (math.inf, ()),
            "sla": (multiple * sla_s, ()),
            "stage-deadline": (multiple * sla_s, deadlines_s),
            "admission": (multiple * sla_s, (deadlines_s[0], *[math.inf] * (len(deadlines_s) - 1))),
        }
        if self.drop not in limits_s:
            raise UnknownNameError("drop policy", self.drop, limits_s)
        return Conditions(self.seed, *limits_s[self.drop])

    @property
    def folder_name(self) -> str:
        """Name of the folder that holds this run and its siblings."""
        plain = self.edition in paper.PAPER_EDITIONS and self.trace in get_args(TraceChoice)
        return folder_name([self.edition, self.trace], [self.edition, self.trace], plain=plain)

    @property
    def run_name(self) -> str:
        """Name of the run's own folder: what was run, then whatever differs from the defaults.

        A file goes by its stem and its content, so that a run has the same name on every machine.
        """
        overrides = self._overrides()
        named = [self.pipeline, self.workload, self.method]
        sources = [pipeline_identity(self.pipeline), workload_identity(self.workload), [self.method]]
        return folder_name(
            [*(source[0] for source in sources), *(f"{name}={shown(value)}" for name, value in overrides)],
            [sources, [(name, type(value).__name__, identity(value)) for name, value in overrides]],
            plain=all(map(is_of_the_paper, named)) and all(is_plain(value) for _, value in overrides),
        )

    def _overrides(self) -> list[tuple[str, object]]:
        """Return the options that differ from their defaults, those of the platform among them."""
        named = {"pipeline", "workload", "method", "edition", "trace", "platform_settings"}
        own = _differing(self, RunSpec(), named)
        return list(in_order(own | _differing(self.settings, type(self.settings)())).items())


def _differing(given: Any, default: Any, without: Collection[str] = ()) -> dict[str, object]:
    """Return the fields of a dataclass that differ from a default, but those that are not compared."""
    return {
        field.name: value
        for field in fields(given)
        if field.compare
        and field.name not in without
        and (value := getattr(given, field.name)) != getattr(default, field.name)
    }


def stage_deadlines_s(pipeline: Pipeline) -> tuple[float, ...]:
    """Return the age by which a request should have left each stage, so that it meets the SLA at the last.

    The SLA is divided over the stages in proportion to their own SLAs, in a graph along the longest path that
    leads through the stage: at the last stage of every path it is the whole SLA.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> stage_deadlines_s(load_pipeline("video"))
    (4.62, 6.89)
    """
    shares, edges = [stage.sla_s or 1.0 for stage in pipeline.stages], pipeline.edge_places()
    before, after = sums_up_to(shares, edges), sums_after(shares, edges)
    return tuple(
        round(pipeline.sla_s * up_to / (up_to + rest), 9) for up_to, rest in zip(before, after, strict=True)
    )
