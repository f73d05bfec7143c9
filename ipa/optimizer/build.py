"""From a pipeline and an arrival rate to a problem: the options of every stage."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ipa.errors import InvalidValueError
from ipa.limits import RATE_RPS
from ipa.optimizer.problem import Constraints, Objective, Option, Problem, Restriction, Source
from ipa.optimizer.queueing import QUEUE_TERMS, fill_wait_s
from ipa.optimizer.tolerance import REPLICA_SHARE
from ipa.pipeline.accuracy import AccuracyMetric
from ipa.pipeline.pipeline import Pipeline, Stage, Variant

POWERS_OF_TWO = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that are considered besides those that were measured."""


def build_problem(
    pipeline: Pipeline,
    rate_rps: float,
    objective: Objective,
    constraints: Constraints,
    restriction: Restriction | None = None,
) -> Problem:
    """Turn a pipeline and an arrival rate into a problem.

    Parameters
    ----------
    pipeline
        What there is to choose from.
    rate_rps
        Arrival rate that the plan has to carry, at least 0.
    objective
        What to maximise.
    constraints
        What limits the decision.
    restriction
        What the method may not change; nothing by default.

    Returns
    -------
    Problem
        One option per stage, variant and batch size whose replicas n = max(1, ⌈λ / h⌉) stay within the cap.

    Raises
    ------
    InvalidValueError
        If the rate is negative or not finite, the restriction does not fit the stages, or the metric takes
        measured accuracies and the pipeline has none.

    Notes
    -----
    Source: paper, Eq. 8 and 9; DESIGN section 3.
    """
    RATE_RPS.check("the arrival rate", rate_rps)
    source = Source(pipeline, rate_rps, objective, constraints, restriction or Restriction())
    _check_restriction(pipeline, source.restriction)
    return Problem(
        stages=tuple(stage.name for stage in pipeline.stages),
        options=tuple(stage.carrying() for stage in stage_choices(source)),
        objective=replace(objective, metric=objective.metric.bind(pipeline)),
        rate_rps=rate_rps,
        sla_s=pipeline.sla_s if constraints.sla_s is None else constraints.sla_s,
        edges=pipeline.edge_places(),
        rate_factors=tuple(pipeline.rate_factors().values()) if pipeline.edges else (),
        max_cores=constraints.max_cores,
        queues=constraints.queues,
        source=source,
    )


def rebuild(source: Source) -> Problem:
    """Return the problem that was or would be built from this."""
    return build_problem(
        source.pipeline, source.rate_rps, source.objective, source.constraints, source.restriction
    )


def stage_choices(source: Source) -> "list[StageChoices]":
    """Return what there is to choose from at every stage."""
    factors, fixed = source.pipeline.rate_factors(), source.restriction
    return [
        StageChoices(
            stage,
            source.rate_rps * factors[stage.name],
            source.objective.metric,
            source.constraints,
            fixed.replicas[place] if fixed.replicas else None,
            fixed.variants[place] if fixed.variants else None,
        )
        for place, stage in enumerate(source.pipeline.stages)
    ]


def _check_restriction(pipeline: Pipeline, restriction: Restriction) -> None:
    for what, given in (("variants", restriction.variants), ("replicas", restriction.replicas)):
        if given is not None and len(given) != len(pipeline.stages):
            raise InvalidValueError(
                f"pipeline {pipeline.name} has {len(pipeline.stages)} stages,"
                f" the method fixes {what} for {len(given)}"
            )
    for stage, name in zip(pipeline.stages, restriction.variants or (), strict=False):
        if not stage.variant(name).enabled:
            raise InvalidValueError(
                f"the method fixes variant {name} of stage {stage.name}, which is disabled"
            )


@dataclass(frozen=True)
class StageChoices:
    """What there is to choose from at one stage.

    Parameters
    ----------
    stage
        The stage.
    rate_rps
        Arrival rate of the stage.
    metric
        Scores its variants.
    constraints
        What limits the decision.
    fixed_replicas, fixed_variant
        What the method keeps fixed; None if nothing.
    """

    stage: Stage
    rate_rps: float
    metric: AccuracyMetric
    constraints: Constraints
    fixed_replicas: int | None
    fixed_variant: str | None

    def carrying(self, *, unfilled: bool = False) -> tuple[Option, ...]:
        """Return the options that carry the rate within the replica cap.

        Parameters
        ----------
        unfilled
            Those whose batches never fill, as nothing arrives, too.
        """
        return tuple(
            option
            for option, needed in self._candidates
            if needed <= option.replicas <= self.constraints.max_replicas
            and (unfilled or math.isfinite(option.wait_s))
        )

    def largest(self) -> Option:
        """Return the option with the largest throughput that the replicas allow."""
        largest = max((option for option, _ in self._candidates), key=self._throughput_and_accuracy)
        most = self.constraints.max_replicas
        replicas = min(self.fixed_replicas or most, most)
        return largest._replace(
            replicas=replicas,
            cost_cores=replicas * largest.cores,
            wait_s=fill_wait_s(largest.batch, self._queue_rps),
        )

    def _throughput_and_accuracy(self, option: Option) -> tuple[float, float]:
        point = self.stage.variant(option.variant).profile.at(option.batch)
        return point.throughput_rps, option.accuracy

    @property
    def _queue_rps(self) -> float:
        """What arrives at each queue of the stage."""
        return self.rate_rps / self.constraints.queues

    @cached_property
    def _candidates(self) -> list[tuple[Option, int]]:
        """Every variant and batch size, with the replicas that the rate needs."""
        queue = QUEUE_TERMS[self.constraints.queue]
        waits_s = {batch: queue(batch, self._queue_rps) for batch in self._batches()}
        return [
            candidate
            for variant, score in self._scored_variants()
            for candidate in self._of_variant(variant, score, waits_s)
        ]

    def _batches(self) -> list[int]:
        given = self.constraints.batch_sizes
        if given is not None:
            return sorted(set(given))
        measured = (variant.profile.measured for variant in self.stage.choices)
        return sorted(set(POWERS_OF_TWO).union(*measured))

    def _scored_variants(self) -> list[tuple[Variant, float]]:
        choices = self.stage.choices
        scores = self.metric.stage_scores([variant.accuracy for variant in choices])
        return [
            (variant, score)
            for variant, score in zip(choices, scores, strict=True)
            if self.fixed_variant in (None, variant.name)
        ]

    def _of_variant(
        self, variant: Variant, score: float, waits_s: Mapping[int, float]
    ) -> Iterator[tuple[Option, int]]:
        limits, profile, cores = self.constraints, variant.profile, variant.base_cores
        slower, faster = 1 + limits.latency_margin, 1 + limits.throughput_margin
        for batch, wait_s in waits_s.items():
            if not (batch in profile.measured or (profile.supports(batch) and not limits.measured_only)):
                continue
            point = profile.at(batch)
            load = self.rate_rps / (point.throughput_rps * faster)
            needed = max(1, math.ceil(load * (1 - REPLICA_SHARE)))
            replicas = self.fixed_replicas or needed
            latency_s, cost = point.latency_p99_s * slower, replicas * cores
            yield (
                Option(
                    variant.name,
                    batch,
                    replicas,
                    cores,
                    cost,
                    latency_s,
                    wait_s,
                    variant.accuracy,
                    score,
                ),
                needed,
            )
