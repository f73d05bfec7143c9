"""What a measured replica uses, and what else its machine does, whoever can tell."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import psutil

from ipa.profiler.disturbance import Usage, usage_now, uss_mb
from ipa.profiler.machine import machine_facts, moment


class Meter(Protocol):
    """Looks at one replica and the machine that it runs on."""

    async def usage(self) -> Usage:
        """Return what has been used so far; NaN where it is not known."""
        ...

    async def memory_mb(self) -> float:
        """Return the megabytes that only the replica holds; NaN if they are not known."""
        ...

    async def machine(self) -> Mapping[str, Any]:
        """Return what identifies the machine and the software on it."""
        ...

    async def moment(self) -> Mapping[str, Any]:
        """Return when it is, and how much there is to do on the machine."""
        ...


class ProcessMeter:
    """Looks at a process of this machine.

    Parameters
    ----------
    process
        The one that serves; None if it is not known, or runs somewhere else.
    """

    def __init__(self, process: psutil.Process | None = None) -> None:
        self._process = process

    async def usage(self) -> Usage:
        """Return what everything, this process and the replica have used so far."""
        return usage_now(self._process)

    async def memory_mb(self) -> float:
        """Return the memory of the replica."""
        return math.nan if self._process is None else uss_mb(self._process)

    async def machine(self) -> Mapping[str, Any]:
        """Return what identifies this machine."""
        return machine_facts()

    async def moment(self) -> Mapping[str, Any]:
        """Return when it is, and the load of this machine."""
        return moment()
