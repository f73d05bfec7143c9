"""How long the slowest way through a graph of stages takes: the one place where times along paths add up."""

import math
from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np

from ipa.arrays import Ints

EdgePlaces = Sequence[tuple[int, int]]
"""Pairs (stage, later stage) by position; none for a chain."""

Time = TypeVar("Time", int, float)
"""Seconds, or whole ticks of some clock."""


def slowest_path(times: Sequence[Time], edges: EdgePlaces) -> Time:
    """Return the largest sum of times over the paths from the first stage to a last one.

    Parameters
    ----------
    times
        What each stage takes, in the order of the stages; may be negative.
    edges
        Which stage follows which; none for a chain.

    Examples
    --------
    >>> slowest_path([1.0, 5.0, 2.0, 1.0], [(0, 1), (0, 2), (1, 3), (2, 3)])
    7.0
    >>> slowest_path([1.0, 5.0, 2.0], [])
    8.0
    """
    if not edges:
        # Whole numbers may exceed what a float holds exactly.
        return cast("Time", sum(times) if all(isinstance(time, int) for time in times) else math.fsum(times))
    followed = {source for source, _ in edges}
    up_to = sums_up_to(times, edges)
    return max(total for place, total in enumerate(up_to) if place not in followed)


def slowest_path_of_many(ticks: Sequence[Ints], edges: EdgePlaces) -> Ints:
    """Return the slowest path of many plans at once, of a graph: an array of whole ticks for each stage.

    Examples
    --------
    >>> slowest_path_of_many([np.array([1, 3]), np.array([5, 1]), np.array([2, 2])], [(0, 1), (0, 2)])
    array([6, 5])
    """
    up_to: list[Ints] = []
    for own, sources in zip(ticks, _predecessors(len(ticks), edges), strict=True):
        up_to.append(own + np.maximum.reduce([up_to[source] for source in sources]) if sources else own)
    followed = {source for source, _ in edges} if edges else set(range(len(ticks) - 1))
    return np.asarray(np.maximum.reduce([sums for at, sums in enumerate(up_to) if at not in followed]))


def sums_up_to(times: Sequence[Time], edges: EdgePlaces) -> list[Time]:
    """Return the largest sum of times over the paths from the first stage up to and including each stage.

    Examples
    --------
    >>> sums_up_to([1.0, 5.0, 2.0, 1.0], [(0, 1), (0, 2), (1, 3), (2, 3)])
    [1.0, 6.0, 3.0, 7.0]
    """
    totals: list[Time] = []
    for own, sources in zip(times, _predecessors(len(times), edges), strict=True):
        totals.append(own + max(totals[source] for source in sources) if sources else own)
    return totals


def sums_after(times: Sequence[Time], edges: EdgePlaces) -> list[Time]:
    """Return the largest sum of times over the paths from behind each stage to a last one.

    Examples
    --------
    >>> sums_after([1.0, 5.0, 2.0, 1.0], [(0, 1), (0, 2), (1, 3), (2, 3)])
    [6.0, 1.0, 1.0, 0.0]
    """
    last = len(times) - 1
    backwards = [(last - target, last - source) for source, target in edges]
    totals = sums_up_to(times[::-1], backwards)[::-1]
    return [total - own for total, own in zip(totals, times, strict=True)]


def _predecessors(count: int, edges: EdgePlaces) -> list[list[int]]:
    if not edges:
        return [[place - 1] if place else [] for place in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        before[target].append(source)
    return before
