"""When a comparison counts: only beyond its confidence interval.

Truth values here are three-valued: None stands for an interval that reaches across the limit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ipa.report.claims.check import Support
from ipa.results.intervals import Interval

EXACT = 1e-9
"""Differences below this are rounding."""


class Order(StrEnum):
    """How two methods compare."""

    ABOVE = "above"
    TIED = "tied"
    BELOW = "below"
    UNKNOWN = "unknown"


def order(difference: Interval) -> Order:
    """Return the order of two methods from the interval of their difference, seed by seed.

    Parameters
    ----------
    difference
        Tied if it contains zero. A single seed tells no order.
    """
    if difference.count < 2:
        return Order.UNKNOWN
    if difference.low > EXACT:
        return Order.ABOVE
    return Order.BELOW if difference.high < -EXACT else Order.TIED


@dataclass(frozen=True, slots=True)
class Orders:
    """How often something was above, tied with and below something else."""

    above: int
    tied: int
    below: int
    unknown: int = 0

    @classmethod
    def of(cls, orders: Iterable[Order]) -> "Orders":
        """Count orders."""
        seen = list(orders)
        return cls(*(seen.count(one) for one in Order))

    @property
    def support(self) -> Support:
        """How far they bear out the claim that everything is above; ties count for nothing."""
        if self.unknown:
            return Support.UNDECIDED
        if self.above == self.below == 0:
            return Support.NO_EFFECT
        if self.tied == self.below == 0:
            return Support.SUPPORTED
        return Support.PARTLY if self.above > self.below else Support.CONTRADICTED

    def __str__(self) -> str:
        return f"{self.above} above, {self.tied} tied, {self.below} below"


def at_least(value: Interval, limit: float) -> bool | None:
    """Whether a value reaches a limit, rounding aside."""
    if value.low >= limit - EXACT:
        return True
    return False if value.high < limit - EXACT else None


def at_most(value: Interval, limit: float) -> bool | None:
    """Whether a value stays within an upper limit, rounding aside."""
    if value.high <= limit + EXACT:
        return True
    return False if value.low > limit + EXACT else None


def near(value: Interval, target: float, distance: float) -> bool | None:
    """Whether a value lies within a distance of a target."""
    return every([at_least(value, target - distance), at_most(value, target + distance)])


def every(values: Sequence[bool | None]) -> bool | None:
    """Whether all hold."""
    return False if False in values else None if None in values else True


def some(values: Sequence[bool | None]) -> bool | None:
    """Whether at least one holds."""
    return True if True in values else None if None in values else False


def grade(full: bool | None, partly: bool | None = False) -> Support:
    """Return full, partial or no support; undecided where that hangs on an interval."""
    if full is None:
        return Support.UNDECIDED
    if full:
        return Support.SUPPORTED
    if partly is None:
        return Support.UNDECIDED
    return Support.PARTLY if partly else Support.CONTRADICTED
