"""The control loop: observe the load, forecast it, decide, apply the plan, record what happened."""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from numbers import Real
from operator import index
from typing import Literal

import numpy as np

from ipa.errors import InvalidValueError, IpaError
from ipa.forecast import Forecast, Forecaster
from ipa.forecast.window import clean_window
from ipa.make_room import steps_with_room
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.planner import Planner
from ipa.pipeline.accuracy import METRICS, AccuracyMetric
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport, Observation, Platform
from ipa.results.decisions import Action, DecisionRecord
from ipa.schedule import Schedule

log = logging.getLogger(__name__)

OnInfeasible = Literal["best-effort", "hold"]

UNRECORDED_KEPT = 10_000
"""Records kept in memory that could not be written, the latest ones; more than a day of steps."""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """How the control loop runs.

    Parameters
    ----------
    interval_s
        Seconds between decisions.
    forecast_margin
        The forecast is multiplied by 1 + this before the decision.
    round_rates
        Round the arrival rate of a decision to a whole number.
    on_infeasible
        What to do if no plan carries the load within the SLA: apply the ``best-effort`` plan of the decision,
        or ``hold`` the last good one, as the published runs did.
    """

    interval_s: float = 10.0
    forecast_margin: float = 0.0
    round_rates: bool = False
    on_infeasible: OnInfeasible = "best-effort"


@dataclass(slots=True)
class _Progress:
    """What is known of a step while it is under way."""

    doing: str = ""
    observation: Observation | None = None
    forecast: Forecast | None = None
    rate_rps: float | None = None
    decision: Decision | None = None
    decided: Plan | None = None
    action: Action = "held"
    reasons: list[str] = field(default_factory=list)
    skipped_ticks: int = 0


class Adapter:
    """Keeps one pipeline on one platform adapted to its load.

    Every step compares what runs with the plan that is wanted, the one last decided for, and applies that
    plan until it is in force. No failing step ends the loop: a missing metric, a failing forecaster, a solver
    deadline, an error of the platform or a full disk leave the plan that is wanted as it is, and the record
    says why.

    Parameters
    ----------
    platform
        Where the pipeline runs.
    planner
        Decides for an arrival rate.
    forecaster
        Predicts the load.
    settings
        Interval, margins, and what to do above capacity.
    record
        Called with the record of every step, for example to append it to a file.

    Attributes
    ----------
    unrecorded
        The records for which ``record`` failed, the latest ``UNRECORDED_KEPT``.
    skipped_ticks
        Steps that ``run`` left out because their time had passed.
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
        self.unrecorded: deque[DecisionRecord] = deque(maxlen=UNRECORDED_KEPT)
        self.skipped_ticks = 0
        # What shall run; whether the platform broke off while it was told so; the last plan that it took.
        self._wanted: Plan | None = None
        self._half_done = False
        self._taken: Plan | None = None
        self._step = 0
        self._now_s = 0.0
        # By metric and variants: a loop decides for the same few again and again.
        self._accuracies: dict[tuple[object, ...], float] = {}

    def deploy(self, plan: Plan) -> None:
        """Start the pipeline with a plan and record it as step 0."""
        self._platform.deploy(self._planner.pipeline, plan)
        self._wanted = self._taken = plan
        self._finish(_Progress(action="deployed"))

    def run(self, until_s: float) -> None:
        """Decide every interval up to and including ``until_s``; ``deploy`` comes first.

        A step whose time has passed when the one before it ends is left out; the next record counts it.

        Parameters
        ----------
        until_s
            On the platform's clock; infinity runs until interrupted.
        """
        self._look_at_the_clock([])
        schedule = Schedule.between(self._now_s, until_s, self._settings.interval_s)
        while (tick := schedule.next(self._now_s)) is not None:
            due_s, skipped = tick
            progress = _Progress(doing="sleep", skipped_ticks=skipped)
            with self._surviving(progress):
                self._platform.sleep_until(due_s)
            self._now_s = due_s
            self._look_at_the_clock(progress.reasons)
            if back_s := schedule.went_back_s(self._now_s):
                progress.reasons.append(f"the clock is {back_s:.6g} s behind the time of this step")
            self._take_step(progress)
            self._look_at_the_clock([])
        self.skipped_ticks += schedule.skipped
        self._tell_the_end(schedule.skipped)

    def step(self) -> DecisionRecord:
        """Run one step of the loop now and return its record."""
        return self._take_step(_Progress())

    def _take_step(self, progress: _Progress) -> DecisionRecord:
        self._step += 1
        with self._surviving(progress):
            self._decide(progress)
        if progress.observation is not None:
            with self._surviving(progress):
                self._converge(progress, progress.observation)
        return self._finish(progress)

    @contextmanager
    def _surviving(self, progress: _Progress) -> Iterator[None]:
        """Turn whatever is raised, except the wish to end the program, into a reason."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            log.warning("step %d: %s failed", self._step, progress.doing, exc_info=True)
            progress.action = "held"
            progress.reasons.append(f"{progress.doing} failed: {_in_words(error)}")

    def _decide(self, progress: _Progress) -> None:
        progress.doing = "observe"
        seen = progress.observation = _check_observation(self._platform.observe())
        if self._wanted is None:
            # Restarted beside a running pipeline: what runs is the last good plan.
            self._wanted = self._taken = seen.plan
        if seen.note:
            progress.reasons.append(seen.note)
        progress.doing = "forecast"
        if not len(clean_window(seen.rates_rps)[0]):
            # A dead monitor looks like an idle service; scaling down on it would drop the load that is there.
            progress.reasons.append("no second of the history was measured")
            return
        forecast = _check_forecast(self._forecaster.forecast(seen.rates_rps, seen.now_s))
        progress.forecast = forecast
        rate_rps = progress.rate_rps = self._rate_to_plan_for(forecast)
        progress.doing = "decide"
        decision = progress.decision = _check_decision(self._planner.decide(rate_rps))
        if decision.note:
            progress.reasons.append(decision.note)
        if decision.status is Status.INFEASIBLE:
            progress.reasons.append(decision.why)
        if decision.status is not Status.INFEASIBLE or self._settings.on_infeasible == "best-effort":
            progress.decided = self._wanted = decision.plan

    def _rate_to_plan_for(self, forecast: Forecast) -> float:
        rate_rps = forecast.rate_rps * (1 + self._settings.forecast_margin)
        return float(round(rate_rps)) if self._settings.round_rates else rate_rps

    def _converge(self, progress: _Progress, seen: Observation) -> None:
        """Apply the plan that is wanted unless it is in force."""
        progress.doing, wanted = "apply", self._wanted
        if wanted is None:
            return
        missing = _missing(seen, wanted)
        if wanted == seen.plan and not self._half_done and not missing:
            progress.action = "held" if progress.decided is None else "unchanged"
            self._taken = wanted
            return
        repeated, self._half_done = self._half_done, True
        report: object = self._platform.apply(wanted)
        if isinstance(report, ApplyReport) and report.pending:
            report = self._make_room(progress, seen.plan, wanted) or report
        self._half_done, self._taken = False, wanted
        same_shape = wanted.shape == seen.plan.shape
        if not isinstance(report, ApplyReport):
            progress.action = "pending"
            progress.reasons.append(f"apply answered {type(report).__name__}, not an ApplyReport")
        elif report.pending:
            progress.action = "pending"
            progress.reasons.append(report.reason or "the plan waits for room in the cluster")
        elif repeated or not same_shape:
            progress.action = "applied"
            if repeated:
                progress.reasons.append("applied again: an earlier step broke off while applying")
        elif missing:
            progress.action = "pending"
            progress.reasons.append(missing)
        else:
            progress.action = "held" if progress.decided is None else "unchanged"

    def _make_room(self, progress: _Progress, running: Plan, wanted: Plan) -> ApplyReport | None:
        """Let go of replicas for a plan that waits for room, if what runs falls short of the load anyway."""
        max_cores, rate_rps = self._planner.constraints.max_cores, progress.rate_rps
        if max_cores is None or rate_rps is None or self._carries(running, rate_rps):
            return None
        way = steps_with_room(running, wanted, max_cores)
        if way is None:
            return None
        shrunk, switched = way
        self._platform.apply(shrunk)
        report = self._platform.apply(switched)
        if report.pending:
            return report
        progress.reasons.append("replicas of the plan before made room, which falls short of the load anyway")
        if switched == wanted:
            return report
        reason = f"until the others have stopped there is room for {switched.cost_cores} of its cores"
        return ApplyReport(report.started, report.stopped, pending=True, reason=reason)

    def _carries(self, plan: Plan, rate_rps: float) -> bool:
        """Whether a plan carries a load; one that is not of this pipeline is not to be judged."""
        try:
            return plan.throughput_rps(self._planner.pipeline) >= rate_rps
        except IpaError:
            return True

    def _finish(self, progress: _Progress) -> DecisionRecord:
        self._look_at_the_clock(progress.reasons)
        seen, decision = progress.observation, progress.decision
        # Nothing is known of the running plan until an observation succeeds after a restart.
        plan = self._taken or Plan(())
        record = DecisionRecord(
            step=self._step,
            time_s=self._now_s,
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
            skipped_ticks=progress.skipped_ticks,
            measured_accuracy=self._measured_accuracy(plan),
        )
        self._write(record)
        return record

    def _write(self, record: DecisionRecord) -> None:
        try:
            self._record(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            log.warning("step %d could not be recorded; it is kept in memory", record.step, exc_info=True)
            self.unrecorded.append(record)

    def _look_at_the_clock(self, reasons: list[str]) -> None:
        """Learn the time; a clock that fails is taken to stand still."""
        progress = _Progress(doing="now", reasons=reasons)
        with self._surviving(progress):
            shown: object = self._platform.now()
            if not math.isfinite(now_s := _number(shown)):
                raise TypeError(f"the clock shows {shown!r}, not a number of seconds")
            self._now_s = now_s

    def _tell_the_end(self, skipped: int) -> None:
        if skipped:
            log.warning("%d steps were skipped because their time had passed", skipped)
        if lost := self.unrecorded:
            log.error("%d steps could not be recorded, from step %d on", len(lost), lost[0].step)

    def _accuracy(self, plan: Plan, metric: AccuracyMetric) -> float:
        """Return the accuracy of a plan; NaN for one, found after a restart, that is not of this pipeline."""
        chosen = (metric.name, *((stage.stage, stage.variant) for stage in plan.stages))
        if chosen not in self._accuracies:
            self._accuracies[chosen] = math.nan
            with suppress(IpaError):
                if plan.stages:
                    self._accuracies[chosen] = plan.accuracy(self._planner.pipeline, metric)
        return self._accuracies[chosen]

    def _measured_accuracy(self, plan: Plan) -> float | None:
        """Return the measured accuracy of a plan; None where there is none."""
        with suppress(IpaError):
            return plan.measured_accuracy(self._planner.pipeline) if plan.stages else None
        return None


def _in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _check_observation(seen: object) -> Observation:
    if not isinstance(seen, Observation):
        raise TypeError(f"observe answered {type(seen).__name__}, not an Observation")
    if not _is_plan(seen.plan):
        raise TypeError(f"the plan observed is {seen.plan!r}")
    return replace(
        seen,
        ready_replicas=tuple(map(index, seen.ready_replicas)),
        pending=str(seen.pending),
        note=str(seen.note),
    )


def _is_plan(plan: object) -> bool:
    return isinstance(plan, Plan) and all(isinstance(stage, StagePlan) for stage in plan.stages)


def _check_forecast(forecast: object) -> Forecast:
    if not isinstance(forecast, Forecast):
        raise TypeError(f"the forecaster answered {type(forecast).__name__}, not a Forecast")
    rate_rps = _number(forecast.rate_rps)
    if not 0 <= rate_rps < math.inf:
        raise InvalidValueError(f"the forecaster answered {forecast.rate_rps!r} requests per second")
    return replace(forecast, rate_rps=rate_rps)


def _number(value: object) -> float:
    """Return a number as a float; NaN for anything else."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan


def _check_decision(decision: object) -> Decision:
    if not (isinstance(decision, Decision) and _is_plan(decision.plan)):
        raise TypeError(f"the planner answered {type(decision).__name__}, not a Decision with a plan")
    return decision


def _missing(seen: Observation, wanted: Plan) -> str:
    """Return what of the plan that is wanted does not serve yet, in words; empty if nothing."""
    if seen.pending:
        return seen.pending
    replicas = tuple(stage.replicas for stage in wanted.stages)
    if seen.ready_replicas == replicas:
        return ""
    if len(seen.ready_replicas) != len(replicas):
        return f"{len(seen.ready_replicas)} of {len(replicas)} stages are known to serve"
    return ", ".join(
        f"{stage.stage}: {ready} of {stage.replicas} replicas serve"
        for stage, ready in zip(wanted.stages, seen.ready_replicas, strict=True)
        if ready != stage.replicas
    )


def _last_second_rps(seen: Observation | None) -> float | None:
    try:
        rates_rps = np.asarray(None if seen is None else seen.rates_rps)
    except ValueError:
        return None
    if rates_rps.ndim != 1 or not len(rates_rps) or rates_rps.dtype.kind not in "iuf":
        return None
    last_rps: float = rates_rps[-1].item()
    return last_rps if math.isfinite(last_rps) else None
