"""The engine of the gateway on simulated time: a clock of events, replicas that take as long as simulated
ones, and whoever starts and stops them as the simulator does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import exp, inf, nextafter

from ipa.pipeline.pipeline import Pipeline, Stage
from ipa.pipeline.plan import Plan, StagePlan
from ipa.serving.gateway.engine import Batch, Engine, Link, Order, Request, Result
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.v2 import Tensor
from ipa.simulator import SimulationSettings
from ipa.simulator.service import RandomStream, service_times

RECONFIGURE = -1


@dataclass
class VirtualTimer:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """Events in the order of time; of one instant by ``Order``, then as they were announced."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self._events: list[tuple[float, float, int, VirtualTimer, Callable[[], None]]] = []
        self._numbers = count()
        self.after_event: Callable[[], None] = lambda: None

    def now_s(self) -> float:
        return self.time_s

    def at(self, time_s: float, order: float, action: Callable[[], None], /) -> VirtualTimer:
        timer = VirtualTimer()
        heappush(self._events, (max(time_s, self.time_s), order, next(self._numbers), timer, action))
        return timer

    def run(self) -> None:
        self.run_until(inf)

    def run_until(self, until_s: float) -> None:
        """Let everything happen that is due by a time, which is then the time."""
        while self._events and self._events[0][0] <= until_s:
            time_s, _, _, timer, action = heappop(self._events)
            if not timer.cancelled:
                self.time_s = time_s
                action()
                self.after_event()
        if until_s < inf:
            self.time_s = max(self.time_s, until_s)


@dataclass(eq=False)
class VirtualLink:
    """A replica that serves a batch for as long as the simulator would."""

    name: str
    fleet: "VirtualFleet"
    free_s: float
    closed: bool = False

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        assert not self.closed
        clock, place = self.fleet.clock, self.fleet.place
        # As the simulator has it: at least one tick of the clock.
        end_s = max(clock.now_s() + self.fleet.service_s(batch), nextafter(clock.now_s(), inf))
        self.free_s = end_s
        results = [visit.inputs for visit in batch.visits]
        # What enters at one instant does so in the order of the stages it comes from.
        clock.at(end_s, Order.ENTER + (place + 1) / 1000, lambda: done(results))

    def watch(self, _failures: int, _recovered: Callable[[], None], /) -> None:
        raise AssertionError("these replicas never fail")

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Configuration:
    """A plan and the replicas that run it: those that serve, and those that start."""

    def __init__(self, plan: StagePlan) -> None:
        self.plan = plan
        self.links: list[VirtualLink] = []
        self.starting: list[tuple[float, VirtualLink]] = []

    def runs(self, plan: StagePlan) -> bool:
        return (self.plan.variant, self.plan.cores) == (plan.variant, plan.cores)

    def welcome(self, now_s: float) -> None:
        """Let those serve that are up."""
        self.links += [link for up_s, link in self.starting if up_s <= now_s]
        self.starting = [(up_s, link) for up_s, link in self.starting if up_s > now_s]

    def stop(self, count: int) -> None:
        """Stop the newest of those that start, then whoever is or will be free first."""
        for _ in range(count):
            if self.starting:
                self.starting.pop()
            else:
                self.links.remove(min(self.links, key=lambda link: link.free_s))


class VirtualFleet:
    """The replicas of one stage, started and stopped as ``ipa.simulator.stage`` does it."""

    def __init__(
        self,
        stage: Stage,
        place: int,
        plan: StagePlan,
        settings: SimulationSettings,
        clock: VirtualClock,
        changed: Callable[[], None],
    ) -> None:
        self.place, self.clock = place, clock
        self._stage, self._settings, self._changed = stage, settings, changed
        self._random = RandomStream(settings.seed, place, settings.service)
        self._numbers = count()
        self.running = Configuration(plan)
        self.pending: Configuration | None = None
        self.running.links = [self._new(0.0) for _ in range(plan.replicas)]

    def _new(self, up_s: float) -> VirtualLink:
        return VirtualLink(f"{self._stage.name}-{next(self._numbers)}", self, up_s)

    def assignment(self) -> tuple[StagePlan, Sequence[Link]]:
        """Return what serves now."""
        return self.running.plan, self.running.links

    def service_s(self, batch: Batch) -> float:
        """Return how long a batch takes; each takes the next number of the stage's stream."""
        plan, size = self.running.plan, len(batch.visits)
        points = self._stage.variant(plan.variant).profile_on(plan.cores).points
        times = service_times(points, plan.batch, self._settings.service)
        z = float(self._random.peek(1)[0])
        self._random.consume(1)
        return times.scale_s[size] * exp(times.spread[size] * z) + times.dispatch_s

    def reconfigure(self, wanted: StagePlan) -> None:
        """Move towards a plan."""
        if self.pending and not self.pending.runs(wanted):
            self.pending = None
        if self.running.runs(wanted):
            target = self.running
        else:
            target = self.pending = self.pending or Configuration(wanted)
        target.plan = wanted
        self._resize(target)
        self._look()

    def _resize(self, target: Configuration) -> None:
        change = target.plan.replicas - len(target.links) - len(target.starting)
        up_s = self.clock.now_s() + self._stage.variant(target.plan.variant).start_up_s
        for _ in range(change):
            target.starting.append((up_s, self._new(up_s)))
            self.clock.at(up_s, Order.ENTER, self._look)
        target.stop(max(-change, 0))

    def _look(self) -> None:
        """Let whoever is ready serve, and another configuration take over once all of it is."""
        now_s = self.clock.now_s()
        self.running.welcome(now_s)
        if self.pending:
            self.pending.welcome(now_s)
            if not self.pending.starting:
                self.running, self.pending = self.pending, None
                for link in self.running.links:
                    link.free_s = now_s
        self._changed()


class VirtualGateway:
    """A pipeline behind an engine, under load, on simulated time."""

    def __init__(
        self, pipeline: Pipeline, plan: Plan, settings: SimulationSettings, waiting: int = 10**9
    ) -> None:
        self.clock = VirtualClock()
        limits = [StageLimits(settings.drop_limit_s(place), waiting) for place in range(len(pipeline.stages))]
        self.engine = Engine(pipeline, limits, self.clock, settings.seed)
        self.fleets = [
            VirtualFleet(stage, place, chosen, settings, self.clock, self.put_plan)
            for place, (stage, chosen) in enumerate(zip(pipeline.stages, plan.stages, strict=True))
        ]
        self.requests: list[Request] = []
        self.put_plan()

    def put_plan(self) -> None:
        self.engine.assign([fleet.assignment() for fleet in self.fleets])

    def run(self, arrivals_s: Sequence[float], steps: Sequence[tuple[float, Plan]] = ()) -> list[Request]:
        """Return all requests after they have ended."""
        inputs = (Tensor("x", "UINT8", (1,), b"x"),)
        ended: list[Request] = []

        def arrive(number: int) -> None:
            self.requests.append(self.engine.submit(str(number), inputs, ended.append))

        for number, arrival_s in enumerate(arrivals_s):
            self.clock.at(arrival_s, Order.ENTER, lambda number=number: arrive(number))  # type: ignore[misc]
        for at_s, plan in steps:
            for fleet, chosen in zip(self.fleets, plan.stages, strict=True):
                self.clock.at(at_s, RECONFIGURE, lambda fleet=fleet, chosen=chosen: fleet.reconfigure(chosen))  # type: ignore[misc]
        self.clock.run()
        assert len(ended) == len(set(map(id, ended))) == len(arrivals_s)
        return self.requests
