"""A pipeline of real processes: what shall run, what runs, and the tasks that bring both together."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

from ipa.errors import GatewayError, LivePipelineError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport, Observation
from ipa.platforms.local.arrival_history import ArrivalHistory
from ipa.platforms.local.async_host import AsyncHost
from ipa.platforms.local.core_account import CoreAccount
from ipa.platforms.local.events import EventLog
from ipa.platforms.local.fleet import Fleet
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.gateway_keeper import GatewayKeeper
from ipa.platforms.local.journal_keeper import JournalKeeper
from ipa.platforms.local.launcher import Launcher
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.platforms.local.slot import Slot, SlotContext
from ipa.platforms.local.stage_fleet import Place
from ipa.serving.gateway import GatewaySettings, GatewayState, StageAssignment

WATCH_EVERY_S = 1.0
"""Time between two looks at the gateway: for arrivals, and for replicas that do not answer it."""

DRAIN_POLL_S = 0.05
"""Time between two questions whether a replica has answered its last batch."""

RETRY_S = 0.5
"""Time before a plan that the gateway refused, or could not take, is put again."""

SUSPECT_LOOKS = 3
"""Looks in a row at which a replica is suspect before it is replaced; one that recovers is left alone."""

PUT_TIMEOUT_S = 10.0
"""Time in which replicas that have reported to be ready have to answer the gateway."""

FAILED_STARTS = 2
"""Starts of one replica that fail in a row before a deployment is given up."""

NS = 1_000_000_000

_log = logging.getLogger(__name__)


class LivePipeline:
    """Replicas and gateway of one pipeline, in one event loop.

    Parameters
    ----------
    pipeline
        What is served.
    settings
        Of the platform.
    gateway
        Settings of the gateway.
    folder
        For sockets, logs and process identities.
    host
        Runs the processes.
    window_s
        Seconds of history that an observation shows.
    journal_limit
        Ended requests that are remembered, about.

    Attributes
    ----------
    in_force
        What the gateway was told last, stage by stage; empty if it does not know yet.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ServingSettings,
        gateway: GatewaySettings,
        folder: LiveFolder,
        host: AsyncHost,
        window_s: int,
        journal_limit: int,
    ) -> None:
        self._window_s, self.zero_ns = window_s, time.monotonic_ns()
        self.events = EventLog(self.now)
        self._launcher = Launcher(host, pipeline, settings, gateway.seed, folder)
        self.gateway = GatewayKeeper(host, gateway, folder, self.events, self._gateway_restarted)
        self.cores, self._arrivals, self._counting = CoreAccount(self.now), ArrivalHistory(), asyncio.Lock()
        self.journal = JournalKeeper(self.gateway, journal_limit)
        self._changed = asyncio.Event()
        self._context = SlotContext(self._launcher, host, self.events, self.cores, self._changed.set)
        self._fleet = Fleet(pipeline, settings.core_limit, self._add)
        self._slots: dict[Slot, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.in_force: tuple[StageAssignment, ...] = ()
        self._suspect_looks: dict[str, int] = {}

    def now(self) -> float:
        """Return the seconds since the clock's zero."""
        return (time.monotonic_ns() - self.zero_ns) / NS

    async def start(self, plan: Plan) -> None:
        """Start with a plan and return once all of it serves.

        Raises
        ------
        LivePipelineError
            If something does not start; what did start is stopped by ``stop``.
        """
        gateway = asyncio.ensure_future(self.gateway.start())
        try:
            self._fleet.start(plan)
            await gateway
            self._own(self.gateway.keep(), "gateway")
            self._own(self._reconcile(), "reconciler")
            await self._until_served()
            self._own(self._watch(), "watch")
        finally:
            gateway.cancel()

    async def set_clock(self, zero_ns: int) -> None:
        """Let the clock show 0 at an instant of the machine's monotonic clock, and count from then on."""
        self.events.shift((zero_ns - self.zero_ns) / NS)
        self.zero_ns = zero_ns
        self.cores.restart()
        self._arrivals = ArrivalHistory()
        await self.gateway.set_clock(zero_ns)

    async def apply(self, plan: Plan) -> ApplyReport:
        """Move towards a plan, from now on."""
        self._fleet.check(plan)
        if self._fleet.runs(plan):
            return ApplyReport(started=0, stopped=0)
        report = self._fleet.reconfigure(plan, await self._busy_since_s())
        self._changed.set()
        return report

    async def observe(self) -> Observation:
        """Return what is known now."""
        await self._count_arrivals()
        now_s, end = self.now(), int(self.now())
        seen = self._arrivals.rates_rps(max(0, end - self._window_s), end)
        ready = tuple(len(stage.replicas) for stage in self.in_force) or (0,) * len(self._fleet.stages)
        return Observation(now_s, seen, self._fleet.target, ready, self.pending())

    def pending(self) -> str:
        """Return what is still to come, in words; empty if nothing."""
        missing = [self._fleet.still_to_come()]
        missing += sorted({slot.failure for slot in self._slots if slot.failure and slot.address is None})
        if self.gateway.ready is None:
            missing.append("the gateway is being started anew")
        elif self.in_force != self._fleet.assignments():
            missing.append("the gateway is being told")
        return ", ".join(filter(None, missing))

    async def drain(self, timeout_s: float) -> bool:
        """Let the gateway refuse new requests; return whether all others ended in time."""
        return await self.gateway.call(lambda control: control.drain(timeout_s))

    async def stop(self) -> None:
        """End everything; what is in flight is lost unless it was drained before."""
        for task in [*self._tasks, *self._slots.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._slots.values(), return_exceptions=True)
        self._tasks.clear()
        await self.gateway.stop()

    def _add(self, stage_index: int, plan: StagePlan) -> Place:
        slot = Slot(stage_index, plan, self._context)
        task = asyncio.create_task(slot.run(), name=f"{plan.stage} {plan.variant}")
        self._slots[slot] = task
        task.add_done_callback(partial(self._slot_done, slot))
        return slot

    def _slot_done(self, slot: Slot, task: "asyncio.Task[None]") -> None:
        del self._slots[slot]
        _report_failure(task)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report_failure)
        self._tasks.append(task)

    def _gateway_restarted(self) -> None:
        self.in_force = ()
        self._changed.set()

    async def _until_served(self) -> None:
        """Return once the plan serves, or raise if a replica fails again and again."""
        while self.pending():
            for slot in self._slots:
                if slot.failures >= FAILED_STARTS:
                    raise LivePipelineError(slot.failure)
            await asyncio.sleep(DRAIN_POLL_S)

    async def _reconcile(self) -> None:
        """Tell the gateway what serves whenever that changes, and stop what has drained."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._bring_in_force()
                await self._let_go()
            except GatewayError as error:
                # A gateway that is down is told its plan as soon as the next one is up.
                if self.gateway.ready is not None:
                    self.events.add("plan-refused", "gateway", str(error))
                    await asyncio.sleep(RETRY_S)
                    self._changed.set()

    async def _bring_in_force(self) -> None:
        # Only a plan that waits for room lets replicas go here.
        self._fleet.settle(await self._busy_since_s() if self._fleet.waiting_plan else {})
        wanted, told_ns = self._fleet.assignments(), self.gateway.since_ns
        if wanted != self.in_force:
            await self.gateway.call(lambda control: control.put_plan(wanted, PUT_TIMEOUT_S))
            if told_ns != self.gateway.since_ns:
                # The one that was told has gone; the next one waits to be told.
                return
            self.in_force = wanted
            self.events.add("plan", "gateway", _in_words(wanted))
            if not self.pending():
                self.events.add("in-force", "pipeline")

    async def _let_go(self) -> None:
        """Tell the replicas that were released that they have drained, once the gateway says so."""
        named = {replica.name for stage in self.in_force for replica in stage.replicas}
        while leaving := [
            slot for slot in self._slots if slot.released and slot.address and slot.address.name not in named
        ]:
            state = await self.gateway.call(lambda control: control.state())
            for slot in leaving:
                if slot.address is not None and not state.holds(slot.address.name):
                    slot.drained()
            if self._changed.is_set():
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _watch(self) -> None:
        """Look after what nobody reports: arrivals, and replicas that do not answer the gateway."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            await self._count_arrivals()
            try:
                self._look_for_hung(await self.gateway.call(lambda control: control.state()))
                await self.journal.fetch()
            except GatewayError as error:
                _log.info("no look at the replicas: %s", error)

    def _look_for_hung(self, state: GatewayState) -> None:
        suspects = {
            replica.name for stage in state.stages for replica in stage.replicas if replica.state == "suspect"
        }
        self._suspect_looks = {name: self._suspect_looks.get(name, 0) + 1 for name in suspects}
        for slot in self._slots:
            if slot.address and self._suspect_looks.get(slot.address.name, 0) >= SUSPECT_LOOKS:
                slot.hung()

    async def _count_arrivals(self) -> None:
        """Take what the gateway counted in the seconds that are over."""
        async with self._counting:
            first, end = self._arrivals.known_s, int(self.now())
            if end <= first:
                return
            since_s = (self.gateway.since_ns - self.zero_ns) / NS
            try:
                counts = await self.gateway.call(lambda control: control.arrivals(first, end))
            except GatewayError as error:
                _log.info("arrivals are not known: %s", error)
            else:
                self._arrivals.add(first, counts, since_s)

    async def _busy_since_s(self) -> dict[str, float]:
        """Return since when replicas have been busy; of a gateway that is down nothing is known."""
        try:
            state = await self.gateway.call(lambda control: control.state())
        except GatewayError:
            return {}
        return {
            replica.name: replica.busy_since_s
            for stage in state.stages
            for replica in stage.replicas
            if replica.busy_since_s is not None
        }


def _report_failure(task: "asyncio.Task[None]") -> None:
    """Log a task that ended on its own; its work is not done any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s failed", task.get_name(), exc_info=error)


def _in_words(assignments: tuple[StageAssignment, ...]) -> str:
    return ", ".join(
        f"{a.plan.stage}: {a.plan.variant} × {len(a.replicas)}, batch {a.plan.batch}" for a in assignments
    )
