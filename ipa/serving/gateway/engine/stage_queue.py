"""One stage: its queue, and the replicas that empty it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ipa.pipeline.batching import BatchPolicy
from ipa.pipeline.pipeline import Stage
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import ProfilePoint
from ipa.serving.gateway.engine.clock import Clock, Order, Timer
from ipa.serving.gateway.engine.replica import Batch, Fault, Link, Replica, Result
from ipa.serving.gateway.engine.request import Visit, VisitState
from ipa.serving.gateway.engine.waiting_line import WaitingLine
from ipa.serving.gateway.messages import ReplicaState, StageState

MOST_TRIES = {"unavailable": 3, "bad-answer": 2, "model-error": 1}
"""Batches of a visit that may fail before it is given up, by why they did."""

SHORTEST_HANG_S = 5.0
HANG_FACTOR = 20.0
"""A batch hangs after the larger of 5 s and 20 times the p99 that the profile has for it."""


class Following(Protocol):
    """What happens to visits when a stage is done with them."""

    def left(self, place: int, visits: Sequence[Visit], now_s: float, /) -> None:
        """Visits of one batch have been served."""
        ...

    def lost(self, visit: Visit, reason: str, message: str, now_s: float, /) -> None:
        """Somebody dropped a visit, or could not serve it."""
        ...

    def released(self, replica: Replica, /) -> None:
        """Nothing is held of a replica any more."""
        ...


@dataclass(frozen=True, slots=True)
class StageLimits:
    """What a stage bears.

    Parameters
    ----------
    drop_after_s
        Age beyond which a waiting request is dropped.
    waiting
        Visits that may wait.
    hang_after_s
        Seconds after which a batch hangs; None: it follows from the profile.
    """

    drop_after_s: float = math.inf
    waiting: int = 10_000
    hang_after_s: float | None = None


class StageQueue:
    """A central queue and the replicas that serve it.

    Parameters
    ----------
    stage
        What can serve.
    place
        Its position in the pipeline.
    limits
        What it bears.
    clock
        What time it is.
    following
        What happens to visits afterwards.
    on_batch
        Is told of every batch that is sent.
    """

    def __init__(
        self,
        stage: Stage,
        place: int,
        limits: StageLimits,
        clock: Clock,
        following: Following,
        on_batch: Callable[[int, Batch], None],
    ) -> None:
        self.name = stage.name
        self.plan: StagePlan | None = None
        self._stage, self._place, self._limits = stage, place, limits
        self._clock, self._following, self._on_batch = clock, following, on_batch
        self._line = WaitingLine()
        # Before there is a plan, visits can only wait.
        self._policy = BatchPolicy(1, 0.0, limits.drop_after_s)
        self._variant, self._hang_after_s = "", SHORTEST_HANG_S
        self._replicas: dict[str, Replica] = {}
        self._draining: dict[str, Replica] = {}
        self._idle: dict[str, Replica] = {}
        """Those without a batch, in the order in which they became free."""
        self._helpers: dict[str, Replica] = {}
        """Those of them that are borrowed."""
        self._borrow_after_s = 0.0
        self._batches = 0
        self._dispatch_due = False
        self._wake: Timer | None = None
        self._expiry: Timer | None = None
        self._expiry_s = math.inf

    @property
    def waiting(self) -> int:
        """Visits in the queue."""
        return len(self._line)

    @property
    def serving(self) -> int:
        """Visits that replicas are busy with."""
        batches = (replica.batch for replica in (*self._replicas.values(), *self._draining.values()))
        return sum(len(batch.visits) for batch in batches if batch)

    @property
    def full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self._line) >= self._limits.waiting

    @property
    def replicas(self) -> Mapping[str, Replica]:
        """Those that serve, by name; borrowed ones are not among them."""
        return {name: one for name, one in self._replicas.items() if not one.borrowed}

    def holds(self, name: str) -> bool:
        """Whether a replica serves here, or drains."""
        return name in self._replicas or name in self._draining

    def drain_time_s(self) -> float:
        """Return how long the queue takes to empty, as the profile has it; infinity if nobody serves."""
        if self.plan is None or not self.replicas:
            return math.inf
        carried_rps = self.plan.batch * len(self.replicas) / self._point(self.plan).latency_mean_s
        return self.waiting / carried_rps

    def enter(self, visit: Visit) -> None:
        """Let a visit wait, unless its request is too old or the queue full."""
        now_s = visit.enter_s
        if self._policy.expired(visit.request.arrival_s, now_s):
            visit.state = VisitState.GONE
            self._give_up(visit, "expired", f"older than {self._policy.drop_after_s:g} s", now_s)
            return
        if self.full and self._dispatch_due:
            # Those ahead that a free replica takes in this very instant are in nobody's way.
            self._dispatch()
        if self.full:
            visit.state = VisitState.GONE
            self._give_up(visit, "refused", f"{self.waiting} requests wait, no more may", now_s)
            return
        visit.deadline_s = self._policy.deadline_s(visit.request.arrival_s)
        self._line.append(visit)
        self._await_expiry()
        self._touch()

    def withdraw(self, visit: Visit) -> None:
        """Let a visit that waits wait no longer."""
        self._line.remove(visit)

    def assign(
        self, plan: StagePlan, links: Sequence[Link], now_s: float, borrowed: Sequence[Link] = ()
    ) -> None:
        """Serve with these replicas from now on, and let go of all others.

        Parameters
        ----------
        plan
            Variant, batch size and longest wait.
        links
            The ways to all replicas; of one that serves already, the way that is known.
        now_s
            The time now.
        borrowed
            The ways to replicas of somebody else, which get a batch only when all own ones have been busy for
            the time of a batch.
        """
        self.plan, self._policy = plan, BatchPolicy.of(plan, self._limits.drop_after_s)
        self._variant, self._hang_after_s = plan.variant, self._hang_limit_s(plan)
        self._borrow_after_s = self._point(plan).latency_mean_s
        before, self._replicas = self._replicas, {}
        free = self._idle | self._helpers
        for link in (*links, *borrowed):
            replica = before.pop(link.name, None) or self._draining.pop(link.name, None)
            if replica is None:
                replica = free[link.name] = Replica(link, now_s)
            replica.draining, replica.borrowed = False, len(self._replicas) >= len(links)
            self._replicas[link.name] = replica
        self._let_go(before, free)
        self._idle = {name: one for name, one in free.items() if not one.borrowed}
        self._helpers = {name: one for name, one in free.items() if one.borrowed}
        self._touch()

    def _let_go(self, replicas: Mapping[str, Replica], free: dict[str, Replica]) -> None:
        """Let replicas finish their batches, and take them out of those that are free."""
        for name, replica in replicas.items():
            free.pop(name, None)
            replica.draining = True
            self._draining[name] = replica
            if not replica.batch:
                self._release(replica)

    def state(self, zero_s: float) -> StageState:
        """Return what is going on, with times since a zero."""
        replicas = tuple(
            ReplicaState(
                one.name,
                one.condition,
                None if one.since_s is None else one.since_s - zero_s,
                one.served,
                one.failures,
                one.borrowed,
            )
            for one in (*self._replicas.values(), *self._draining.values())
        )
        return StageState(self.name, self.plan, self.waiting, replicas)

    def _touch(self) -> None:
        """Look for a batch at the end of this instant, when all that happens in it has happened."""
        if not self._dispatch_due:
            self._dispatch_due = True
            self._clock.at(self._clock.now_s(), Order.DISPATCH, self._dispatch)

    def _dispatch(self) -> None:
        self._dispatch_due = False
        if self._wake:
            self._wake.cancel()
            self._wake = None
        now_s = self._clock.now_s()
        self._drop_late(now_s, at_deadline=False)
        while self._line and (free := self._idle or self._helpers):
            oldest_s = self._line.oldest.enter_s
            size, due_s = self._policy.take(self.waiting, oldest_s, now_s), self._policy.due_s(oldest_s)
            if free is self._helpers:
                due_s += self._borrow_after_s
                size = size if now_s >= due_s else 0
            if not size:
                self._wake = self._clock.at(due_s, Order.DISPATCH, self._dispatch)
                return
            self._send(free.pop(next(iter(free))), self._line.take(size), now_s)

    def _send(self, replica: Replica, visits: tuple[Visit, ...], now_s: float) -> None:
        # What goes to a borrowed one has waited for one of its own until now.
        free_s = now_s if replica.borrowed else replica.free_s
        for visit in visits:
            visit.state, visit.start_s, visit.free_s = VisitState.SERVING, now_s, free_s
            visit.batch, visit.variant = len(visits), self._variant
        batch = Batch(self._batches, visits, self._hang_after_s)
        self._batches += 1
        replica.batch, replica.since_s = batch, now_s
        self._on_batch(self._place, batch)
        replica.link.send(batch, lambda results: self._answered(replica, batch, results))

    def _hang_limit_s(self, plan: StagePlan) -> float:
        if self._limits.hang_after_s is not None:
            return self._limits.hang_after_s
        return max(SHORTEST_HANG_S, HANG_FACTOR * self._point(plan).latency_p99_s)

    def _point(self, plan: StagePlan) -> ProfilePoint:
        return self._stage.variant(plan.variant).profile_on(plan.cores).at(plan.batch)

    def _answered(self, replica: Replica, batch: Batch, results: Sequence[Result]) -> None:
        now_s = self._clock.now_s()
        served: list[Visit] = []
        again: list[Visit] = []
        for visit, result in zip(batch.visits, results, strict=True):
            if not isinstance(result, Fault):
                visit.state, visit.outputs, visit.end_s = VisitState.ENDED, result, now_s
                served.append(visit)
            elif self._may_try_again(visit, result):
                again.append(visit)
            else:
                visit.state, visit.end_s = VisitState.GONE, now_s
                self._following.lost(visit, result.reason, result.message, now_s)
        self._free(replica, now_s, failed=any(isinstance(one, Fault) and one.of_replica for one in results))
        self._following.left(self._place, served, now_s)
        if again:
            self._line.put_back(again)
            self._await_expiry()
        self._touch()

    def _may_try_again(self, visit: Visit, fault: Fault) -> bool:
        visit.tries += 1
        if visit.request.recalled or visit.tries >= MOST_TRIES[fault.reason]:
            return False
        visit.batch, visit.variant = 0, ""
        visit.start_s = visit.free_s = math.nan
        return True

    def _free(self, replica: Replica, now_s: float, *, failed: bool) -> None:
        replica.batch = replica.since_s = None
        replica.free_s = now_s
        replica.served += not failed
        replica.failures = replica.failures + 1 if failed else 0
        if replica.draining:
            self._release(replica)
        elif failed:
            replica.suspect = True
            replica.link.watch(replica.failures, lambda: self._recovered(replica))
        else:
            self._is_free(replica)

    def _is_free(self, replica: Replica) -> None:
        (self._helpers if replica.borrowed else self._idle)[replica.name] = replica

    def _release(self, replica: Replica) -> None:
        del self._draining[replica.name]
        self._following.released(replica)

    def _recovered(self, replica: Replica) -> None:
        if self._replicas.get(replica.name) is not replica:
            return
        replica.suspect = False
        replica.free_s = self._clock.now_s()
        self._is_free(replica)
        self._touch()

    def _await_expiry(self) -> None:
        """Be called when the next visit is too old."""
        deadline_s = self._line.next_deadline_s()
        if self._expiry and deadline_s < self._expiry_s:
            self._expiry.cancel()
            self._expiry = None
        if self._expiry is None and deadline_s < math.inf:
            self._expiry_s = deadline_s
            self._expiry = self._clock.at(deadline_s, Order.EXPIRE, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._drop_late(self._clock.now_s(), at_deadline=True)
        self._await_expiry()

    def _drop_late(self, now_s: float, *, at_deadline: bool) -> None:
        late = self._line.remove_late(now_s, at_deadline=at_deadline)
        for visit in late:
            self._give_up(visit, "expired", f"older than {self._policy.drop_after_s:g} s", now_s)
        if late:
            # The oldest one may be another now, with more time left to fill its batch.
            self._touch()

    def _give_up(self, visit: Visit, reason: str, message: str, now_s: float) -> None:
        self._following.lost(visit, reason, message, now_s)
