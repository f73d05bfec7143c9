"""How many cores the replicas of a stage hold, integrated over time."""

from heapq import heappop, heappush


class CoreMeter:
    """Integral over time of the cores that exist, from changes announced in advance.

    Examples
    --------
    >>> meter = CoreMeter()
    >>> meter.change(0.0, 4)
    >>> meter.change(3.0, -2)
    >>> meter.core_seconds(2.0), meter.core_seconds(5.0)
    (8.0, 16.0)
    """

    def __init__(self) -> None:
        self._changes: list[tuple[float, int]] = []
        self._cores = 0
        self._since_s = 0.0
        self._core_seconds = 0.0

    def change(self, at_s: float, cores: int) -> None:
        """Add cores (negative: remove) from a time on, not before the last reading."""
        heappush(self._changes, (at_s, cores))

    def core_seconds(self, until_s: float) -> float:
        """Return the integral from 0; readings come in the order of time."""
        while self._changes and self._changes[0][0] <= until_s:
            at_s, cores = heappop(self._changes)
            self._integrate(at_s)
            self._cores += cores
        self._integrate(until_s)
        return self._core_seconds

    def _integrate(self, until_s: float) -> None:
        self._core_seconds += self._cores * (until_s - self._since_s)
        self._since_s = until_s
