"""The books: how many requests came, and how they ended."""

import math

from ipa.serving.gateway.engine.request import Request

REMEMBERED_S = 7200
"""Seconds of arrivals that are kept."""


class Account:
    """Counts requests; each is in flight or has ended in exactly one way.

    Parameters
    ----------
    zero_s
        Zero of the clock by whose seconds arrivals are counted.
    """

    def __init__(self, zero_s: float) -> None:
        self.zero_s = zero_s
        self.arrived = 0
        self.ended = {"ok": 0, "dropped": 0, "error": 0}
        self.settled = 0
        """Requests of which nothing is in the pipeline any more."""
        self._arrivals: dict[int, int] = {}

    @property
    def in_flight(self) -> int:
        """Requests that have not ended."""
        return self.arrived - sum(self.ended.values())

    def set_zero(self, zero_s: float) -> None:
        """Count arrivals by another clock; those counted before belong to none of its seconds."""
        if zero_s != self.zero_s:
            self.zero_s, self._arrivals = zero_s, {}

    def arrive(self, now_s: float) -> int:
        """Count a request that came, and return its number."""
        number, self.arrived = self.arrived, self.arrived + 1
        second = math.floor(now_s - self.zero_s)
        if second not in self._arrivals:
            self._arrivals[second] = 0
            while len(self._arrivals) > REMEMBERED_S:
                del self._arrivals[next(iter(self._arrivals))]
        self._arrivals[second] += 1
        return number

    def arrivals(self, first_s: int, end_s: int) -> list[int]:
        """Return how many requests came in each second of the clock."""
        return [self._arrivals.get(second, 0) for second in range(first_s, end_s)]

    def end(self, request: Request) -> None:
        """Count a request that has ended."""
        self.ended[request.outcome] += 1
