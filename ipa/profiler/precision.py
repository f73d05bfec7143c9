"""How well a quantile is known, and when it is known well enough.

The interval is that of order statistics: which of the sorted values lie around a quantile is a question of
the binomial distribution alone, whatever the values are distributed like. It needs independent values, which
batches sent one after the other on a quiet machine nearly are, and for the p99 at 95 % at least 368 of them:
with fewer, the upper end is open.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from ipa.errors import InvalidValueError

P99 = 0.99
LEVEL = 0.95
"""Confidence level of the intervals."""

GROWTH = 1.25
"""Factor between two looks at the interval: each look is one more chance to stop by luck."""

LEAST_BATCHES = 5
"""Batches behind a point, whatever the budget."""


@dataclass(frozen=True, slots=True)
class QuantileInterval:
    """A quantile of a sample, and the interval of order statistics around that of the distribution.

    Parameters
    ----------
    value
        Quantile of the sample, nearly median-unbiased whatever the distribution (the eighth of Hyndman and
        Fan): up to some 70 values, the p99 is the largest.
    low, high
        Ends of the interval; 0 and infinity where the sample is too small for an end.
    count
        Size of the sample.
    """

    value: float
    low: float
    high: float
    count: int

    @property
    def relative_half_width(self) -> float:
        """Half the width over the value; infinity if an end is open."""
        return (self.high - self.low) / 2 / self.value if self.low > 0 else math.inf


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When a point has been measured long enough.

    Parameters
    ----------
    precision
        Half the width of the interval of the p99 over the p99 that is enough, for example 0.05.
    budget_s
        Seconds after which a point ends, however well it is known.
    """

    precision: float = 0.05
    budget_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise InvalidValueError(f"the precision must lie between 0 and 1 (100 %), not {self.precision:g}")
        if not 0 < self.budget_s < math.inf:
            raise InvalidValueError(f"the budget must be a positive time, not {self.budget_s:g} s")

    def is_precise(self, interval: QuantileInterval) -> bool:
        """Whether an interval is tight enough."""
        return interval.relative_half_width <= self.precision

    def next_batches(self, count: int, elapsed_s: float) -> int:
        """Return how many batches to send before the next look; 0 once the budget is spent.

        Parameters
        ----------
        count
            Batches measured so far.
        elapsed_s
            What they took.
        """
        if count < LEAST_BATCHES:
            return LEAST_BATCHES - count
        affordable = int((self.budget_s - elapsed_s) * count / elapsed_s) if elapsed_s > 0 else count
        return max(0, min(max(math.ceil(count * (GROWTH - 1)), LEAST_BATCHES), affordable))


def quantile_interval(values: ArrayLike, quantile: float = P99, level: float = LEVEL) -> QuantileInterval:
    """Return a quantile and its distribution-free confidence interval.

    Parameters
    ----------
    values
        Independent values, shape (n,), at least one.
    quantile
        Between 0 and 1, exclusive.
    level
        Confidence level, between 0 and 1.

    Raises
    ------
    InvalidValueError
        If there is no value.

    Examples
    --------
    >>> interval = quantile_interval(range(1, 1001))
    >>> interval.low, round(interval.value, 1), interval.high
    (983.0, 990.7, 997.0)
    >>> quantile_interval([3.0, 1.0, 2.0], quantile=0.5).high
    inf
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    if count == 0:
        raise InvalidValueError("a quantile needs at least one value")
    fewest, most = _values_above(count, 1 - quantile, level)
    return QuantileInterval(
        value=float(np.quantile(ordered, quantile, method="median_unbiased")),
        low=float(ordered[count - most - 1]) if most < count else 0.0,
        high=float(ordered[count - fewest]) if fewest > 0 else math.inf,
        count=count,
    )


def needed_count(quantile: float = P99, level: float = LEVEL) -> int:
    """Return the smallest sample for which both ends of the interval are closed.

    Examples
    --------
    >>> needed_count()
    368
    """
    return math.ceil(math.log((1 - level) / 2) / math.log(max(quantile, 1 - quantile)))


@lru_cache(maxsize=256)
def _values_above(count: int, share: float, level: float) -> tuple[int, int]:
    """Return how many values of a sample lie above a quantile, at least and at most, each but for a tail.

    Parameters
    ----------
    count
        Size of the sample.
    share
        Share of the distribution above the quantile.
    level
        Probability that the number lies between what is returned; half of the rest lies below, half above.
    """
    tail = (1 - level) / 2
    numbers = np.arange(count + 1)
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count + 1)))))
    log_ways = log_factorial[count] - log_factorial - log_factorial[::-1]
    at_most = np.cumsum(np.exp(log_ways + numbers * math.log(share) + (count - numbers) * math.log1p(-share)))
    # Sums of rounded terms end a little off 1; only the tails matter.
    fewest = int(np.searchsorted(at_most, tail, side="right"))
    most = int(np.searchsorted(at_most, 1 - tail, side="left"))
    return fewest, min(most, count)
