"""A replica that was started: a model server of IPA, a command, or a server that ran already."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from ipa.errors import LivePipelineError
from ipa.platforms.local.async_host import AsyncHost, ended, server_ready
from ipa.platforms.local.processes import Process
from ipa.serving.gateway.messages import ReplicaAddress

START_TIMEOUT_S = 300.0
"""Time that a replica has to load and warm its variant."""

SILENT_S = 15.0
"""Time that a server which should run already has to take connections; a deployment tries twice."""

POLL_S = 0.1
"""Time between two questions whether a server that cannot report to us is ready."""

HOST = "127.0.0.1"

_log = logging.getLogger(__name__)


class Launch(ABC):
    """A replica that was started.

    Parameters
    ----------
    name
        Unique among all replicas of the pipeline, also those to come.
    where
        Where it runs, in words.
    """

    def __init__(self, name: str, where: str) -> None:
        self.name, self.where = name, where

    @abstractmethod
    async def ready(self) -> ReplicaAddress:
        """Return where it answers, once it does.

        Raises
        ------
        LivePipelineError
            If it fails to start.
        """

    @abstractmethod
    async def ended(self) -> None:
        """Return once it has ended."""

    @abstractmethod
    async def stop(self, *, by_force: bool = False) -> None:
        """End it, and return once it is gone; one that hangs can only be ended by force."""

    @abstractmethod
    async def death(self) -> str:
        """Return in words how it ended."""


class ProcessLaunch(Launch):
    """A replica in a process of ours.

    Parameters
    ----------
    host
        What started it.
    process
        Its process.
    where
        On which processors it runs, in words.
    """

    def __init__(self, host: AsyncHost, process: Process, where: str) -> None:
        super().__init__(process.name, where)
        self._host, self._process = host, process

    async def ended(self) -> None:
        """Return once its process has ended."""
        await ended(self._process)

    async def stop(self, *, by_force: bool = False) -> None:
        """End its process."""
        await (self._host.kill if by_force else self._host.stop)(self._process)

    async def death(self) -> str:
        """Return its exit code, or the signal that killed it."""
        return await self._host.exit_of(self._process)


class ModelServerLaunch(ProcessLaunch):
    """A model server of IPA, which reports its port.

    Parameters
    ----------
    host, process, where
        As for every process.
    reader
        Where its report comes from.
    model
        Name of the model that it serves.
    stopped
        Called once its process is gone.
    """

    def __init__(
        self,
        host: AsyncHost,
        process: Process,
        where: str,
        reader: Connection,
        model: str,
        stopped: Callable[[], None],
    ) -> None:
        super().__init__(host, process, where)
        self._reader, self._model, self._stopped = reader, model, stopped

    async def ready(self) -> ReplicaAddress:
        """Return where it answers."""
        said = await server_ready(self._process, self._reader, START_TIMEOUT_S)
        return ReplicaAddress(self.name, f"{HOST}:{said.grpc_port}", self._model)

    async def stop(self, *, by_force: bool = False) -> None:
        """End its process."""
        self._reader.close()
        await super().stop(by_force=by_force)
        self._stopped()


class CommandLaunch(ProcessLaunch):
    """A server of somebody else's, started by its command; it is ready once its model is.

    Parameters
    ----------
    host, process, where
        As for every process.
    address
        Where its gRPC door will be.
    model
        Name of its model.
    """

    def __init__(self, host: AsyncHost, process: Process, where: str, address: str, model: str) -> None:
        super().__init__(host, process, where)
        self._address = ReplicaAddress(self.name, address, model)

    async def ready(self) -> ReplicaAddress:
        """Return where it answers."""
        asked, over = asyncio.ensure_future(model_ready(self._address)), asyncio.ensure_future(self.ended())
        try:
            await asyncio.wait({asked, over}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise LivePipelineError(
                    f"{self.name} ended while it started ({await self.death()}); its log is"
                    f" {self._process.log_file}"
                )
            return asked.result()
        finally:
            asked.cancel()
            over.cancel()
            await asyncio.gather(asked, over, return_exceptions=True)


class AddressLaunch(Launch):
    """A server that runs already, and goes on when the pipeline ends.

    Parameters
    ----------
    name
        Name of the replica.
    address
        Where its gRPC door is.
    model
        Name of its model.
    """

    def __init__(self, name: str, address: str, model: str) -> None:
        super().__init__(name, f"at {address}, not started by us")
        self._address = ReplicaAddress(name, address, model)

    async def ready(self) -> ReplicaAddress:
        """Return where it answers; one that nobody has started is not waited for long."""
        await until_somebody_listens(self.name, self._address.address)
        return await model_ready(self._address)

    async def ended(self) -> None:
        """Wait for ever: it is not ours to watch."""
        await asyncio.Event().wait()

    async def stop(self, *, by_force: bool = False) -> None:
        """Leave it running."""

    async def death(self) -> str:
        """Return that nothing is known."""
        return "not known"


async def until_somebody_listens(name: str, address: str, timeout_s: float = SILENT_S) -> None:
    """Return once an address takes connections; say at once if it does not yet.

    Parameters
    ----------
    name
        Of the replica.
    address
        Host and port.
    timeout_s
        Time that it has.

    Raises
    ------
    LivePipelineError
        If it took longer.
    """
    host, _, port = address.rpartition(":")
    began_s = time.monotonic()
    while not await _listens(host.strip("[]"), int(port), timeout_s):
        if (passed_s := time.monotonic() - began_s) >= timeout_s:
            raise LivePipelineError(
                f"{name}: nobody listened at {address} for {timeout_s:g} s; start that server, or mend its"
                " address in the pipeline file"
            )
        if passed_s < POLL_S:
            _log.warning("%s: nobody listens at %s yet; asked for %g s", name, address, timeout_s)
        await asyncio.sleep(POLL_S)


async def _listens(host: str, port: int, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def model_ready(replica: ReplicaAddress, timeout_s: float = START_TIMEOUT_S) -> ReplicaAddress:
    """Return a replica once its server says that its model is ready."""
    import grpc

    from ipa.serving.v2 import V2Client

    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s), V2Client(replica.address) as client:
            while True:
                with suppress(grpc.aio.AioRpcError):
                    if await client.model_ready(replica.model, timeout_s=5.0):
                        return replica
                await asyncio.sleep(POLL_S)
    raise LivePipelineError(
        f"{replica.name}: model {replica.model} at {replica.address} was not ready after {timeout_s:g} s"
    )
