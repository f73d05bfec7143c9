"""Whether a server that does not answer is stuck, or only busy."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PROBE_EVERY_S = 0.5
"""Time between two questions to a server that answers."""

PROBE_TIMEOUT_S = 1.0
"""Time that it has to answer one."""

STUCK_PROBES = 2
"""Questions in a row that go unanswered before a server that computes nothing counts as stuck."""

BUSY_PROBES = 10
"""And one that may be busy: with a large message, without a processor, or waiting for a disk."""

QUESTION = b"GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Look:
    """What the system tells of a process.

    Parameters
    ----------
    status
        What it is doing, in the words of psutil.
    cpu_s
        Seconds of processors that it has used so far.
    """

    status: str
    cpu_s: float


def look_at(pid: int) -> Look | None:
    """Return what the system tells of a process; None of one that is gone."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        times = process.cpu_times()
        return Look(process.status(), times.user + times.system)
    return None


def is_stuck(unanswered: int, before: Look | None, now: Look | None) -> bool:
    """Whether a server is to be given up.

    Parameters
    ----------
    unanswered
        Questions in a row that it did not answer.
    before, now
        What the system told of it when it answered last, and what it tells now.

    Examples
    --------
    >>> asleep, running = Look("sleeping", 1.0), Look("running", 1.0)
    >>> is_stuck(2, asleep, asleep), is_stuck(2, asleep, running), is_stuck(10, asleep, running)
    (True, False, True)
    """
    if unanswered < STUCK_PROBES or now is None:
        return False
    if unanswered >= BUSY_PROBES or now.status in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}:
        return True
    return now.status == psutil.STATUS_SLEEPING and before is not None and now.cpu_s <= before.cpu_s


async def answers(socket: Path, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Return whether somebody behind a Unix socket answers HTTP, whatever the answer is."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(QUESTION)
                return (await reader.readline()).startswith(b"HTTP/")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def until_stuck(socket: Path, pid: int) -> None:
    """Return once a server is stuck; ask it again and again until then.

    Parameters
    ----------
    socket
        Where it answers HTTP.
    pid
        Of its process.
    """
    unanswered, before = 0, look_at(pid)
    while not is_stuck(unanswered, before, look_at(pid)):
        if await answers(socket):
            unanswered, before = 0, look_at(pid)
            await asyncio.sleep(PROBE_EVERY_S)
        else:
            unanswered += 1
            # Where nobody listens at all an answer that fails comes at once.
            await asyncio.sleep(0.0 if unanswered < STUCK_PROBES else PROBE_EVERY_S / 5)
