"""The engine of the gateway on simulated time: a clock of events, replicas that take as long as simulated
ones, and whoever starts and stops them as the simulator does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
        while self._events:
            time_s, _, _, timer, action = heappop(self._events)
            if not timer.cancelled:
                self.time_s = time_s
                action()
                self.after_event()


@dataclass(eq=False)
class VirtualLink:
    """A replica that serves a batch for as long as the simulator would."""

    name: str
    fleet: "VirtualFleet"
    end_s: float = 0.0
    closed: bool = False

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        assert not self.closed
        clock, place = self.fleet.clock, self.fleet.place
        # As the simulator has it: at least one tick of the clock.
        end_s = max(clock.now_s() + self.fleet.service_s(batch), nextafter(clock.now_s(), inf))
        self.end_s = end_s
        results = [visit.inputs for visit in batch.visits]
        # What enters at one instant does so in the order of the stages it comes from.
        clock.at(end_s, Order.ENTER + (place + 1) / 1000, lambda: done(results))

    def watch(self, _failures: int, _recovered: Callable[[], None], /) -> None:
        raise AssertionError("these replicas never fail")

    def close(self) -> None:
        assert not self.closed
        self.closed = True


@dataclass
class VirtualFleet:
    """The replicas of one stage, started and stopped as ``ipa.simulator.stage`` does it."""

    stage: Stage
    place: int
    settings: SimulationSettings
    clock: VirtualClock
    changed: Callable[[], None]
    plan: StagePlan
    links: list[VirtualLink] = field(default_factory=list)
    """Those that serve."""
    starting: list[tuple[float, VirtualLink]] = field(default_factory=list)
    next_plan: StagePlan | None = None
    """Of another variant, which serves once all of its replicas are ready."""
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.random = RandomStream(self.settings.seed, self.place, self.settings.service)
        self.links = [self._new() for _ in range(self.plan.replicas)]

    def _new(self) -> VirtualLink:
        return VirtualLink(f"{self.stage.name}-{next(self.numbers)}", self)

    def service_s(self, batch: Batch) -> float:
        """Return how long a batch takes; each takes the next number of the stage's stream."""
        times = service_times(
            self.stage.variant(batch.visits[0].variant).profile_on(self.plan.cores).points,
            max(self.plan.batch, len(batch.visits)),
            self.settings.service,
        )
        z = float(self.random.peek(1)[0])
        self.random.consume(1)
        size = len(batch.visits)
        return times.scale_s[size] * exp(times.spread[size] * z) + times.dispatch_s

    def reconfigure(self, wanted: StagePlan) -> None:
        now_s = self.clock.now_s()
        same = (wanted.variant, wanted.cores) == (self.plan.variant, self.plan.cores)
        target = self.next_plan or self.plan
        if (target.variant, target.cores) != (wanted.variant, wanted.cores):
            self.starting = []
        if same:
            self.plan, self.next_plan = wanted, None
            self._resize(wanted.replicas - len(self.links) - len(self.starting), now_s)
        else:
            self.next_plan = wanted
            self._resize(wanted.replicas - len(self.starting), now_s)
            self._switch_if_ready()
        self.changed()

    def _resize(self, change: int, now_s: float) -> None:
        up_s = now_s + self.stage.variant((self.next_plan or self.plan).variant).start_up_s
        for _ in range(change):
            link = self._new()
            self.starting.append((up_s, link))
            self.clock.at(up_s, Order.ENTER, self._look)
        for _ in range(-change):
            if self.starting and (self.starting[-1][0] > now_s or self.next_plan):
                self.starting.pop()
            else:
                self.links.remove(min(self.links, key=lambda link: max(link.end_s, 0.0)))

    def _look(self) -> None:
        now_s = self.clock.now_s()
        if self.next_plan is None:
            ready = [link for ready_s, link in self.starting if ready_s <= now_s]
            self.starting = [(ready_s, link) for ready_s, link in self.starting if ready_s > now_s]
            for link in ready:
                link.end_s = now_s
            self.links += ready
        else:
            self._switch_if_ready()
        self.changed()

    def _switch_if_ready(self) -> None:
        now_s = self.clock.now_s()
        if self.next_plan and all(ready_s <= now_s for ready_s, _ in self.starting):
            self.links = [link for _, link in self.starting]
            for link in self.links:
                link.end_s = now_s
            self.plan, self.next_plan, self.starting = self.next_plan, None, []


class VirtualGateway:
    """A pipeline behind an engine, under load, on simulated time."""

    def __init__(
        self, pipeline: Pipeline, plan: Plan, settings: SimulationSettings, waiting: int = 10**9
    ) -> None:
        self.clock = VirtualClock()
        limits = [StageLimits(settings.drop_limit_s(place), waiting) for place in range(len(pipeline.stages))]
        self.engine = Engine(pipeline, limits, self.clock, settings.seed)
        self.fleets = [
            VirtualFleet(stage, place, settings, self.clock, self.put_plan, chosen)
            for place, (stage, chosen) in enumerate(zip(pipeline.stages, plan.stages, strict=True))
        ]
        self.requests: list[Request] = []
        self.put_plan()

    def put_plan(self) -> None:
        plans: list[tuple[StagePlan, Sequence[Link]]] = [
            (replace(fleet.plan, replicas=len(fleet.links)), fleet.links) for fleet in self.fleets
        ]
        self.engine.assign(plans)

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
