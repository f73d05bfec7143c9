"""One stage: its queue, its replicas and the switch from one configuration to the next."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ipa.arrays import Floats, Ints
from ipa.errors import InvalidValueError
from ipa.limits import CLOCK_S
from ipa.pipeline.batching import BatchPolicy
from ipa.pipeline.pipeline import Stage, Variant
from ipa.pipeline.plan import StagePlan
from ipa.simulator.cost import CoreMeter
from ipa.simulator.engine import engine
from ipa.simulator.failures import Failures
from ipa.simulator.line import WaitingLine
from ipa.simulator.log import StageLog
from ipa.simulator.replicas import ReplicaPool
from ipa.simulator.running import RunningStage
from ipa.simulator.service import RandomStream, ServiceTimes, service_times
from ipa.simulator.settings import SimulationSettings

MOST_LIVES = 3.0
"""A batch may take so many times as long as a replica lives on average."""


@dataclass(slots=True)
class Configuration:
    """A variant (``index`` in its stage) on its cores, its batching and the replicas that run it."""

    plan: StagePlan
    index: int
    policy: BatchPolicy
    times: ServiceTimes
    pool: ReplicaPool

    def runs(self, plan: StagePlan) -> bool:
        """Whether replicas of this configuration can serve a plan."""
        return (self.plan.variant, self.plan.cores) == (plan.variant, plan.cores)


@dataclass(frozen=True, slots=True)
class Departures:
    """Visits that leave a stage, in the order in which they were dispatched.

    Parameters
    ----------
    visit
        Their numbers, shape (n,).
    end_s
        When their batch ends, shape (n,).
    dropped
        Numbers of the visits that expired, shape (m,).
    dropped_s
        When they did, shape (m,).
    """

    visit: Ints
    end_s: Floats
    dropped: Ints
    dropped_s: Floats


class SimulatedStage:
    """A central queue and its replicas, advanced in steps.

    Parameters
    ----------
    stage
        What can serve.
    plan
        What serves from time 0.
    index
        Position in the pipeline; selects the stream of random numbers.
    settings
        Assumptions of the simulation.
    log
        Where starts and ends are written.
    """

    def __init__(
        self, stage: Stage, plan: StagePlan, index: int, settings: SimulationSettings, log: StageLog
    ) -> None:
        self._stage, self._settings, self._log = stage, settings, log
        self._cluster, self._drop_after_s = settings.cluster, settings.drop_limit_s(index)
        self._failures = (
            Failures(settings.seed, index, settings.cluster) if settings.cluster.replicas_differ else None
        )
        self._serve_line = engine("python" if self._failures else settings.engine)
        self._meter = CoreMeter()
        self._random = RandomStream(settings.seed, index, settings.service)
        self._line = WaitingLine()
        self._target, self._reconfigured_s = plan, 0.0
        self._pending: Configuration | None = None
        self._running = self.configuration(plan)
        self._running.pool.place(plan.replicas, 0.0)

    @property
    def waiting(self) -> int:
        """Visits in the queue."""
        return len(self._line)

    @property
    def switching(self) -> bool:
        """Whether another configuration is starting."""
        return self._pending is not None

    @property
    def switch_s(self) -> float:
        """When the configuration that starts takes over; infinity if none does."""
        return self._pending.pool.all_ready_s if self._pending else math.inf

    def cores_with(self, plan: StagePlan) -> int:
        """Return the cores that the stage holds while it moves to a plan, those about to stop left aside."""
        before = 0
        if not self._running.runs(plan) and self._cluster.switching == "make-before-break":
            before = len(self._running.pool) * self._running.plan.cores
        return before + plan.replicas * plan.cores

    def running(self, now_s: float) -> RunningStage:
        """Return which replicas serve and which start."""
        pool = self._running.pool
        starting = pool.starting(now_s)
        serving = replace(self._running.plan, replicas=len(pool) - starting)
        if self._pending:
            starting += self._pending.pool.starting(now_s)
        return RunningStage(serving, self._target, starting)

    def core_seconds(self, until_s: float) -> float:
        """Return the integral over time of the cores of all replicas."""
        return self._meter.core_seconds(until_s)

    def configuration(self, plan: StagePlan) -> Configuration:
        """Return a configuration without replicas; a plan that the stage cannot run is an error."""
        if plan.replicas < 1:
            raise InvalidValueError(f"{self._stage.name}: {plan.replicas} replicas; a stage needs at least 1")
        variant = self._stage.variant(plan.variant)
        points = variant.profile_on(plan.cores).points
        times = service_times(points, plan.batch, self._settings.service, self._cluster)
        self._check_lives(times)
        return Configuration(
            plan,
            self._stage.variants.index(variant),
            BatchPolicy.of(plan, self._drop_after_s),
            times,
            ReplicaPool(plan.cores, self._start_up_s(variant), self._meter, self._failures),
        )

    def _check_lives(self, times: ServiceTimes) -> None:
        """Refuse batches too long for the clock, or that hardly ever end before their replica dies."""
        slowdown = self._cluster.straggler_factor if self._cluster.straggler_share else 1.0
        longest_s = (max(times.scale_s) + times.dispatch_s) * max(slowdown, 1.0)
        CLOCK_S.check(f"the time of a batch at stage {self._stage.name}", longest_s)
        if longest_s > MOST_LIVES * self._cluster.mean_life_s:
            raise InvalidValueError(
                f"{self._stage.name}: a batch takes {longest_s:.3g} s, replicas live for"
                f" {self._cluster.mean_life_s:g} s on average: hardly any batch would end"
            )

    def _start_up_s(self, variant: Variant) -> float:
        return variant.start_up_s if self._cluster.start_up_s is None else self._cluster.start_up_s

    def reconfigure(self, wanted: Configuration, at_s: float) -> tuple[int, int]:
        """Move towards a configuration and return how many replicas start and stop at once.

        Parameters
        ----------
        wanted
            A configuration without replicas of its own.
        at_s
            The time now, in seconds.
        """
        plan, cancelled = wanted.plan, 0
        self._target, self._reconfigured_s = plan, at_s
        if self._pending and not self._pending.runs(plan):
            cancelled = len(self._pending.pool)
            self._pending.pool.stop(cancelled, at_s)
            self._pending = None
        if self._running.runs(plan):
            wanted.pool = self._running.pool
            self._running = wanted
            wanted.pool.resume(at_s)
        elif self._cluster.switching == "stop-start":
            cancelled += len(self._running.pool)
            self._running.pool.stop(len(self._running.pool), at_s)
            self._running = wanted
        else:
            wanted.pool = self._pending.pool if self._pending else wanted.pool
            self._pending = wanted
        change = wanted.pool.resize(plan.replicas, at_s)
        self.settle(at_s)
        return max(change, 0), cancelled + max(-change, 0)

    def accept(self, visit: Ints, entered_s: Floats, arrival_s: Floats) -> None:
        """Append visits in the order in which they enter the queue.

        Parameters
        ----------
        visit
            Their numbers, shape (n,).
        entered_s
            When they enter, ascending, shape (n,).
        arrival_s
            When their requests arrived at the pipeline, shape (n,).
        """
        self._line.append(entered_s, arrival_s + self._drop_after_s, visit)

    def renumber(self, new: Callable[[Ints], Ints]) -> None:
        """Give all visits in the queue new numbers."""
        self._line.renumber(new)

    def advance(self, until_s: float) -> list[Departures]:
        """Serve the queue up to a time; everything that enters before it has been accepted."""
        if not (self._pending and self._pending.pool.all_ready_s < until_s):
            return [self._serve(until_s)]
        switch_s = self._pending.pool.all_ready_s
        before = self._serve(switch_s)
        if not self.waiting:
            return [before]
        self.settle(switch_s)
        return [before, self._serve(until_s)]

    def settle(self, now_s: float) -> None:
        """Switch to the configuration whose replicas are all ready by now."""
        if self._pending and self._pending.pool.all_ready_s <= now_s:
            at_s = max(self._pending.pool.all_ready_s, self._reconfigured_s)
            self._running.pool.stop(len(self._running.pool), at_s)
            self._running, self._pending = self._pending, None
            self._running.pool.take_over(at_s)

    def _serve(self, until_s: float) -> Departures:
        line, running = self._line, self._running
        served = self._serve_line(
            line, running.policy, running.times, running.pool, self._random.peek(len(line)), until_s
        )
        self._random.consume(served.batches)
        gone = line.visit[: served.head]
        visit = np.delete(gone, served.expired) if len(served.expired) else gone.copy()
        self._log.serve(visit, served, running.index)
        dropped, dropped_s = self._find_expired(served.expired)
        line.pop_front(served.head)
        if self._drop_after_s < math.inf and (late := line.expire(until_s)):
            late_too, late_too_s = self._find_expired(np.arange(late))
            dropped, dropped_s = np.append(dropped, late_too), np.append(dropped_s, late_too_s)
            line.pop_front(late)
        return Departures(visit, served.end_s, dropped, dropped_s)

    def _find_expired(self, positions: Ints) -> tuple[Ints, Floats]:
        line = self._line
        # A visit that is too old when it enters is dropped at that instant, not at its deadline before.
        return line.visit[positions], np.maximum(line.entered_s[positions], line.deadline_s[positions])
