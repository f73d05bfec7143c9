"""A SimPy model of a pipeline, event by event, which asks the batch policy at every event.

It shares nothing with the simulator but the policy and the profile. Events of one instant are ordered by
priority: reconfiguration, entry and end of service, dispatch, expiry.
"""

import math
from collections.abc import Callable
from heapq import heappush

import numpy as np
import simpy

from ipa.batching import BatchPolicy
from ipa.pipeline import Pipeline
from ipa.plan import Plan, StagePlan
from ipa.simulator import SimulationSettings

RECONFIGURE, ENTER, DISPATCH, EXPIRE = range(4)
Z99 = 2.3263478740408408


class Request:
    """One request and its history: per stage [enter, start, end, batch]."""

    def __init__(self, number: int, arrival_s: float, stages: int) -> None:
        self.number, self.arrival_s, self.end_s, self.outcome = number, arrival_s, math.nan, "in-flight"
        self.dropped_stage = -1
        self.history = [[math.nan, math.nan, math.nan, 0] for _ in range(stages)]


class Replica:
    """One replica: starting or busy until a time, or idle; gone at some time."""

    def __init__(self, state: str, born_s: float, until_s: float) -> None:
        self.state, self.born_s, self.until_s, self.gone_s = state, born_s, until_s, math.inf

    def stop(self, now_s: float) -> None:
        self.gone_s = max(now_s, self.until_s) if self.state == "busy" else now_s

    def starts_after(self, now_s: float) -> bool:
        return self.state == "starting" and self.until_s > now_s

    def order_of_stop(self, now_s: float) -> tuple[bool, float]:
        """Starting ones first, newest first; then idle ones; then those whose batch ends first."""
        starts = self.starts_after(now_s)
        return not starts, -self.until_s if starts else max(self.until_s, now_s)


class Configuration:
    """A variant on its cores, and all its replicas that ever were."""

    def __init__(self, stage: "TwinStage", chosen: StagePlan) -> None:
        self.stage, self.replicas = stage, list[Replica]()
        self.configure(chosen)

    def configure(self, chosen: StagePlan) -> None:
        self.chosen, self.key = chosen, (chosen.variant, chosen.cores)
        self.policy = BatchPolicy.of(chosen, self.stage.twin.settings.drop_after_s)
        self.variant = self.stage.twin.pipeline.stages[self.stage.index].variant(chosen.variant)

    def alive(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.gone_s == math.inf]

    def ready(self, now_s: float) -> bool:
        return not any(replica.starts_after(now_s) for replica in self.alive())

    def stop(self, count: int, now_s: float) -> None:
        for replica in sorted(self.alive(), key=lambda replica: replica.order_of_stop(now_s))[:count]:
            replica.stop(now_s)

    def start(self, count: int, now_s: float) -> None:
        for _ in range(count):
            replica = Replica("starting", now_s, now_s + self.variant.start_up_s)
            self.replicas.append(replica)
            self.stage.twin.at(replica.until_s, ENTER, lambda replica=replica: self.stage.free(replica))


class TwinStage:
    """One stage."""

    def __init__(self, twin: "Twin", index: int, chosen: StagePlan, rng: np.random.Generator) -> None:
        self.twin, self.index, self.rng = twin, index, rng
        self.queue: list[Request] = []
        self.running, self.pending = Configuration(self, chosen), None
        self.running.replicas = [Replica("idle", 0.0, 0.0) for _ in range(chosen.replicas)]
        self.all_configurations = [self.running]

    @property
    def policy(self) -> BatchPolicy:
        return self.running.policy

    def reconfigure(self, chosen: StagePlan) -> None:
        now_s, key = self.twin.env.now, (chosen.variant, chosen.cores)
        self.switch_if_ready()
        if self.pending and self.pending.key != key:
            self.pending.stop(len(self.pending.alive()), now_s)
            self.pending = None
        if key != self.running.key and not self.pending:
            self.pending = Configuration(self, chosen)
            self.all_configurations.append(self.pending)
        target = self.pending or self.running
        target.configure(chosen)
        more = chosen.replicas - len(target.alive())
        target.start(max(more, 0), now_s)
        target.stop(max(-more, 0), now_s)
        self.switch_if_ready()
        self.twin.at(now_s, DISPATCH, self.dispatch)

    def switch_if_ready(self) -> None:
        now_s = self.twin.env.now
        if self.pending and self.pending.ready(now_s):
            self.running.stop(len(self.running.alive()), now_s)
            self.running, self.pending = self.pending, None

    def free(self, replica: Replica) -> None:
        if replica.gone_s == math.inf:
            replica.state = "idle"
            self.switch_if_ready()
            self.twin.at(self.twin.env.now, DISPATCH, self.dispatch)

    def core_seconds(self, until_s: float) -> float:
        return sum(
            configuration.chosen.cores * (min(replica.gone_s, until_s) - min(replica.born_s, until_s))
            for configuration in self.all_configurations
            for replica in configuration.replicas
        )

    def enter(self, request: Request) -> None:
        now_s = self.twin.env.now
        request.history[self.index][0] = now_s
        if self.policy.expired(request.arrival_s, now_s):
            self.drop(request)
            return
        self.queue.append(request)
        self.twin.at(self.policy.deadline_s(request.arrival_s), EXPIRE, lambda: self.expire(request))
        self.twin.at(now_s, DISPATCH, self.dispatch)

    def expire(self, request: Request) -> None:
        if request in self.queue:
            self.queue.remove(request)
            self.drop(request)
            if self.queue:
                self.wake()

    def drop(self, request: Request) -> None:
        request.end_s, request.outcome, request.dropped_stage = self.twin.env.now, "dropped", self.index

    def wake(self) -> None:
        due_s = self.policy.due_s(self.queue[0].history[self.index][0])
        self.twin.at(max(due_s, self.twin.env.now), DISPATCH, self.dispatch)

    def dispatch(self) -> None:
        now_s = self.twin.env.now
        while self.queue:
            idle = next((replica for replica in self.running.alive() if replica.state == "idle"), None)
            if not idle:
                return
            size = self.policy.take(len(self.queue), self.queue[0].history[self.index][0], now_s)
            if not size:
                self.wake()
                return
            batch, self.queue = self.queue[:size], self.queue[size:]
            end_s = now_s + self.service_s(size)
            idle.state, idle.until_s = "busy", end_s
            for request in batch:
                request.history[self.index][1:] = [now_s, end_s, size]
            self.twin.at(end_s, ENTER, lambda replica=idle: self.free(replica))
            for request in batch:
                self.twin.forward(request, self.index + 1, end_s)

    def service_s(self, size: int) -> float:
        z = self.rng.standard_normal()
        point = self.running.variant.profile_on(self.running.chosen.cores).at(size)
        mean_s, p99_s = point.latency_mean_s, point.latency_p99_s
        if self.twin.settings.service == "deterministic" or p99_s <= mean_s:
            return mean_s
        sigma = Z99 - math.sqrt(Z99**2 - 2 * math.log(p99_s / mean_s))
        return math.exp(math.log(mean_s) - sigma**2 / 2 + sigma * z)


class Twin:
    """The pipeline."""

    def __init__(self, pipeline: Pipeline, plan: Plan, settings: SimulationSettings) -> None:
        self.env = simpy.Environment()
        self.pipeline, self.settings = pipeline, settings
        seeds = np.random.SeedSequence(settings.seed).spawn(len(pipeline.stages))
        self.stages = [
            TwinStage(self, i, chosen, np.random.Generator(np.random.PCG64(seed)))
            for i, (chosen, seed) in enumerate(zip(plan.stages, seeds, strict=True))
        ]

    def at(self, at_s: float, priority: int, action: Callable[[], None]) -> None:
        """Run something at an absolute time (SimPy's timeouts are relative and would round it)."""
        if at_s == math.inf:
            return
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(lambda _: action())
        heappush(self.env._queue, (at_s, priority, next(self.env._eid), event))

    def forward(self, request: Request, index: int, left_s: float) -> None:
        """Send a request to a stage, or back to the client after the last one."""
        arrives_s = left_s + self.settings.network_delay_s
        if index < len(self.stages):
            self.at(arrives_s, ENTER, lambda: self.stages[index].enter(request))
        else:
            self.at(arrives_s, ENTER, lambda: self.finish(request))

    def finish(self, request: Request) -> None:
        request.end_s, request.outcome = self.env.now, "ok"

    def run(self, arrivals_s: list[float], steps: list[tuple[float, Plan]]) -> list[Request]:
        """Return the requests after all of them have ended."""
        requests = [Request(i, t, len(self.stages)) for i, t in enumerate(arrivals_s)]
        for request in requests:
            self.forward(request, 0, request.arrival_s)
        for at_s, plan in steps:
            for stage, chosen in zip(self.stages, plan.stages, strict=True):
                self.at(at_s, RECONFIGURE, lambda s=stage, c=chosen: s.reconfigure(c))
        self.env.run()
        return requests
