"""One run: a load, a schedule, and the account of both."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from infrastructure.chaos.account import Requests
from infrastructure.chaos.arena import NAME, Arena, open_arena
from infrastructure.chaos.faults import Faults
from infrastructure.chaos.happened import Happened
from infrastructure.chaos.load import Load, open_load
from infrastructure.chaos.outcome import ChaosOutcome, judge
from infrastructure.chaos.pipeline import STAGES
from infrastructure.chaos.schedule import Event, make_schedule
from infrastructure.testcluster.cluster import MissingError
from infrastructure.testcluster.layout import running_layout
from ipa.serving.load_generator import LoadSettings

NS = 1_000_000_000

TIMEOUT_S, RETRIES, CONNECTIONS = 20.0, 12, 8

IN_FORCE_S = 120.0
"""Time in which a change of the plan has to be in force, if no other comes first."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ChaosSettings:
    """What a run is.

    Parameters
    ----------
    duration_s
        Length of the load.
    rate_rps
        Requests per second.
    seed
        Of the schedule and of what it hits.
    shards
        Pods of the gateway.
    margin
        By how much more than the load plans are made for, as a part of it: room for a replica that is lost.
    namespace
        Where the pipeline is.
    without
        Kinds of events to leave out, where others use the cluster too.
    """

    duration_s: float = 900.0
    rate_rps: float = 50.0
    seed: int = 0
    shards: int = 2
    margin: float = 0.4
    namespace: str = "ipa-chaos"
    without: tuple[str, ...] = ()


def run_chaos(settings: ChaosSettings, tell: Tell = lambda _: None) -> ChaosOutcome:
    """Serve a pipeline in the test cluster, break what it stands on, and account for every request.

    Parameters
    ----------
    settings
        What the run is.
    tell
        Called with what happens, in a line each.

    Raises
    ------
    MissingError
        If there is no test cluster with two nodes, or the namespace is there already.
    RuntimeError, IpaError
        If the pipeline does not come to serve.
    """
    layout = running_layout()
    if len(layout.nodes) < 2 or not layout.kubeconfig.exists():
        raise MissingError(
            "a test cluster with two nodes is needed: python -m infrastructure.testcluster up --nodes 2"
        )
    schedule = make_schedule(settings.duration_s, settings.seed)
    schedule = tuple(event for event in schedule if event.kind not in settings.without)
    with open_arena(layout, settings.namespace, settings.shards, settings.margin) as arena:
        tell(f"serves at {arena.address}")
        return _Run(settings, arena, schedule, tell).go()


class _Run:
    """One run under way."""

    def __init__(self, settings: ChaosSettings, arena: Arena, schedule: Sequence[Event], tell: Tell) -> None:
        self._settings, self._arena, self._schedule, self._tell = settings, arena, schedule, tell
        self._faults = Faults(arena, settings.seed, sum(event.kind == "plan-change" for event in schedule))
        self._zero_ns = 0

    def go(self) -> ChaosOutcome:
        """Run it and return what it came to."""
        with open_load(self._load_settings()) as load, ThreadPoolExecutor(len(self._schedule)) as threads:
            self._zero_ns = load.begin()
            try:
                happened = self._follow(threads, load)
                account = load.account()
            finally:
                self._faults.stopped.set()
        self._arena.shards.look()
        journal = self._arena.shards.journal()
        return judge(Requests.of(account), happened, [] if journal is None else [journal])

    def now_s(self) -> float:
        """Return the time on the clock of the load."""
        return (time.monotonic_ns() - self._zero_ns) / NS

    def _follow(self, threads: ThreadPoolExecutor, load: Load) -> list[Happened]:
        under_way: list[Future[Happened]] = []
        for event in self._schedule:
            while (left_s := event.due_s - self.now_s()) > 0:
                load.check()
                time.sleep(min(left_s, 1.0))
            under_way.append(threads.submit(self._carry_out, event))
        return [one.result() for one in under_way]

    def _carry_out(self, event: Event) -> Happened:
        began_s, target, problem, in_force_s = self.now_s(), "", "", None
        ended_s = began_s
        try:
            target = self._faults.carry_out(event)
            ended_s = self.now_s()
            if event.kind == "plan-change":
                ended_s = began_s
                in_force_s = self._faults.in_force_s(event, IN_FORCE_S)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            ended_s = max(ended_s, self.now_s())
        took = "" if in_force_s is None else f", in force after {in_force_s:.1f} s"
        self._tell(f"{began_s:6.1f} s  {event.kind}: {target}{took}{problem and f' FAILED: {problem}'}")
        return Happened(event.kind, target, round(began_s, 3), round(ended_s, 3), problem, in_force_s)

    def _load_settings(self) -> LoadSettings:
        given = self._settings
        return LoadSettings(
            self._arena.address,
            NAME,
            np.arange(0.0, given.duration_s, 1 / given.rate_rps),
            timeout_s=TIMEOUT_S,
            payload="digest",
            payload_settings={"stages": len(STAGES)},
            retries=RETRIES,
            connections=CONNECTIONS,
        )
