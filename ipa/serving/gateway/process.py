"""The process of a gateway on this machine: engine, doors and control socket in one event loop."""

import asyncio
import logging
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from mlserver.utils import install_uvloop_event_loop

from ipa.errors import IpaError
from ipa.serving.gateway.control_server import ControlServer
from ipa.serving.gateway.drain import drain
from ipa.serving.gateway.gateway import Gateway, settle_garbage
from ipa.serving.gateway.replica_links import ReplicaLinks
from ipa.serving.gateway.settings import GatewaySettings
from ipa.serving.replica import ServerFailed, ServerReady
from ipa.serving.stock_server import hold_back_interrupts

STOP_DRAIN_S = 5.0
"""Time that requests in flight have to end when the process is told to stop; its owner drains it before."""

_log = logging.getLogger(__name__)


async def serve(settings: GatewaySettings, ready: Connection) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with tempfile.TemporaryDirectory(prefix="ipa-gateway-") as folder, ready:
        try:
            gateway = ControlledGateway(settings, Path(folder))
            message: ServerReady | ServerFailed = await gateway.open()
        except (IpaError, OSError, RuntimeError) as error:
            _log.exception("the gateway could not be started")
            ready.send(ServerFailed(f"the gateway could not be started: {error}"))
            return
        settle_garbage()
        ready.send(message)
        ready.close()
        await stop.wait()
        await gateway.close()


class ControlledGateway(Gateway):
    """A gateway that is told its plan over a Unix socket.

    Parameters
    ----------
    settings
        Of the gateway.
    folder
        Where MLServer may put files.
    """

    def __init__(self, settings: GatewaySettings, folder: Path) -> None:
        super().__init__(settings, settings.doors, folder)
        links = ReplicaLinks(self.engine, self.tasks, self.description)
        self._control = ControlServer(settings.control_socket, settings.control_token, self.engine, links)

    async def open(self) -> ServerReady:
        """Open all doors and the control socket, and tell where the doors are."""
        ready = await super().open()
        self._open_doors.append(self.tasks.start(self._control.start()))
        return ready

    async def close(self) -> None:
        """Let requests in flight end, then close everything."""
        await drain(self.engine, STOP_DRAIN_S)
        self._control.close()
        await super().close()


def run(settings: GatewaySettings, ready: Connection) -> None:
    """Serve until SIGTERM, in the main thread of this process."""
    hold_back_interrupts()
    install_uvloop_event_loop()
    asyncio.run(serve(settings, ready))
