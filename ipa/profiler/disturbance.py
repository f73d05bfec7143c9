"""Whether something else ran while a point was measured."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import psutil

OTHER_CORES = 0.1
"""Cores in use by processes that have nothing to do with the measurement from which on it is disturbed."""

STOLEN_CORES = 0.02
"""Cores that the hypervisor took from this machine from which on a measurement is disturbed."""

DRIFT = 0.1
"""Relative difference between the medians of both halves from which on something changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processors used until some moment.

    Parameters
    ----------
    busy_s
        By everything on the machine.
    stolen_s
        By other machines of the same host.
    own_s
        By the profiler.
    replica_s
        By the replica and what it started; NaN if it is not a process of this machine.
    clock_s
        The moment, on a clock that never goes back.
    """

    busy_s: float
    stolen_s: float
    own_s: float
    replica_s: float
    clock_s: float

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(
            self.busy_s - before.busy_s,
            self.stolen_s - before.stolen_s,
            self.own_s - before.own_s,
            self.replica_s - before.replica_s,
            self.clock_s - before.clock_s,
        )

    @property
    def other_cores(self) -> float:
        """Cores that others used; NaN if what the replica used is not known."""
        return max(0.0, (self.busy_s - self.own_s - self.replica_s) / self.clock_s)

    @property
    def stolen_cores(self) -> float:
        """Cores that other machines of the same host used."""
        return self.stolen_s / self.clock_s


def usage_now(replica: psutil.Process | None) -> Usage:
    """Return what has been used so far by everything, by this process and by a replica."""
    times = psutil.cpu_times()
    stolen_s = getattr(times, "steal", 0.0)
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    # Guests count as user time already.
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return Usage(
        busy_s=sum(times) - idle_s - stolen_s - guests_s,
        stolen_s=stolen_s,
        own_s=own_s(),
        replica_s=float("nan") if replica is None else sum(map(_used_s, _with_children(replica))),
        clock_s=time.monotonic(),
    )


def own_s() -> float:
    """Return the seconds of processors that this process has used so far."""
    return _used_s(psutil.Process())


def uss_mb(replica: psutil.Process) -> float:
    """Return the memory in megabytes that only this process and what it started hold (USS)."""
    return sum(process.memory_full_info().uss for process in _with_children(replica)) / 1e6


def disturbances(used: Usage, latencies_s: Sequence[float]) -> Iterator[str]:
    """Yield what speaks against a measurement, each in a few words.

    Parameters
    ----------
    used
        What was used meanwhile.
    latencies_s
        Of the batches, in the order of their measurement.
    """
    if used.other_cores > OTHER_CORES:
        yield f"other processes used {used.other_cores:.1f} cores"
    if used.stolen_cores > STOLEN_CORES:
        yield f"the hypervisor took {used.stolen_cores:.2f} cores"
    half = len(latencies_s) // 2
    if half:
        change = median(latencies_s[half:]) / median(latencies_s[:half]) - 1
        if abs(change) > DRIFT:
            yield f"the second half was {abs(change):.0%} {'slower' if change > 0 else 'faster'}"


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
