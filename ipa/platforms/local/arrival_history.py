"""How many requests arrived in each past second, also across restarts of the gateway that counts them."""

import math

import numpy as np
from numpy.typing import NDArray


class ArrivalHistory:
    """Requests per second since the clock's zero; NaN for seconds in which nobody counted.

    Examples
    --------
    >>> history = ArrivalHistory()
    >>> history.add(0, [4, 6], since_s=0.0)
    >>> history.add(2, [0, 5], since_s=2.4)
    >>> history.rates_rps(first_s=1, end_s=5)
    array([ 6., nan,  5., nan])
    """

    def __init__(self) -> None:
        self._counts: list[float] = []

    @property
    def known_s(self) -> int:
        """Seconds that are known, or lost for good."""
        return len(self._counts)

    def add(self, first_s: int, counts: list[int], since_s: float) -> None:
        """Take what a gateway counted in seconds that follow on what is known.

        Parameters
        ----------
        first_s
            The first of these seconds.
        counts
            Requests in each.
        since_s
            Since when the gateway has been there; of a second that began before that the count is not known.
        """
        missing = first_s - len(self._counts)
        self._counts += [math.nan] * missing
        self._counts += [
            math.nan if second < since_s else float(count) for second, count in enumerate(counts, first_s)
        ]

    def rates_rps(self, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the counts of the seconds from ``first_s`` up to ``end_s``."""
        rates = np.full(max(0, end_s - first_s), math.nan)
        known = self._counts[first_s:end_s]
        rates[: len(known)] = known
        return rates
