"""Which processors a replica gets for itself."""

import os


class CpuPool:
    """Processors that are handed out to replicas as long as there are enough; then replicas share all.

    Parameters
    ----------
    cpus
        Those to hand out; by default all that this process may use.

    Examples
    --------
    >>> pool = CpuPool(frozenset({0, 1, 2}))
    >>> sorted(pool.take(2)), pool.take(2)
    ([0, 1], None)
    >>> pool.give_back(frozenset({0, 1}))
    >>> sorted(pool.take(3))
    [0, 1, 2]
    """

    def __init__(self, cpus: frozenset[int] | None = None) -> None:
        self._free = available_cpus() if cpus is None else cpus

    def take(self, cores: int) -> frozenset[int] | None:
        """Return as many processors, or None if there are not enough that nobody has."""
        if cores > len(self._free):
            return None
        taken = frozenset(sorted(self._free)[:cores])
        self._free -= taken
        return taken

    def give_back(self, cpus: frozenset[int] | None) -> None:
        """Take back what a replica got."""
        self._free |= cpus or frozenset()


def available_cpus() -> frozenset[int]:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))
