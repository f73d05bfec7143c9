"""One place for a replica: started, replaced when it dies or hangs, stopped once it has drained."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ipa.errors import IpaError
from ipa.pipeline.plan import StagePlan
from ipa.platforms.local.async_host import AsyncHost
from ipa.platforms.local.core_account import CoreAccount
from ipa.platforms.local.events import EventLog
from ipa.platforms.local.launch import Launch
from ipa.platforms.local.launcher import Launcher
from ipa.serving.gateway.messages import ReplicaAddress

FIRST_BACK_OFF_S = 0.5
LONGEST_BACK_OFF_S = 30.0

STEADY_S = 30.0
"""A replica that lived for so long failed for a new reason: the next one is started at once."""

DRAIN_TIMEOUT_S = 120.0
"""Time that a released replica gets for its last batch; the gateway gives up on a hung one long before."""


@dataclass(frozen=True, slots=True)
class SlotContext:
    """What all places of a pipeline share.

    Parameters
    ----------
    launcher
        Starts replicas.
    host
        Stops their processes.
    events
        Where their lives are written down.
    cores
        Where their cores are counted.
    changed
        Called when a replica has become ready, or is not any more.
    """

    launcher: Launcher
    host: AsyncHost
    events: EventLog
    cores: CoreAccount
    changed: Callable[[], None]


class Slot:
    """A place for one replica of a stage.

    Parameters
    ----------
    stage_index
        Position of the stage in the pipeline.
    plan
        Variant and cores of the replica.
    context
        What it needs.

    Attributes
    ----------
    address
        Where the replica answers; None while it starts or is replaced.
    failures
        Replicas that failed in a row, to start or soon after.
    failure
        Why the last one did.
    """

    def __init__(self, stage_index: int, plan: StagePlan, context: SlotContext) -> None:
        self.stage_index, self.plan = stage_index, plan
        self.address: ReplicaAddress | None = None
        self.failures, self.failure = 0, ""
        self._context = context
        self._released, self._drained, self._hung = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def released(self) -> bool:
        """Whether it is to go."""
        return self._released.is_set()

    def release(self) -> None:
        """Let the replica go: at once if it is starting, else once it has drained."""
        self._released.set()
        self._context.changed()

    def drained(self) -> None:
        """Take note that the gateway holds nothing of the replica any more."""
        self._drained.set()

    def hung(self) -> None:
        """Take note that the replica does not answer: it is replaced."""
        self._hung.set()

    async def run(self) -> None:
        """Keep a replica here until it is released and drained."""
        while not self.released:
            started_s = time.monotonic()
            await self._one_life()
            if time.monotonic() - started_s > STEADY_S:
                self.failures = 0
            self.failures += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._released.wait(), _back_off_s(self.failures))

    async def _one_life(self) -> None:
        """Start a replica, let it serve, and stop what is left of it."""
        context = self._context
        context.cores.add(self.plan.cores)
        launch: Launch | None = None
        try:
            launch = await context.launcher.launch(self.stage_index, self.plan)
            context.events.add("starting", launch.name, launch.where)
            await self._serve(launch)
        except IpaError as error:
            self.failure = str(error)
            context.events.add("start-failed", launch.name if launch else self.plan.stage, str(error))
        finally:
            self.address = None
            context.changed()
            if launch is not None:
                await self._stop(launch)
            context.cores.add(-self.plan.cores)

    async def _serve(self, launch: Launch) -> None:
        """Wait until the replica is ready, then until it dies, hangs or has drained."""
        context = self._context
        address = await _first(launch.ready(), self._released.wait())
        if not isinstance(address, ReplicaAddress):
            return
        self.address = address
        context.events.add("ready", launch.name, address.address)
        context.changed()
        await _first(launch.ended(), self._hung.wait(), self._released.wait())
        if self.released:
            context.events.add("released", launch.name)
            with suppress(TimeoutError):
                await asyncio.wait_for(_first(launch.ended(), self._drained.wait()), DRAIN_TIMEOUT_S)
            context.events.add("drained", launch.name)
        elif self._hung.is_set():
            context.events.add("hung", launch.name, "it does not answer; it is replaced")
        else:
            context.events.add("died", launch.name, await launch.death())

    async def _stop(self, launch: Launch) -> None:
        await launch.stop(by_force=self._hung.is_set())
        self._hung.clear()
        self._context.events.add("stopped", launch.name)


def _back_off_s(failures: int) -> float:
    """Return how long to wait before the next start: not at all after the first failure, then ever longer."""
    if failures < 2:
        return 0.0
    return min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** (failures - 2))


async def _first(*waits: Coroutine[Any, Any, object]) -> object:
    """Return what the first of several ends with; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
