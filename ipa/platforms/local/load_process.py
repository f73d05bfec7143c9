"""The load generator of a live run, in a process of its own."""

from multiprocessing.connection import Connection
from pathlib import Path

from ipa.errors import IpaError, LivePipelineError
from ipa.platforms.local.async_host import AsyncHost, log_tail, received
from ipa.platforms.local.processes import Process
from ipa.serving.load_generator import LoadReport, LoadSettings

NAME = "load"


def send_load(settings: LoadSettings, connection: Connection) -> None:
    """Send a load once told the clock's zero, and report what came of it; what a process of its own does."""
    from ipa.serving.load_generator import generate_load

    try:
        said: LoadReport | IpaError = generate_load(settings, start=connection)
    except IpaError as error:
        said = error
    connection.send(said)


class LoadProcess:
    """A load generator that waits to be told when to begin.

    Parameters
    ----------
    host
        Runs the process.
    log_file
        Where its output goes.
    """

    def __init__(self, host: AsyncHost, log_file: Path) -> None:
        self._host, self._log_file = host, log_file
        self._process: Process | None = None
        self._connection: Connection | None = None

    async def start(self, settings: LoadSettings) -> None:
        """Start it and return once its payloads are made and the gateway has answered it.

        Raises
        ------
        IpaError
            If it cannot send such a load.
        """
        self._process, self._connection = await self._host.start_reporting(
            NAME, send_load, settings, self._log_file
        )
        if (said := await self._next()) != "ready":
            raise LivePipelineError(f"the load generator said {said!r} instead of being ready")

    def begin(self, zero_ns: int) -> None:
        """Tell it when its clock shows 0, on the machine's monotonic clock."""
        if self._connection is not None:
            self._connection.send(zero_ns)

    async def report(self) -> LoadReport:
        """Return what came of the load once every request has ended.

        Raises
        ------
        IpaError
            If it broke off.
        """
        said = await self._next()
        if not isinstance(said, LoadReport):
            raise LivePipelineError(f"the load generator said {said!r} instead of what came of the load")
        return said

    async def stop(self) -> None:
        """End it, finished or not."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            await self._host.stop(self._process)

    async def _next(self) -> object:
        if self._connection is None or self._process is None:
            raise LivePipelineError("the load generator was not started")
        try:
            said = await received(self._connection)
        except EOFError:
            raise LivePipelineError(f"the load generator ended; {log_tail(self._process)}") from None
        if isinstance(said, IpaError):
            raise said
        return said
