"""A SimPy model of a pipeline, event by event, which asks the batch policy at every event.

It shares nothing with the simulator but the policy, the profile, and the numbers drawn for the failures of
replicas and for what edges of a graph send on. Events of one instant are ordered by priority:
reconfiguration, entry and end of service (in the order of the stages they come from), dispatch, expiry.
"""

import math
from collections.abc import Callable
from functools import partial
from heapq import heappush
from typing import Any

import numpy as np
import simpy

from ipa.pipeline.batching import BatchPolicy
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.simulator import SimulationSettings
from ipa.simulator.failures import Failure, Failures, uniform

RECONFIGURE, ENTER, DISPATCH, EXPIRE = range(4)
Z99 = 2.3263478740408408


COPIES = 1000


class Request:
    """One request and its visits to each stage."""

    def __init__(self, number: int, arrival_s: float, stages: int) -> None:
        self.number, self.arrival_s, self.end_s, self.outcome = number, arrival_s, math.nan, "in-flight"
        self.dropped_stage = -1
        self.visits: list[list[Visit]] = [[] for _ in range(stages)]


class Visit:
    """One visit of a request to a stage: enter, start, end, batch; gone when it has left or was dropped."""

    def __init__(self, request: Request, place: int) -> None:
        self.request, self.place, self.arrival_s = request, place, request.arrival_s
        self.nth = len(request.visits[place])
        request.visits[place].append(self)
        self.history: list[float] = [math.nan, math.nan, math.nan, 0]
        self.left = self.gone = False


class Replica:
    """One replica: starting, busy or dead until a time, or idle since one; gone at some time."""

    def __init__(self, state: str, born_s: float, until_s: float, failure: Failure) -> None:
        self.state, self.born_s, self.until_s, self.gone_s = state, born_s, until_s, math.inf
        self.failure, self.turn = failure, 0

    def stop(self, now_s: float) -> None:
        self.gone_s = max(now_s, self.until_s) if self.state in ("busy", "dead") else now_s

    def starts_after(self, now_s: float) -> bool:
        return self.state == "starting" and self.until_s > now_s

    def order_of_stop(self, now_s: float) -> tuple[bool, float, int]:
        """Starting ones first, newest first; then idle ones, longest idle first; then the next to be idle."""
        starts = self.starts_after(now_s)
        return not starts, -self.until_s if starts else max(self.until_s, now_s), self.turn


class Configuration:
    """A variant on its cores, and all its replicas that ever were."""

    def __init__(self, stage: "TwinStage", chosen: StagePlan) -> None:
        self.stage, self.replicas = stage, list[Replica]()
        self.configure(chosen)

    def configure(self, chosen: StagePlan) -> None:
        self.chosen, self.key = chosen, (chosen.variant, chosen.cores)
        self.policy = BatchPolicy.of(chosen, self.stage.twin.settings.drop_limit_s(self.stage.index))
        self.variant = self.stage.twin.pipeline.stages[self.stage.index].variant(chosen.variant)

    def alive(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.gone_s == math.inf]

    def ready(self, now_s: float) -> bool:
        return not any(replica.starts_after(now_s) for replica in self.alive())

    def stop(self, count: int, now_s: float) -> None:
        for replica in sorted(self.alive(), key=lambda replica: replica.order_of_stop(now_s))[:count]:
            replica.stop(now_s)

    @property
    def start_up_s(self) -> float:
        same_for_all_s = self.stage.twin.settings.cluster.start_up_s
        return self.variant.start_up_s if same_for_all_s is None else same_for_all_s

    def start(self, count: int, now_s: float) -> None:
        for _ in range(count):
            up_s = now_s + self.start_up_s
            replica = Replica("starting", now_s, up_s, self.stage.failures.next(up_s))
            self.replicas.append(replica)
            self.stage.twin.at(replica.until_s, ENTER, partial(self.stage.free, replica))


class TwinStage:
    """One stage."""

    def __init__(self, twin: "Twin", index: int, chosen: StagePlan, rng: np.random.Generator) -> None:
        self.twin, self.index, self.rng = twin, index, rng
        self.failures = Failures(twin.settings.seed, index, twin.settings.cluster)
        self.turns = 0
        self.queue: list[Visit] = []
        self.running = Configuration(self, chosen)
        self.pending: Configuration | None = None
        self.running.replicas = [
            Replica("idle", 0.0, 0.0, self.failures.next(0.0)) for _ in range(chosen.replicas)
        ]
        for replica in self.running.replicas:
            self.expect_death(replica)
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
        if key != self.running.key and self.twin.settings.cluster.switching == "stop-start":
            self.running.stop(len(self.running.alive()), now_s)
            self.running = Configuration(self, chosen)
            self.all_configurations.append(self.running)
        elif key != self.running.key and not self.pending:
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
            self.turns += 1
            replica.turn = self.turns
            self.expect_death(replica)
            self.switch_if_ready()
            self.twin.at(self.twin.env.now, DISPATCH, self.dispatch)

    def core_seconds(self, until_s: float) -> float:
        return sum(
            configuration.chosen.cores * (min(replica.gone_s, until_s) - min(replica.born_s, until_s))
            for configuration in self.all_configurations
            for replica in configuration.replicas
        )

    def enter(self, request: Request) -> None:
        now_s, visit = self.twin.env.now, Visit(request, self.index)
        visit.history[0] = now_s
        if self.policy.expired(visit.arrival_s, now_s):
            self.drop(visit)
            return
        self.queue.append(visit)
        self.twin.at(self.policy.deadline_s(visit.arrival_s), EXPIRE, lambda: self.expire(visit))
        self.twin.at(now_s, DISPATCH, self.dispatch)

    def expire(self, visit: Visit) -> None:
        if visit in self.queue:
            self.queue.remove(visit)
            self.drop(visit)
            if self.queue:
                self.wake()

    def drop(self, visit: Visit) -> None:
        """Drop the request, unless another of its visits was dropped before or at a stage before."""
        request, now_s, visit.gone = visit.request, self.twin.env.now, True
        if request.outcome == "in-flight" or (request.end_s == now_s and self.index < request.dropped_stage):
            request.end_s, request.outcome, request.dropped_stage = now_s, "dropped", self.index

    def wake(self) -> None:
        due_s = self.policy.due_s(self.queue[0].history[0])
        self.twin.at(max(due_s, self.twin.env.now), DISPATCH, self.dispatch)

    def dispatch(self) -> None:
        now_s = self.twin.env.now
        while self.queue:
            idle = [replica for replica in self.running.alive() if replica.state == "idle"]
            if not idle:
                return
            first = min(idle, key=lambda replica: replica.turn)
            size = self.policy.take(len(self.queue), self.queue[0].history[0], now_s)
            if not size:
                self.wake()
                return
            batch, self.queue = self.queue[:size], self.queue[size:]
            self.serve(first, batch)

    def serve(self, replica: Replica, batch: list[Visit]) -> None:
        """Serve a batch, anew after each death; the end is known at once since nothing can interfere."""
        began_s, took_s = self.twin.env.now, self.service_s(len(batch)) * replica.failure.factor
        end_s = began_s + took_s
        while end_s > replica.failure.dies_s:
            up_s = replica.failure.dies_s + self.running.start_up_s
            self.failures.restart(replica.failure, up_s)
            end_s = up_s + took_s
        replica.state, replica.until_s = "busy", end_s
        self.twin.at(end_s, ENTER, lambda: self.free(replica))
        for visit in batch:
            visit.history[1:] = [began_s, end_s, len(batch)]
            self.twin.forward(visit, end_s)

    def expect_death(self, replica: Replica) -> None:
        """Let an idle replica die in its time."""
        turn, dies_s = replica.turn, replica.failure.dies_s

        def die() -> None:
            if replica.state == "idle" and replica.turn == turn and replica.gone_s == math.inf:
                configuration = next(c for c in self.all_configurations if replica in c.replicas)
                replica.state, replica.until_s = "dead", dies_s + configuration.start_up_s
                self.failures.restart(replica.failure, replica.until_s)
                self.twin.at(replica.until_s, ENTER, lambda: self.free(replica))

        self.twin.at(dies_s, ENTER, die)

    def service_s(self, size: int) -> float:
        cluster, kind = self.twin.settings.cluster, self.twin.settings.service
        point = self.running.variant.profile_on(self.running.chosen.cores).at(size)
        mean_s, p99_s = (
            point.latency_mean_s * cluster.profile_error,
            point.latency_p99_s * cluster.profile_error,
        )
        if kind == "exponential":
            return mean_s * -math.log1p(-self.rng.random()) + cluster.dispatch_s
        z = self.rng.standard_normal()
        if kind == "deterministic" or p99_s <= mean_s:
            return mean_s + cluster.dispatch_s
        sigma = Z99 - math.sqrt(Z99**2 - 2 * math.log(p99_s / mean_s))
        return math.exp(math.log(mean_s) - sigma**2 / 2 + sigma * z) + cluster.dispatch_s


class Twin:
    """The pipeline."""

    def __init__(self, pipeline: Pipeline, plan: Plan, settings: SimulationSettings) -> None:
        self.env = simpy.Environment()
        self.pipeline, self.settings = pipeline, settings
        places = {stage.name: place for place, stage in enumerate(pipeline.stages)}
        self.edges = [
            (number, places[edge.source], places[edge.target], edge.factor)
            for number, edge in enumerate(pipeline.edges)
        ] or [(place, place, place + 1, 1.0) for place in range(len(pipeline.stages) - 1)]
        self.joins = [
            stage.join == "all" or (stage.join is None and len(self.into(place)) > 1)
            for place, stage in enumerate(pipeline.stages)
        ]
        seeds = np.random.SeedSequence(settings.seed).spawn(len(pipeline.stages))
        self.stages = [
            TwinStage(self, i, chosen, np.random.Generator(np.random.PCG64(seed)))
            for i, (chosen, seed) in enumerate(zip(plan.stages, seeds, strict=True))
        ]

    def into(self, place: int) -> list[int]:
        return [source for _, source, target, _ in self.edges if target == place]

    def at(self, at_s: float, priority: float, action: Callable[[], None]) -> None:
        """Run something at an absolute time (SimPy's timeouts are relative and would round it)."""
        if at_s == math.inf:
            return
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        event.callbacks.append(lambda _: action())
        queue: list[Any] = self.env._queue
        heappush(queue, (at_s, priority, next(self.env._eid), event))

    def forward(self, visit: Visit, left_s: float) -> None:
        """Let a visit leave its stage, over the network."""
        arrives_s = left_s + self.settings.network_delay_s
        self.at(arrives_s, ENTER + (visit.place + 1) / 1000, lambda: self.leave(visit))

    def leave(self, visit: Visit) -> None:
        """Send on what follows from a visit; where a stage joins, only once nothing more can come."""
        visit.gone = visit.left = True
        request = visit.request
        for edge in self.edges:
            if edge[1] == visit.place and not self.joins[edge[2]]:
                for _ in range(self.copies(edge, visit)):
                    self.stages[edge[2]].enter(request)
        for place, joins in enumerate(self.joins):
            if joins and visit.place in self.leads_to(place) and self.comes_together(request, place):
                self.stages[place].enter(request)
        if request.outcome == "in-flight" and all(v.left for visits in request.visits for v in visits):
            request.end_s, request.outcome = self.env.now, "ok"

    def leads_to(self, place: int) -> set[int]:
        """Return all stages from which a way leads to a stage."""
        sources = set(self.into(place))
        return sources.union(*map(self.leads_to, sources))

    def comes_together(self, request: Request, place: int) -> bool:
        """Whether a request has ended at all stages that lead to a join, and any edge sends it there."""
        ended = all(visit.left for source in self.leads_to(place) for visit in request.visits[source])
        return ended and any(
            self.copies(edge, visit)
            for edge in self.edges
            if edge[2] == place
            for visit in request.visits[edge[1]]
        )

    def copies(self, edge: tuple[int, int, int, float], visit: Visit) -> int:
        number, _, _, factor = edge
        drawn = uniform(self.settings.seed, COPIES, number, visit.request.number, visit.nth)
        return math.floor(factor) + (drawn < factor - math.floor(factor))

    def run(self, arrivals_s: list[float], steps: list[tuple[float, Plan]]) -> list[Request]:
        """Return the requests after all of them have ended."""
        requests = [Request(i, t, len(self.stages)) for i, t in enumerate(arrivals_s)]
        for request in requests:
            # In this order, so that not even the last bit differs.
            entry_s = request.arrival_s + self.settings.network_delay_s + self.settings.cluster.router_delay_s
            self.at(entry_s, ENTER, partial(self.stages[0].enter, request))
        for at_s, plan in steps:
            for stage, chosen in zip(self.stages, plan.stages, strict=True):
                self.at(at_s, RECONFIGURE, partial(stage.reconfigure, chosen))
        # Idle replicas die for ever; the model ends when nothing else is left to happen.
        while self.env._queue and not self.over(requests, steps):
            self.env.step()
        return requests

    def over(self, requests: list[Request], steps: list[tuple[float, Plan]]) -> bool:
        """Whether all requests have ended, no visit of theirs goes on, and no step is left."""
        return self.env.now > max([0.0, *(t for t, _ in steps)]) and all(
            request.outcome != "in-flight" and all(v.gone for visits in request.visits for v in visits)
            for request in requests[-1:] + requests
        )
