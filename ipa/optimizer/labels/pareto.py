"""Labels: partial plans of which none is beaten in latency, price and score at once.

All quantities are whole numbers (latencies in ticks, scores in units of 1e-12), so that sums are exact and do
not depend on the order in which stages are put together.
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.ties import GRID, check_cores, inaccuracy
from ipa.pipeline.accuracy import Combine

MAX_PARTIAL_PLANS = 4_000_000
"""Combinations of two parts that are looked at together; beyond, the problem is given up."""

_COMBINED = 250_000
"""Combinations that are looked at at once, which bounds the memory."""

_CHUNK = 4096

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Price = Callable[[Option], int]
"""What an option costs, in whole units."""


@dataclass(frozen=True, slots=True)
class PartialPlans:
    """Choices for some of the stages.

    Parameters
    ----------
    stages
        Numbers of these stages, ascending, k of them.
    latency
        Time through them in ticks, shape (n,).
    price
        What is minimised, shape (n,).
    score
        What is maximised: sum of the scores, or of their logarithms, in units of 1e-12, shape (n,).
    ties
        What the order of equals compares after another: batch sizes, inaccuracy, cost, latency, shape (4, n).
    choices
        Option index of every stage, shape (n, k).
    """

    stages: tuple[int, ...]
    latency: Integers
    price: Integers
    score: Integers
    ties: Integers
    choices: NDArray[np.int16]

    def at(self, places: NDArray[np.intp]) -> "PartialPlans":
        """Return the labels at some places."""
        return PartialPlans(
            self.stages,
            self.latency[places],
            self.price[places],
            self.score[places],
            self.ties[:, places],
            self.choices[places],
        )


class TooManyPlansError(Exception):
    """There are more partial plans than ``MAX_PARTIAL_PLANS``, or than there is time for."""


def stage_labels(problem: Problem, stage: int, price: Price) -> PartialPlans:
    """Return the options of one stage that no other one of it beats."""
    ticks = problem.ticks
    usable = [n for n, o in enumerate(problem.options[stage]) if ticks.of(o.total_s) <= ticks.reach]
    options = [problem.options[stage][number] for number in usable]
    check_cores(max(option.cost_cores for option in problem.options[stage]))
    product = problem.objective.metric.combine is Combine.PRODUCT
    weighs_batches = problem.objective.batch_weight > 0
    labels = PartialPlans(
        (stage,),
        _integers(ticks.of(option.total_s) for option in options),
        _integers(price(option) for option in options),
        _integers(-inaccuracy(option.score) if product else round(option.score * GRID) for option in options),
        np.array(
            [
                (o.batch * weighs_batches, inaccuracy(o.accuracy), o.cost_cores, ticks.of(o.total_s))
                for o in options
            ],
            dtype=np.int64,
        ).T.reshape(4, len(options)),
        np.array(usable, dtype=np.int16)[:, None],
    )
    return labels.at(find_unbeaten(labels))


def _integers(values: Iterable[int]) -> Integers:
    return np.array(list(values), dtype=np.int64)


def join(
    first: PartialPlans, second: PartialPlans, limit: int, *, parallel: bool = False, until: float = math.inf
) -> PartialPlans:
    """Combine every choice for some stages with every choice for others.

    Parameters
    ----------
    first, second
        Labels of two parts of a pipeline that have no stage in common.
    limit
        Latency in ticks above which a combination is dropped.
    parallel
        Whether a request passes both parts side by side, so that the slower one counts, instead of one
        after the other.
    until
        ``time.perf_counter()`` at which to give up.

    Raises
    ------
    TooManyPlansError
        If there are more than ``MAX_PARTIAL_PLANS`` combinations, or the time is over.
    """
    rows, columns = len(first.latency), len(second.latency)
    if rows * columns > MAX_PARTIAL_PLANS:
        raise TooManyPlansError
    step = max(1, _COMBINED // max(columns, 1))
    chunks = (np.arange(start, min(start + step, rows)) for start in range(0, max(rows, 1), step))
    parts = [_combine(first.at(chunk), second, limit, until, parallel=parallel) for chunk in chunks]
    if len(parts) == 1:
        return parts[0]
    both = PartialPlans(
        parts[0].stages,
        np.concatenate([part.latency for part in parts]),
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.ties for part in parts], axis=1),
        np.concatenate([part.choices for part in parts]),
    )
    return both.at(find_unbeaten(both, until))


def _combine(
    first: PartialPlans, second: PartialPlans, limit: int, until: float, *, parallel: bool
) -> PartialPlans:
    """Combine all at once, and drop what is beaten."""
    columns = len(second.latency)
    combine = np.maximum if parallel else np.add
    latency = combine(first.latency[:, None], second.latency).ravel()
    kept = np.flatnonzero(latency <= limit)
    one, other = np.divmod(kept, max(columns, 1))
    stages = (*first.stages, *second.stages)
    order = np.argsort(stages)
    both = PartialPlans(
        tuple(sorted(stages)),
        latency[kept],
        first.price[one] + second.price[other],
        first.score[one] + second.score[other],
        first.ties[:, one] + second.ties[:, other],
        np.concatenate((first.choices[one], second.choices[other]), axis=1)[:, order],
    )
    return both.at(find_unbeaten(both, until))


def find_unbeaten(labels: PartialPlans, until: float = math.inf) -> NDArray[np.intp]:
    """Find the labels that no other one beats, whatever the other stages are.

    A label is beaten by one that is no slower, no dearer and scores no less, and is strictly cheaper, scores
    strictly more, or comes first in the order of ties.
    """
    rank = tie_rank(labels)
    order = np.lexsort((rank, labels.latency, -labels.score, labels.price))
    order = order[_unbeaten_by_equals(labels, order, rank)]
    order = order[_unbeaten_at_equal_price(labels, order)]
    order = order[_unbeaten_by_cheaper(labels, order, until)]
    return np.sort(order)


def tie_rank(labels: PartialPlans) -> NDArray[np.intp]:
    """Return the place of every label in the order of ties, shape (n,)."""
    keys = [*labels.choices.T[::-1], *labels.ties[::-1]]
    rank = np.empty(len(labels.latency), dtype=np.intp)
    rank[np.lexsort(keys)] = np.arange(len(rank))
    return rank


def _starts(*columns: Integers) -> Bools:
    """Mark the entries at which some column changes."""
    start = np.ones(len(columns[0]), dtype=bool)
    start[1:] = False
    for column in columns:
        start[1:] |= column[1:] != column[:-1]
    return start


def _unbeaten_by_equals(labels: PartialPlans, order: NDArray[np.intp], rank: NDArray[np.intp]) -> Bools:
    """Among labels of one price and score, keep those before all faster ones in the order of ties."""
    klass = np.cumsum(_starts(labels.price[order], labels.score[order]))
    # Each class lies below the ones before it, which makes the running minimum start anew.
    placed = rank[order] - klass * len(order)
    kept = np.ones(len(order), dtype=bool)
    kept[1:] = placed[1:] < np.minimum.accumulate(placed)[:-1]
    return kept


def _unbeaten_at_equal_price(labels: PartialPlans, order: NDArray[np.intp]) -> Bools:
    """Among labels of one price, drop those that one with a higher score is no slower than."""
    if not len(order):
        return np.ones(0, dtype=bool)
    latency = labels.latency[order]
    starts = _starts(labels.price[order], labels.score[order])
    klass = np.cumsum(starts) - 1
    fastest = latency[starts]
    group = np.cumsum(_starts(labels.price[order]))[starts]
    best = np.full(len(fastest), np.iinfo(np.int64).max)
    running = np.iinfo(np.int64).max
    for place in range(1, len(fastest)):
        running = min(running, fastest[place - 1]) if group[place] == group[place - 1] else best[0]
        best[place] = running
    unbeaten_at_price: Bools = latency < best[klass]
    return unbeaten_at_price


def _unbeaten_by_cheaper(labels: PartialPlans, order: NDArray[np.intp], until: float) -> Bools:
    """Drop labels that a cheaper one beats; keeps a staircase of latency against score."""
    kept = np.zeros(len(order), dtype=bool)
    stairs = _Stairs()
    pending: list[tuple[int, int]] = []
    last_price: int | None = None
    for start in range(0, len(order), _CHUNK):
        if time.perf_counter() > until:
            raise TooManyPlansError
        part = order[start : start + _CHUNK]
        places = np.flatnonzero(~stairs.covers(labels.latency[part], labels.score[part]))
        chosen = part[places]
        rows = zip(
            places.tolist(),
            labels.price[chosen].tolist(),
            labels.latency[chosen].tolist(),
            labels.score[chosen].tolist(),
            strict=True,
        )
        for place, price, latency, score in rows:
            if price != last_price:
                stairs.add(pending)
                pending.clear()
                last_price = price
            if not stairs.covers_one(latency, score):
                kept[start + place] = True
                pending.append((latency, score))
    return kept


class _Stairs:
    """The best score for every latency so far; both ascend from step to step."""

    def __init__(self) -> None:
        self.latency: list[int] = []
        self.score: list[int] = []

    def covers_one(self, latency: int, score: int) -> bool:
        step = bisect_right(self.latency, latency) - 1
        return step >= 0 and self.score[step] >= score

    def covers(self, latency: Integers, score: Integers) -> Bools:
        if not self.latency:
            return np.zeros(len(latency), dtype=bool)
        step = np.searchsorted(np.array(self.latency, dtype=np.int64), latency, side="right") - 1
        covered: Bools = (step >= 0) & (np.array(self.score, dtype=np.int64)[step] >= score)
        return covered

    def add(self, steps: list[tuple[int, int]]) -> None:
        for latency, score in steps:
            if self.covers_one(latency, score):
                continue
            first = last = bisect_right(self.latency, latency)
            if first and self.latency[first - 1] == latency:
                first -= 1
            while last < len(self.score) and self.score[last] <= score:
                last += 1
            self.latency[first:last] = [latency]
            self.score[first:last] = [score]
