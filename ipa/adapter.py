"""The control loop: observe the load, forecast it, decide, apply the plan, record what happened."""

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ipa.accuracy import METRICS, AccuracyMetric
from ipa.errors import IpaError
from ipa.forecast import Forecast, Forecaster
from ipa.forecast.window import clean_window
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.planner import Planner
from ipa.plan import Plan
from ipa.platforms.base import Observation, Platform

log = logging.getLogger(__name__)

Action = Literal["deployed", "applied", "unchanged", "held"]


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """How the control loop runs.

    Parameters
    ----------
    interval_s
        Seconds between decisions.
    forecast_margin
        The forecast is multiplied by 1 + this before the decision.
    whole_rates
        Round the arrival rate of a decision to a whole number.
    """

    interval_s: float = 10.0
    forecast_margin: float = 0.0
    whole_rates: bool = False


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
        ``deployed`` (step 0), ``applied``, ``unchanged`` (the decided plan runs already) or ``held`` (the
        last good plan stays, for the given reason).
    reason
        Why the plan was held, or what was not as it should be; empty otherwise.
    cost_cores
        Cores of the plan decided for, or held, in the step; a cluster may still have to move to it.
    pas, rank_sum
        Accuracy of that plan under both published metrics; NaN if the plan is not one of this pipeline.
    ready_replicas
        Replicas of each stage that served when the step began.
    plan
        The plan decided for, or held, in the step; without stages while nothing is known of it.
    """

    step: int
    time_s: float
    observed_rps: int | None
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

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values, the plan as a list of stages."""
        return asdict(self) | {"plan": [asdict(stage) for stage in self.plan.stages]}


@dataclass(slots=True)
class _Progress:
    """What is known of a step while it is under way."""

    doing: str = "deploy"
    observation: Observation | None = None
    forecast: Forecast | None = None
    rate_rps: float | None = None
    decision: Decision | None = None
    action: Action = "held"
    reasons: list[str] = field(default_factory=list)


class Adapter:
    """Keeps one pipeline on one platform adapted to its load.

    A failing step never ends the loop: a missing metric, a failing forecaster, an infeasible problem, a
    solver deadline or an error of the platform hold the last good plan, and the record says why.

    Parameters
    ----------
    platform
        Where the pipeline runs.
    planner
        Decides for an arrival rate.
    forecaster
        Predicts the load.
    settings
        Interval and margins.
    record
        Called with the record of every step, for example to append it to a file.
    """

    def __init__(
        self,
        platform: Platform,
        planner: Planner,
        forecaster: Forecaster,
        settings: AdapterSettings,
        record: Callable[[DecisionRecord], None],
    ) -> None:
        self._platform = platform
        self._planner = planner
        self._forecaster = forecaster
        self._settings = settings
        self._record = record
        self._plan: Plan | None = None
        self._step = 0

    def deploy(self, plan: Plan) -> None:
        """Start the pipeline with a plan and record it as step 0."""
        self._platform.deploy(self._planner.pipeline, plan)
        self._plan = plan
        self._finish(_Progress(action="deployed"))

    def run(self, until_s: float) -> None:
        """Decide every interval up to and including ``until_s``; ``deploy`` comes first."""
        start_s = self._platform.now()
        ticks = int((until_s - start_s) / self._settings.interval_s + 1e-9)
        for tick in range(1, ticks + 1):
            self._platform.sleep_until(start_s + tick * self._settings.interval_s)
            self.step()

    def step(self) -> DecisionRecord:
        """Run one step of the loop now and return its record."""
        self._step += 1
        progress = _Progress()
        try:
            self._attempt(progress)
        except Exception as error:
            log.warning("step %d: %s failed", self._step, progress.doing, exc_info=True)
            progress.action = "held"
            progress.reasons.append(f"{progress.doing} failed: {type(error).__name__}: {error}")
        return self._finish(progress)

    def _attempt(self, progress: _Progress) -> None:
        progress.doing = "observe"
        seen = progress.observation = self._platform.observe()
        if self._plan is None:
            # Restarted beside a running pipeline: what runs is the last good plan.
            self._plan = seen.plan
        progress.doing = "forecast"
        if not len(clean_window(seen.rates_rps)[0]):
            # A dead monitor looks like an idle service; scaling down on it would drop the load that is there.
            progress.reasons.append("no second of the history was measured")
            return
        forecast = progress.forecast = self._forecaster.forecast(seen.rates_rps, seen.now_s)
        rate_rps = progress.rate_rps = self._rate_to_plan_for(forecast)
        progress.doing = "decide"
        decision = progress.decision = self._planner.decide(rate_rps)
        if decision.note:
            progress.reasons.append(decision.note)
        progress.doing = "apply"
        if decision.status is Status.INFEASIBLE:
            progress.reasons.append(f"no plan carries {rate_rps:g} requests per second within the SLA")
        else:
            progress.action = self._apply(decision.plan, seen.plan, progress.reasons)

    def _rate_to_plan_for(self, forecast: Forecast) -> float:
        rate_rps = forecast.rate_rps * (1 + self._settings.forecast_margin)
        return float(round(rate_rps)) if self._settings.whole_rates else rate_rps

    def _apply(self, decided: Plan, running: Plan, reasons: list[str]) -> Action:
        if decided != running and self._platform.apply(decided).pending:
            reasons.append("the plan waits for room in the cluster")
        self._plan = decided
        return "unchanged" if decided == running else "applied"

    def _finish(self, progress: _Progress) -> DecisionRecord:
        seen, decision = progress.observation, progress.decision
        # Nothing is known of the running plan until an observation succeeds after a restart.
        plan = self._plan or Plan(())
        record = DecisionRecord(
            step=self._step,
            time_s=self._platform.now(),
            observed_rps=_last_second_rps(seen),
            forecast_rps=progress.forecast.rate_rps if progress.forecast else None,
            fallback=(progress.forecast.fallback if progress.forecast else None) or "",
            rate_rps=progress.rate_rps,
            status=decision.status.value if decision else "",
            solver=decision.solver if decision else "",
            solve_s=decision.solve_s if decision else 0.0,
            action=progress.action,
            reason="; ".join(progress.reasons),
            cost_cores=plan.cost_cores,
            pas=self._accuracy(plan, METRICS["pas"]),
            rank_sum=self._accuracy(plan, METRICS["rank-sum"]),
            ready_replicas=seen.ready_replicas if seen else (),
            plan=plan,
        )
        self._record(record)
        return record

    def _accuracy(self, plan: Plan, metric: AccuracyMetric) -> float:
        """Return the accuracy of a plan; NaN for one, found after a restart, that is not of this pipeline."""
        try:
            return plan.accuracy(self._planner.pipeline, metric) if plan.stages else math.nan
        except IpaError:
            return math.nan


def _last_second_rps(seen: Observation | None) -> int | None:
    if seen is None or not len(seen.rates_rps) or not math.isfinite(seen.rates_rps[-1]):
        return None
    return int(seen.rates_rps[-1])
