"""The replicas of one configuration: starting, serving, stopping."""

from heapq import heapify, heappush

from ipa.simulator.cost import CoreMeter


class ReplicaPool:
    """Equal replicas, each known only by the time from which it is free.

    A starting replica is free from the moment it is ready. A stopping one has left the pool; if it is busy,
    its cores are counted until its batch ends.

    Parameters
    ----------
    cores
        Cores of one replica.
    start_up_s
        Seconds from asking for a replica until it serves.
    meter
        Where the cores are counted.
    """

    def __init__(self, cores: int, start_up_s: float, meter: CoreMeter) -> None:
        self.cores, self.start_up_s, self.meter = cores, start_up_s, meter
        self.free_s: list[float] = []
        self._ready_s: list[float] = []

    def __len__(self) -> int:
        return len(self.free_s)

    @property
    def all_ready_s(self) -> float:
        """When the last replica that was started is ready, in seconds."""
        return self._ready_s[-1]

    def starting(self, now_s: float) -> int:
        """Return how many replicas do not serve yet."""
        return sum(ready_s > now_s for ready_s in self._ready_s)

    def resize(self, replicas: int, at_s: float) -> int:
        """Start or stop replicas and return how many more there are (negative: fewer)."""
        change = replicas - len(self)
        if change > 0:
            self._start(change, at_s, at_s + self.start_up_s)
        elif change < 0:
            self.stop(-change, at_s)
        return change

    def place(self, replicas: int, at_s: float) -> None:
        """Add replicas that are ready at once."""
        self._start(replicas, at_s, at_s)

    def stop(self, count: int, at_s: float) -> None:
        """Stop the newest of the starting replicas, then the idle ones, then those whose batch ends first."""
        for _ in range(count):
            if self._ready_s and self._ready_s[-1] > at_s:
                self.free_s.remove(self._ready_s.pop())
                leaves_s = at_s
            else:
                leaves_s = max(at_s, min(self.free_s))
                self.free_s.remove(min(self.free_s))
            self.meter.change(leaves_s, -self.cores)
        heapify(self.free_s)

    def not_before(self, at_s: float) -> None:
        """Let no replica take a batch in the past: an idle one is free from ``at_s``."""
        self.free_s[:] = [max(free_s, at_s) for free_s in self.free_s]

    def _start(self, count: int, at_s: float, ready_s: float) -> None:
        self._ready_s = [ready for ready in self._ready_s if ready > at_s] + [ready_s] * count
        for _ in range(count):
            heappush(self.free_s, ready_s)
        self.meter.change(at_s, count * self.cores)
