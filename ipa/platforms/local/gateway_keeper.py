"""Keeps the gateway of a live pipeline up: started anew on the same ports when it dies or hangs."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ipa.errors import GatewayError, IpaError
from ipa.platforms.local.async_host import AsyncHost, ended, server_ready
from ipa.platforms.local.events import EventLog
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.processes import Process
from ipa.platforms.local.pulse import until_stuck
from ipa.serving.gateway import GatewayControl, GatewaySettings, serve_gateway
from ipa.serving.model_server import ServerReady

T = TypeVar("T")

NAME = "gateway"

START_TIMEOUT_S = 60.0

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Times before the first and every further attempt in a row; the last one counts for all that follow."""


class GatewayKeeper:
    """The gateway's process and the way to talk to it.

    Parameters
    ----------
    host
        Runs the process.
    settings
        Of the gateway.
    folder
        For its log.
    events
        Where its life is written down.
    restarted
        Called when a new one serves and waits to be told its plan.

    Attributes
    ----------
    ready
        Where it answers; None while there is none.
    since_ns
        Since when, on the machine's monotonic clock.
    """

    def __init__(
        self,
        host: AsyncHost,
        settings: GatewaySettings,
        folder: LiveFolder,
        events: EventLog,
        restarted: Callable[[], None],
    ) -> None:
        self._host, self._folder, self._events, self._restarted = host, folder, events, restarted
        self._settings = settings
        self._control = GatewayControl(settings.control_socket, settings.control_token)
        self._process: Process | None = None
        self._zero_ns: int | None = None
        self.ready: ServerReady | None = None
        self.since_ns = 0

    async def start(self) -> ServerReady:
        """Start the gateway and return where it answers.

        Raises
        ------
        IpaError
            If it does not start; nothing of it is left then.
        """
        self._settings.control_socket.unlink(missing_ok=True)
        self._events.add("starting", NAME)
        self._process, reader = await self._host.start_reporting(
            NAME, serve_gateway, self._settings, self._folder.log_file(NAME)
        )
        try:
            ready = self.ready = await server_ready(self._process, reader, START_TIMEOUT_S)
            self.since_ns = time.monotonic_ns()
            if self._zero_ns is not None:
                await self.set_clock(self._zero_ns)
        except IpaError:
            self.ready = None
            await self._host.kill(self._process)
            raise
        finally:
            reader.close()
        # Clients find the next one where they found this one.
        self._settings = replace(self._settings, grpc_port=ready.grpc_port, http_port=ready.http_port)
        self._events.add("ready", NAME, f"gRPC port {ready.grpc_port}, HTTP port {ready.http_port}")
        return ready

    async def set_clock(self, zero_ns: int) -> None:
        """Let its clock, and those of later ones, show 0 at an instant of the machine's monotonic clock."""
        self._zero_ns = zero_ns
        await self.call(lambda control: control.set_clock(zero_ns))

    async def keep(self) -> None:
        """Replace the gateway whenever it dies or hangs, until cancelled; ``start`` comes first."""
        while self._process is not None:
            stuck = await self._lost(self._process)
            self.ready = None
            if stuck:
                self._events.add("hung", NAME, "it does not answer; it is replaced")
            else:
                self._events.add("died", NAME, await self._host.exit_of(self._process))
            await self._host.kill(self._process)
            for attempt in range(2**31):
                await asyncio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
                try:
                    await self.start()
                    break
                except IpaError as error:
                    self._events.add("start-failed", NAME, str(error))
            self._restarted()

    async def call(self, method: Callable[[GatewayControl], T]) -> T:
        """Tell or ask the gateway something, in a thread.

        Raises
        ------
        GatewayError
            If there is none, or it does not answer, or refuses.
        """
        if self.ready is None:
            raise GatewayError("the gateway is down; it is being started anew")
        return await asyncio.to_thread(method, self._control)

    async def stop(self) -> None:
        """End the gateway."""
        self.ready = None
        if self._process is not None:
            await self._host.stop(self._process)
            self._events.add("stopped", NAME)

    async def _lost(self, process: Process) -> bool:
        """Wait until the gateway has died or is stuck; return whether it is stuck."""
        death = asyncio.ensure_future(ended(process))
        waits = [death, asyncio.ensure_future(until_stuck(self._settings.control_socket, process.pid))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return not death.done()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
