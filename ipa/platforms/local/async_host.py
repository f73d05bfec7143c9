"""The processes of a live pipeline, for its event loop: nothing here blocks it."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from ipa.errors import LivePipelineError
from ipa.platforms.local.processes import STOP_TIMEOUT_S, Process, ProcessHost
from ipa.serving.model_server import ServerFailed, ServerReady

T = TypeVar("T")

LOG_TAIL_CHARACTERS = 300
"""What a message shows of the log of a process that ended without a word."""


class AsyncHost:
    """A process host whose calls run one after another in a thread of their own.

    Parameters
    ----------
    host
        What starts and ends the processes.
    """

    def __init__(self, host: ProcessHost) -> None:
        self._host = host
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="processes")

    async def start_command(self, name: str, command: Sequence[str], log_file: Path) -> Process:
        """Run a command in a process of its own."""
        return await self._call(self._host.start_command, name, command, {}, log_file)

    async def start_reporting(
        self,
        name: str,
        work: Callable[[Any, Connection], object],
        settings: object,
        log_file: Path,
        cpus: frozenset[int] | None = None,
    ) -> tuple[Process, Connection]:
        """Run ``work(settings, connection)`` in a process; return it with our end of the connection."""
        reader, writer = Pipe()
        try:
            process = await self._call(self._host.start, name, work, (settings, writer), log_file, cpus)
        finally:
            # Only the process itself holds it from now on, so that reading ends when the process does.
            writer.close()
        return process, reader

    async def stop(self, process: Process, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask a process to end, and end it by force if it does not in time; returns once it is gone."""
        await self._call(process.terminate)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended(process), timeout_s)
        await self.kill(process)

    async def kill(self, process: Process) -> None:
        """End a process by force, if it has not ended; returns once it is gone."""
        await self._call(process.kill)
        await ended(process)
        await self._call(process.wait)

    async def exit_of(self, process: Process) -> str:
        """Return in words how a process ended."""
        code = await self._call(lambda: process.exit_code)
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    async def close(self) -> None:
        """End all processes."""
        await self._call(self._host.close)
        self._thread.shutdown()

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(function, *args))


async def server_ready(process: Process, reader: Connection, timeout_s: float) -> ServerReady:
    """Return what a server says once it serves.

    Raises
    ------
    LivePipelineError
        If it says that it cannot, or ends, or says nothing in time.
    """
    try:
        said = await asyncio.wait_for(received(reader), timeout_s)
    except EOFError:
        raise LivePipelineError(f"{process.name} ended while it started; {log_tail(process)}") from None
    except TimeoutError:
        raise LivePipelineError(
            f"{process.name} was not ready after {timeout_s:g} s; its log: {process.log_file}"
        ) from None
    if isinstance(said, ServerFailed):
        raise LivePipelineError(said.message)
    if not isinstance(said, ServerReady):
        raise LivePipelineError(f"{process.name} said {type(said).__name__} instead of being ready")
    return said


async def received(reader: Connection) -> Any:
    """Return the next object that comes over a connection; EOFError if nothing can come any more."""
    await readable(reader.fileno())
    return reader.recv()


async def ended(process: Process) -> None:
    """Return once a process has ended."""
    await readable(process.sentinel)


async def readable(descriptor: int) -> None:
    """Return once there is something to read, or the end of it; any number may wait for the same."""
    loop = asyncio.get_running_loop()
    event, own = asyncio.Event(), os.dup(descriptor)
    loop.add_reader(own, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(own)
        os.close(own)


def log_tail(process: Process) -> str:
    """Return in words where the log of a process is, and how it ends."""
    try:
        text = process.log_file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        text = ""
    tail = " ".join(text[-LOG_TAIL_CHARACTERS:].split())
    return f"its log, {process.log_file}, ends with: {tail}" if tail else f"its log is {process.log_file}"
