"""The decision as a multiple-choice knapsack: one option per (variant, batch size), replicas folded in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ipa.errors import InvalidValueError
from ipa.limits import BATCH, CORES, REPLICAS
from ipa.optimizer.queueing import fill_wait_s
from ipa.optimizer.ticks import Ticks, ticks_of
from ipa.pipeline.accuracy import METRICS, AccuracyMetric
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.slowest_path import slowest_path

MOST_UNITS = 1e100
"""Largest ratio of two weights."""

BATCH_SHARE = 1e-6
"""Weight of one request of batch size as a share of that of one core, unless a decision says otherwise."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a decision maximises: α·A - β·Σ cost - δ·Σ batch (paper, Eq. 9).

    Parameters
    ----------
    metric
        Pipeline accuracy A.
    alpha
        Weight of the accuracy.
    beta
        Weight of one core.
    delta
        Weight of one request of batch size; small, it prefers the smaller of two equal batches. By default
        ``BATCH_SHARE`` of ``unit``.
    """

    metric: AccuracyMetric = METRICS["pas"]
    alpha: float = 1.0
    beta: float = 1.0
    delta: float | None = None

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "delta"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InvalidValueError(f"{name} must be finite and at least 0, not {value}")
        if max(self.alpha, self.delta or 0.0) / MOST_UNITS > self.unit:
            raise InvalidValueError(
                f"no weight may be more than {MOST_UNITS:g} times that of a core (beta {self.beta:g}), or of"
                f" the accuracy if cores are free: alpha is {self.alpha:g}, delta {self.batch_weight:g};"
                " for cores that cost nothing use beta 0"
            )

    @property
    def batch_weight(self) -> float:
        """Weight of one request of batch size."""
        return BATCH_SHARE * self.unit if self.delta is None else self.delta

    @property
    def unit(self) -> float:
        """The weight that the others are measured by: of a core, of the accuracy if cores are free."""
        return self.beta or self.alpha or self.delta or 1.0

    def at_unit_scale(self) -> "Objective":
        """Return the objective with all weights divided by ``unit``: the same decisions."""
        unit = self.unit
        return replace(self, alpha=self.alpha / unit, beta=self.beta / unit, delta=self.batch_weight / unit)

    def reweighted(self, alpha: float | None = None, beta: float | None = None) -> "Objective":
        """Return the objective with other weights; that of batches keeps its share of ``unit``."""
        other = replace(
            self,
            alpha=self.alpha if alpha is None else alpha,
            beta=self.beta if beta is None else beta,
        )
        return other if self.delta is None else replace(other, delta=self.delta / self.unit * other.unit)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What limits a decision, besides the SLA of the pipeline.

    Parameters
    ----------
    batch_sizes
        Batch sizes to consider; those outside a variant's profile are left out. By default all that were
        measured and ``POWERS_OF_TWO``.
    max_replicas
        Most replicas of one stage.
    max_cores
        Most cores of a plan, all replicas of all stages together; no limit if None.
    latency_margin
        Profiled latencies are multiplied by 1 + this.
    throughput_margin
        Profiled throughputs are multiplied by 1 + this.
    queue
        Name of the queue term (``ipa.optimizer.queueing``).
    measured_only
        Use only batch sizes that were measured, never the quadratic fit.
    sla_s
        End-to-end limit of the decision in seconds; the SLA of the pipeline if None.
    queues
        Queues among which the requests of a stage are divided, one for each shard of a gateway. Each fills
        its batches by itself, from its part of the load, so that a batch takes as many times longer to fill.
    """

    batch_sizes: tuple[int, ...] | None = None
    max_replicas: int = 100
    max_cores: int | None = None
    latency_margin: float = 0.0
    throughput_margin: float = 0.0
    queue: str = "fill"
    measured_only: bool = False
    sla_s: float | None = None
    queues: int = 1

    def __post_init__(self) -> None:
        if self.batch_sizes is not None and not self.batch_sizes:
            raise InvalidValueError("batch_sizes must name at least one batch size; leave it out for all")
        for batch in self.batch_sizes or ():
            BATCH.check("a batch size", batch)
        REPLICAS.check("max_replicas", self.max_replicas)
        REPLICAS.check("queues", self.queues)
        if self.max_cores is not None:
            CORES.check("max_cores", self.max_cores)
        if self.latency_margin <= -1 or self.throughput_margin <= -1:
            raise InvalidValueError("a margin must be larger than -1 (-100 %)")


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a method may not change.

    Parameters
    ----------
    variants
        The only variant of each stage (FA2), or None if all enabled ones may be chosen.
    replicas
        The fixed replicas of each stage (RIM), or None if they follow the load.
    """

    variants: tuple[str, ...] | None = None
    replicas: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a problem was built from.

    Parameters
    ----------
    pipeline, rate_rps, objective, constraints, restriction
        See ``ipa.optimizer.build.build_problem``.
    """

    pipeline: Pipeline
    rate_rps: float
    objective: Objective
    constraints: Constraints
    restriction: Restriction


class Option(NamedTuple):
    """One way to run a stage at the arrival rate of the problem.

    A tuple, because decisions make thousands of them and turn them into columns.

    Parameters
    ----------
    variant, batch, replicas, cores
        The configuration; cores are those of one replica.
    cost_cores
        Cores of all replicas.
    latency_s
        p99 latency of a batch, margin included, in seconds.
    wait_s
        The queue term in seconds.
    accuracy
        Accuracy of the variant in 0..1.
    score
        What the variant contributes to the accuracy metric; its own accuracy if combinations were measured.
    """

    variant: str
    batch: int
    replicas: int
    cores: int
    cost_cores: int
    latency_s: float
    wait_s: float
    accuracy: float
    score: float

    @property
    def total_s(self) -> float:
        """Share of the SLA that the option uses."""
        return self.latency_s + self.wait_s


@dataclass(frozen=True)
class Problem:
    """Choose one option per stage: maximise the objective, keep the summed latency within the SLA.

    Parameters
    ----------
    stages
        Names of the stages.
    options
        Options of each stage; a stage without options makes the problem infeasible.
    objective
        What to maximise.
    rate_rps
        Arrival rate that every option carries.
    sla_s
        End-to-end latency limit in seconds.
    best_effort
        One option per stage to fall back to when the problem is infeasible; looked for if there are none
        (``ipa.optimizer.best_effort``).
    edges
        Pairs (stage, later stage) of a graph; none for a chain. The SLA holds on every path.
    rate_factors
        Arrival rate of each stage over that of the pipeline; none if all are 1.
    max_cores
        Most cores of a plan; no limit if None.
    queues
        Queues among which the requests of a stage are divided.
    source
        What the problem was built from; None if its options were made up.
    """

    stages: tuple[str, ...]
    options: tuple[tuple[Option, ...], ...]
    objective: Objective
    rate_rps: float
    sla_s: float
    best_effort: tuple[Option, ...] = field(default=())
    edges: tuple[tuple[int, int], ...] = ()
    rate_factors: tuple[float, ...] = ()
    max_cores: int | None = None
    queues: int = 1
    source: Source | None = field(default=None, repr=False, compare=False)

    @cached_property
    def ticks(self) -> Ticks:
        """The arithmetic in which a plan keeps the SLA or does not."""
        # Without the property: decisions make thousands of options.
        fastest_s = (min([o.latency_s + o.wait_s for o in stage], default=0.0) for stage in self.options)
        return ticks_of(self.sla_s, fastest_s)

    def at_unit_scale(self) -> "Problem":
        """Return the problem with all weights divided by ``Objective.unit``: the same decisions."""
        scaled = replace(self, objective=self.objective.at_unit_scale())
        scaled.__dict__["ticks"] = self.ticks  # Options and SLA are the same.
        return scaled

    def accuracy(self, choice: Sequence[Option]) -> float:
        """Return the accuracy of a choice of one option per stage under the metric of the objective."""
        return self.objective.metric.accuracy(
            [option.variant for option in choice], [option.score for option in choice]
        )

    def value(self, choice: Sequence[Option]) -> float:
        """Return the objective of a choice of one option per stage."""
        weights = self.objective
        return (
            weights.alpha * self.accuracy(choice)
            - weights.beta * sum(option.cost_cores for option in choice)
            - weights.batch_weight * sum(option.batch for option in choice)
        )

    def latency_s(self, choice: Sequence[Option]) -> float:
        """Return the summed latency and queue term of a choice, in a graph along its slowest path."""
        return slowest_path([option.total_s for option in choice], self.edges)

    def keeps_sla(self, choice: Sequence[Option]) -> bool:
        """Whether a choice keeps the SLA, in whole ticks."""
        ticks = [self.ticks.of(option.total_s) for option in choice]
        return slowest_path(ticks, self.edges) <= self.ticks.limit

    def fits_cores(self, choice: Sequence[Option]) -> bool:
        """Whether a choice keeps the limit of cores."""
        return self.max_cores is None or sum(option.cost_cores for option in choice) <= self.max_cores

    def feasible(self, choice: Sequence[Option]) -> bool:
        """Whether a choice keeps the SLA and the limit of cores."""
        return self.fits_cores(choice) and self.keeps_sla(choice)

    def plan(self, choice: Sequence[Option]) -> Plan:
        """Return a choice as a plan."""
        return Plan(
            tuple(
                StagePlan(
                    stage,
                    o.variant,
                    o.batch,
                    o.replicas,
                    o.cores,
                    batch_wait_s=_finite(o.batch, self.rate_rps * factor / self.queues),
                )
                for stage, o, factor in zip(
                    self.stages, choice, self.rate_factors or (1.0,) * len(choice), strict=True
                )
            )
        )


def _finite(batch: int, rate_rps: float) -> float:
    """Return the real time to fill a batch, whatever queue term the decision used; 1 s if it never fills."""
    wait_s = fill_wait_s(batch, rate_rps)
    return wait_s if math.isfinite(wait_s) else 1.0
