"""The conditions of an InferencePipeline: Ready, Adapting, SLAMet and Degraded, each with a reason."""

from collections.abc import Iterable
from dataclasses import dataclass

from ipa.cluster.resource_status import Condition, ConditionType, PipelineStatus, Truth
from ipa.optimizer.decision import Status
from ipa.pipeline.plan import Plan
from ipa.results.decisions import DecisionRecord

MESSAGE_CHARACTERS = 1000

SHARE_IN_TIME = 0.99
"""Share of the requests that has to be answered within the SLA, for which p99 is the other word."""

PATIENCE_S = 60.0
"""Time that a plan may take to serve before that is told as a trouble."""

TROUBLES = (
    ("cannot be had", "ImageUnavailable"),
    ("ends again and again", "CrashLoop"),
    ("no node has room", "Unschedulable"),
    ("exceeded quota", "QuotaExceeded"),
    ("pods are refused", "PodsRefused"),
    ("cannot be made", "ContainerRefused"),
    ("waits for room", "WaitingForRoom"),
)
"""What the platform's texts hold, and the word for it; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a pipeline after a step of its adapter, or before the first one.

    Parameters
    ----------
    sla_s
        Of the pipeline.
    interval_s
        Between two decisions.
    plan
        What shall run.
    ready_replicas
        Replicas of each stage that serve.
    pending
        What is still to come, in words; empty if nothing.
    record
        Of the latest step; None before the first one.
    missed
        Share of the requests of the last interval that were not answered within the SLA; None if there were
        none, or it is not known.
    pending_for_s
        For how long something has been still to come.
    """

    sla_s: float
    interval_s: float
    plan: Plan
    ready_replicas: tuple[int, ...] = ()
    pending: str = ""
    record: DecisionRecord | None = None
    missed: float | None = None
    pending_for_s: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether every stage serves."""
        known = len(self.ready_replicas) == len(self.plan.stages)
        return bool(self.plan.stages) and known and all(self.ready_replicas)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition but for when it became so."""

    kind: ConditionType
    status: Truth
    reason: str
    message: str


def verdicts(facts: Facts) -> list[Verdict]:
    """Return the conditions that follow from what is known."""
    return [_ready(facts), _adapting(facts), _sla_met(facts), _degraded(facts)]


def invalid(problem: str) -> list[Verdict]:
    """Return the conditions of an object that describes no pipeline; what ran before goes on."""
    return [
        Verdict("Adapting", "False", "InvalidSpec", problem),
        Verdict("Degraded", "True", "InvalidSpec", problem),
    ]


def out_of_reach(problem: str) -> list[Verdict]:
    """Return the conditions of a pipeline that nothing can be made for just now."""
    return [
        Verdict("Adapting", "False", "ClusterError", problem),
        Verdict("Degraded", "True", "ClusterError", problem),
    ]


def paused() -> list[Verdict]:
    """Return the conditions of a pipeline that is left alone."""
    return [Verdict("Adapting", "False", "Paused", "spec.paused: the controller leaves the pipeline alone")]


def updated(
    before: PipelineStatus, found: Iterable[Verdict], generation: int, now: str
) -> tuple[Condition, ...]:
    """Return conditions with the time at which each became so; those that nothing is said of stay.

    Parameters
    ----------
    before
        With the conditions of before.
    found
        What is so now.
    generation
        Of the object that it was found for.
    now
        The time, as Kubernetes writes it.
    """
    conditions = {one.type: one for one in before.conditions}
    for verdict in found:
        known = conditions.get(verdict.kind)
        same = known is not None and known.status == verdict.status
        conditions[verdict.kind] = Condition(
            type=verdict.kind,
            status=verdict.status,
            reason=verdict.reason,
            message=verdict.message[:MESSAGE_CHARACTERS],
            last_transition_time=known.last_transition_time if known is not None and same else now,
            observed_generation=generation,
        )
    return tuple(conditions.values())


def word_for(pending: str) -> str:
    """Return the word for a trouble in words; empty if it is only that something takes its time."""
    return next((word for text, word in TROUBLES if text in pending), "")


def _ready(facts: Facts) -> Verdict:
    if facts.ready:
        return Verdict("Ready", "True", "Serving", f"all {len(facts.plan.stages)} stages serve")
    lacking = [
        f"{stage.stage}: 0 of {stage.replicas} replicas serve"
        for stage, ready in zip(facts.plan.stages, facts.ready_replicas, strict=False)
        if not ready
    ]
    why = facts.pending or ", ".join(lacking) or "nothing is known of its replicas yet"
    return Verdict("Ready", "False", word_for(why) or "NotServing", why)


def _adapting(facts: Facts) -> Verdict:
    record = facts.record
    if record is not None and record.action == "held":
        return Verdict("Adapting", "False", "PlanHeld", record.reason or "the last good plan is held")
    return Verdict("Adapting", "True", "Deciding", f"decides every {facts.interval_s:g} s")


def _sla_met(facts: Facts) -> Verdict:
    if facts.missed is None:
        return Verdict("SLAMet", "Unknown", "NoRequests", "no request has ended in the last interval")
    if facts.missed <= 1 - SHARE_IN_TIME:
        text = f"99 % of the requests of the last interval were answered within {facts.sla_s:g} s"
        return Verdict("SLAMet", "True", "WithinSLA", text)
    text = f"more than 1 % of the requests of the last interval were not answered within {facts.sla_s:g} s"
    return Verdict("SLAMet", "False", "SLAMissed", text)


def _degraded(facts: Facts) -> Verdict:
    record = facts.record
    if record is not None and record.status == Status.INFEASIBLE.value:
        return Verdict("Degraded", "True", "OverCapacity", record.reason)
    if record is not None and record.action == "held":
        return Verdict("Degraded", "True", "PlanHeld", record.reason)
    pending = facts.pending or (record.reason if record is not None and record.action == "pending" else "")
    if pending and (word_for(pending) or facts.pending_for_s > PATIENCE_S):
        return Verdict("Degraded", "True", word_for(pending) or "PlanPending", pending)
    if pending:
        return Verdict("Degraded", "False", "Reconfiguring", pending)
    return Verdict("Degraded", "False", "AsPlanned", "what runs is what was decided")
