"""The replicas of one configuration: starting, serving, stopping."""

from bisect import bisect_left, bisect_right
from heapq import heappush
from math import inf, nextafter

from ipa.simulator.cost import CoreMeter
from ipa.simulator.failures import Failure, Failures


class ReplicaPool:
    """Replicas, each known by the time from which it is free, and by how it fails if they are not all alike.

    A starting replica is free from the moment it is ready. A stopping one has left the pool; if it is busy,
    its cores are counted until its batch ends. A dead one counts as busy until it is up again.

    Parameters
    ----------
    cores
        Cores of one replica.
    start_up_s
        Seconds from asking for a replica until it serves.
    meter
        Where the cores are counted.
    failures
        Where slowness and deaths come from; None: all replicas are alike.
    """

    def __init__(
        self, cores: int, start_up_s: float, meter: CoreMeter, failures: Failures | None = None
    ) -> None:
        self.cores, self.start_up_s, self.meter = cores, start_up_s, meter
        self.free_s: list[float] = []
        self.earliest_s = 0.0
        self._ready_s: list[float] = []
        self._failures = failures
        # With failures, free_s is kept in ascending order and this list is parallel to it.
        self._failure: list[Failure] = []

    def __len__(self) -> int:
        return len(self.free_s)

    @property
    def alike(self) -> bool:
        """Whether it makes no difference which replica serves a batch."""
        return self._failures is None

    @property
    def all_ready_s(self) -> float:
        """When the last replica that was started is ready, in seconds; 0 if none is left that starts."""
        return self._ready_s[-1] if self._ready_s else 0.0

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
        self._crash_until(at_s)
        # An ascending list is a heap too; with failures it is one already.
        self.free_s.sort()
        idle = count
        while idle and self._ready_s and self._ready_s[-1] > at_s:
            self._remove(bisect_left(self.free_s, self._ready_s.pop()))
            self.meter.change(at_s, -self.cores)
            idle -= 1
        for first_s in self.free_s[:idle]:
            self.meter.change(max(at_s, first_s), -self.cores)
        del self.free_s[:idle], self._failure[:idle]

    def _remove(self, position: int) -> None:
        del self.free_s[position]
        if self._failures:
            del self._failure[position]

    def resume(self, at_s: float) -> None:
        """Let no replica take a batch before ``at_s``; idle ones have been free for longer all the same."""
        self._crash_until(at_s)
        self.earliest_s = at_s

    def take_over(self, at_s: float) -> None:
        """Let replicas that have not served yet be free from ``at_s``."""
        self._crash_until(at_s)
        self.free_s[:] = [max(free_s, at_s) for free_s in self.free_s]

    def crash(self, start_s: float) -> bool:
        """Let the first free replica crash if its time came while it was idle; return whether it did."""
        if self._failure[0].dies_s >= start_s:
            return False
        self._return(0, self._crash(self._failure[0]))
        return True

    def occupy(self, start_s: float, service_s: float) -> float:
        """Let the first free replica serve a batch and return when it is done, deaths on the way included."""
        failure = self._failure[0]
        took_s = service_s * failure.factor
        while start_s + took_s > failure.dies_s:
            start_s = self._crash(failure)
        # At least one tick of the clock.
        end_s = max(start_s + took_s, nextafter(start_s, inf))
        self._return(0, end_s)
        return end_s

    def _crash(self, failure: Failure) -> float:
        """Let a replica crash when its time has come, and return when it is up again."""
        up_s = failure.dies_s + self.start_up_s
        if self._failures:
            self._failures.restart(failure, up_s)
        return up_s

    def _crash_until(self, now_s: float) -> None:
        """Let the idle replicas crash whose time has come by now."""
        dead = 0
        while dead < len(self._failure) and self.free_s[dead] <= now_s:
            if self._failure[dead].dies_s < now_s:
                self._return(dead, self._crash(self._failure[dead]))
                dead = 0
            else:
                dead += 1

    def _return(self, position: int, free_s: float) -> None:
        """Move a replica to where it belongs once it is free from another time on."""
        failure = self._failure.pop(position)
        del self.free_s[position]
        position = bisect_right(self.free_s, free_s)
        self.free_s.insert(position, free_s)
        self._failure.insert(position, failure)

    def _start(self, count: int, at_s: float, ready_s: float) -> None:
        self._ready_s = [ready for ready in self._ready_s if ready > at_s] + [ready_s] * count
        for _ in range(count):
            if self._failures is None:
                heappush(self.free_s, ready_s)
            else:
                position = bisect_right(self.free_s, ready_s)
                self.free_s.insert(position, ready_s)
                self._failure.insert(position, self._failures.next(ready_s))
        self.meter.change(at_s, count * self.cores)
