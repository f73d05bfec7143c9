"""What the kernel tells inside of a container: of the whole node, and of the container's cgroup."""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

CPU_V2, CPU_V1 = "/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpuacct/cpuacct.usage"
MEMORY_V2, MEMORY_V1 = "/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"
NODE, LOAD, BOOT = "/proc/stat", "/proc/loadavg", "/proc/sys/kernel/random/boot_id"
MODEL = "/proc/cpuinfo"

COMMAND = ("grep", "-s", "", CPU_V2, CPU_V1, MEMORY_V2, MEMORY_V1, NODE, LOAD, BOOT, MODEL)
"""Prints every line of these files after the name of its file; those that are missing are left out."""

_LINE = re.compile(r"([^:\n]+):(.*)")


@dataclass(frozen=True, slots=True)
class NodeCounters:
    """Counters at some moment; NaN where the kernel does not tell.

    Parameters
    ----------
    busy_s, stolen_s
        Seconds of processors that everything on the node used, and that its hypervisor took.
    container_s
        Seconds of processors that the container used.
    memory_mb
        Megabytes that only the container holds, without caches of files.
    load_average
        Of the node, over 1, 5 and 15 minutes.
    boot_id
        Names the kernel that runs; the same on this machine says that the node is this machine.
    cpu
        Model of its processors; empty where they have none.
    """

    busy_s: float
    stolen_s: float
    container_s: float
    memory_mb: float
    load_average: tuple[float, ...]
    boot_id: str
    cpu: str

    @classmethod
    def parse(cls, text: str) -> "NodeCounters":
        """Return what ``COMMAND`` printed."""
        found: dict[str, list[str]] = {}
        for name, line in _lines(text):
            found.setdefault(name, []).append(line)
        ticks = [float(word) for word in _first(found, NODE, "cpu ").split()] or [math.nan] * 8
        user, nice, system, _idle, _wait, irq, soft_irq, steal, *_guests = ticks
        tick_s = 1 / os.sysconf("SC_CLK_TCK")
        return cls(
            # Guests count as user time already.
            busy_s=(user + nice + system + irq + soft_irq) * tick_s,
            stolen_s=steal * tick_s,
            container_s=_number(found, CPU_V2, "usage_usec ") / 1e6
            if CPU_V2 in found
            else _number(found, CPU_V1, "") / 1e9,
            memory_mb=_number(found, MEMORY_V2, "anon ") / 1e6
            if MEMORY_V2 in found
            else _number(found, MEMORY_V1, "total_rss ") / 1e6,
            load_average=tuple(map(float, _first(found, LOAD, "").split()[:3])),
            boot_id=_first(found, BOOT, ""),
            cpu=_first(found, MODEL, "model name").lstrip("\t :"),
        )


def _lines(text: str) -> Iterator[tuple[str, str]]:
    return ((match[1], match[2]) for match in map(_LINE.fullmatch, text.splitlines()) if match)


def _first(found: dict[str, list[str]], file: str, begin: str) -> str:
    """Return the rest of the first line of a file that begins in some way; empty if there is none."""
    return next((line.removeprefix(begin) for line in found.get(file, ()) if line.startswith(begin)), "")


def _number(found: dict[str, list[str]], file: str, begin: str) -> float:
    return float(_first(found, file, begin) or "nan")
