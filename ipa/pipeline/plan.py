"""What was chosen: a variant, a batch size and a number of replicas per stage."""

from collections.abc import Iterator
from dataclasses import dataclass

from ipa.errors import IpaError, UnknownNameError
from ipa.pipeline.accuracy import MEASURED, METRICS, AccuracyMetric
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.profiles import ProfilePoint
from ipa.pipeline.slowest_path import slowest_path


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The configuration of one stage.

    Parameters
    ----------
    stage
        Name of the stage.
    variant
        Name of the chosen variant.
    batch
        Requests in a full batch.
    replicas
        Replicas that serve the stage.
    cores
        Cores of one replica.
    batch_wait_s
        Longest time in seconds that the oldest request waits for the batch to fill: the queueing time that
        the optimiser budgeted, (b - 1) / λ.
    """

    stage: str
    variant: str
    batch: int
    replicas: int
    cores: int
    batch_wait_s: float = 0.0

    @property
    def cost_cores(self) -> int:
        """Cores of all replicas of the stage."""
        return self.replicas * self.cores

    @property
    def without_wait(self) -> "StagePlan":
        """The same without what moves with every forecast, the longest wait for a batch."""
        return StagePlan(self.stage, self.variant, self.batch, self.replicas, self.cores)


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration of a pipeline.

    Parameters
    ----------
    stages
        One entry per stage, in the pipeline's order.
    """

    stages: tuple[StagePlan, ...]

    @property
    def cost_cores(self) -> int:
        """Cores of the whole pipeline, the paper's cost."""
        return sum(stage.cost_cores for stage in self.stages)

    @property
    def variants(self) -> tuple[str, ...]:
        """Chosen variant of each stage."""
        return tuple(stage.variant for stage in self.stages)

    @property
    def shape(self) -> "Plan":
        """The plan without what moves with every forecast, the longest waits for a batch."""
        return Plan(tuple(s if s.batch_wait_s == 0.0 else s.without_wait for s in self.stages))

    def accuracy(self, pipeline: Pipeline, metric: AccuracyMetric = METRICS["pas"]) -> float:
        """Return the accuracy of the pipeline under a metric (ranks count the enabled variants)."""
        scores = [_stage_score(pipeline, chosen, metric) for chosen in self.stages]
        return metric.bind(pipeline).accuracy(self.variants, scores)

    def measured_accuracy(self, pipeline: Pipeline) -> float | None:
        """Return the measured accuracy of the pipeline; None if it has none."""
        return None if pipeline.measured_accuracy is None else self.accuracy(pipeline, MEASURED)

    def latency_s(self, pipeline: Pipeline) -> float:
        """Return the sum over stages of the p99 batch latency and the longest wait for the batch.

        In a graph it is the sum along the slowest path.
        """
        times_s = [_point(pipeline, stage).latency_p99_s + stage.batch_wait_s for stage in self.stages]
        return slowest_path(times_s, pipeline.edge_places())

    def throughput_rps(self, pipeline: Pipeline) -> float:
        """Return the arrival rate of the pipeline that the slowest stage sustains."""
        factors = pipeline.rate_factors()
        return min(
            stage.replicas * _point(pipeline, stage).throughput_rps / factors[stage.stage]
            for stage in self.stages
        )


def _stage_score(pipeline: Pipeline, chosen: StagePlan, metric: AccuracyMetric) -> float:
    choices = pipeline.stage(chosen.stage).choices
    scores = metric.stage_scores([variant.accuracy for variant in choices])
    by_name = dict(zip((variant.name for variant in choices), scores, strict=True))
    if chosen.variant not in by_name:
        raise UnknownNameError(f"enabled variant of stage {chosen.stage}", chosen.variant, by_name)
    return by_name[chosen.variant]


def plan_defects(pipeline: Pipeline, plan: Plan, rate_rps: float, sla_s: float, queues: int = 1) -> list[str]:
    """Check a plan from first principles, independently of how it was found.

    The time that a batch takes to fill is computed here, (b - 1) / λ of each queue, not taken from the plan.

    Parameters
    ----------
    pipeline
        What could be chosen.
    plan
        What was chosen.
    rate_rps
        Arrival rate that the plan has to carry.
    sla_s
        End-to-end latency limit in seconds.
    queues
        Queues among which the requests of a stage are divided.

    Returns
    -------
    list of str
        What is wrong; empty if the plan is feasible.
    """
    names = [stage.name for stage in pipeline.stages]
    if [stage.stage for stage in plan.stages] != names:
        return [f"the plan is for stages {[s.stage for s in plan.stages]}, the pipeline has {names}"]
    try:
        points = [_point(pipeline, chosen) for chosen in plan.stages]
    except IpaError as error:
        return [str(error)]
    factors = pipeline.rate_factors()
    defects = [
        defect
        for chosen, point in zip(plan.stages, points, strict=True)
        for defect in _stage_defects(pipeline, chosen, point, rate_rps * factors[chosen.stage])
    ]
    waits_s = [
        (s.batch - 1) * queues / (rate_rps * factors[s.stage]) if rate_rps > 0 else 0.0 for s in plan.stages
    ]
    times_s = [wait_s + point.latency_p99_s for wait_s, point in zip(waits_s, points, strict=True)]
    latency_s = slowest_path(times_s, pipeline.edge_places())
    if latency_s > sla_s * (1 + 1e-9):
        defects.append(f"takes {latency_s:.3f} s, the SLA is {sla_s:.3f} s")
    return defects


def _point(pipeline: Pipeline, chosen: StagePlan) -> ProfilePoint:
    return pipeline.stage(chosen.stage).variant(chosen.variant).profile_on(chosen.cores).at(chosen.batch)


def _stage_defects(
    pipeline: Pipeline, chosen: StagePlan, point: ProfilePoint, rate_rps: float
) -> Iterator[str]:
    if not pipeline.stage(chosen.stage).variant(chosen.variant).enabled:
        yield f"{chosen.stage}: variant {chosen.variant} is disabled"
    if chosen.replicas < 1:
        yield f"{chosen.stage}: {chosen.replicas} replicas, a stage needs at least 1"
    carried_rps = chosen.replicas * point.throughput_rps
    if carried_rps < rate_rps * (1 - 1e-9):
        yield f"{chosen.stage}: carries {carried_rps:.3f} of {rate_rps:.3f} requests per second"
    if chosen.batch > 1 and rate_rps == 0:
        yield f"{chosen.stage}: a batch of {chosen.batch} never fills, nothing arrives"
