"""How many requests arrived in each second, added up over the shards of a gateway."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = Sequence[int | None]

LATE_S = 3
"""Seconds that a shard which does not answer is waited for, before these seconds count as not measured."""


class ShardArrivals:
    """Requests per second of a clock; NaN for seconds that nobody, or not everybody, counted.

    Examples
    --------
    >>> arrivals = ShardArrivals()
    >>> arrivals.add(0, 2, {"a": [3, 4], "b": [None, 1]})
    >>> arrivals.add(2, 3, {"a": [5], "b": None})
    >>> arrivals.known_s
    2
    >>> arrivals.add(2, 6, {"a": [5, 5, 5, 6], "b": None})
    >>> arrivals.rates_rps(0, 7)
    array([ 3.,  5., nan, nan, nan, nan, nan])
    """

    def __init__(self) -> None:
        self._counts: list[float] = []
        self._asked: frozenset[str] = frozenset()

    @property
    def known_s(self) -> int:
        """Seconds that are known, or lost for good."""
        return len(self._counts)

    def add(self, first_s: int, end_s: int, told: Mapping[str, Counts | None]) -> None:
        """Take what shards counted in the seconds that follow on what is known.

        Parameters
        ----------
        first_s, end_s
            Which seconds.
        told
            By the name of the shard a count for each second, None for one that it cannot tell of; None for a
            shard that did not answer.
        """
        if end_s <= first_s or first_s != self.known_s:
            return
        silent = any(counts is None for counts in told.values())
        if silent and end_s - first_s < LATE_S:
            return
        # What a shard counted that has gone since it was asked last, nobody knows.
        gone = bool(self._asked - told.keys())
        self._asked = frozenset(told)
        for second in range(end_s - first_s):
            counts = [counts[second] for counts in told.values() if counts is not None]
            known = [count for count in counts if count is not None]
            measured = known and not silent and not gone
            self._counts.append(float(sum(known)) if measured else math.nan)

    def rates_rps(self, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the counts of the seconds from ``first_s`` up to ``end_s``."""
        rates = np.full(max(0, end_s - first_s), math.nan)
        known = self._counts[max(0, first_s) : end_s]
        rates[: len(known)] = known
        return rates
