"""When a replica is warm: its batches no longer get faster."""

from collections.abc import Sequence
from statistics import median

WINDOW = 5
"""Batches that are compared with as many before them."""

FASTER = 0.95
"""A median below this share of the one before says that the replica is still warming up."""

BUDGET_SHARE = 0.25
"""Share of a point's budget after which it is measured warm or not."""


def is_warm(latencies_s: Sequence[float]) -> bool:
    """Whether the last batches are not faster than those before them, by their medians.

    Examples
    --------
    >>> is_warm([9, 3, 2, 1, 1, 1, 1, 1, 1, 1]), is_warm([1] * 10), is_warm([1] * 9)
    (False, True, False)
    """
    if len(latencies_s) < 2 * WINDOW:
        return False
    before, last = latencies_s[-2 * WINDOW : -WINDOW], latencies_s[-WINDOW:]
    return median(last) >= FASTER * median(before)
