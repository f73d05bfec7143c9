"""What is recorded of one step of the control loop."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from ipa.pipeline.plan import Plan, StagePlan

Action = Literal["deployed", "applied", "pending", "unchanged", "held"]


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One step of the control loop, as it is written to ``decisions.jsonl``.

    Parameters
    ----------
    step
        Number of the step; 0 is the deployment.
    time_s
        When the decision was taken, on the platform's clock.
    observed_rps
        Requests of the last full second; None if it was not measured.
    forecast_rps
        Forecast load; None if there is no forecast.
    fallback
        What the forecaster fell back to; empty if nothing.
    rate_rps
        Arrival rate that was decided for.
    status
        How the solve ended; empty if there was none.
    solver
        Solver that answered.
    solve_s
        Wall time of the solve in seconds.
    action
        ``deployed``: step 0. ``applied``: the platform took a plan of another shape (variants, batch sizes,
        replicas), or what was left undone of it. ``pending``: the plan is not in force yet, for the given
        reason. ``unchanged``: it is in force; at most the longest wait for a batch, which moves with the
        forecast, was handed over anew. ``held``: the last good plan stays, for the given reason.
    reason
        Why the plan is pending or held, or what was not as it should be; empty otherwise.
    cost_cores
        Cores of the plan decided for, or held, in the step; a cluster may still have to move to it.
    pas, rank_sum
        Accuracy of that plan under both published metrics; NaN if the plan is not one of this pipeline.
    ready_replicas
        Replicas of each stage that served when the step began.
    plan
        The plan decided for, or held, in the step; without stages while nothing is known of it.
    skipped_ticks
        Steps left out before this one because their time had passed: a step took too long, or the clock
        jumped.
    measured_accuracy
        Accuracy of that plan as measured for its combination of variants; None if the pipeline has no such
        accuracies, or the plan is not one of this pipeline.
    """

    step: int
    time_s: float
    observed_rps: float | None
    forecast_rps: float | None
    fallback: str
    rate_rps: float | None
    status: str
    solver: str
    solve_s: float
    action: Action
    reason: str
    cost_cores: int
    pas: float
    rank_sum: float
    ready_replicas: tuple[int, ...]
    plan: Plan
    skipped_ticks: int = 0
    measured_accuracy: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values, the plan as a list of stages."""
        # Not asdict, which copies every value of every field: a third of the time of a short run.
        values = {name: getattr(self, name) for name in _RECORD_FIELDS}
        return values | {"plan": [_as_dict(stage) for stage in self.plan.stages]}


_RECORD_FIELDS, _STAGE_FIELDS = (
    tuple(field.name for field in fields(kind)) for kind in (DecisionRecord, StagePlan)
)


def _as_dict(stage: StagePlan) -> dict[str, Any]:
    return {name: getattr(stage, name) for name in _STAGE_FIELDS}
