"""A problem as arrays, one row per stage."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ipa.optimizer.answer import Choice
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.ticks import OUT_OF_REACH
from ipa.optimizer.ties import check_cores
from ipa.optimizer.tolerance import TIE
from ipa.pipeline.accuracy import Combine

MOST_PAIRED = 128
"""Options of a stage that are compared each with each, which takes less time than a sweep up to there."""

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """What a choice is made of: its objective is Σ gain + alpha·Π factor.

    Latencies are whole ticks and gains are rounded to a power of two, both far below ``TIE``, so that
    their sums are exact and do not depend on the order of the stages. Rows are padded at the end, gain -∞.

    Parameters
    ----------
    latency
        Ticks, shape (stages, options).
    gain
        Additive part of the objective, shape (stages, options).
    factor
        Score that is multiplied over stages, shape (stages, options); 1 for additive metrics.
    index
        Index of the option in its stage, shape (stages, options).
    sizes
        Number of options that are left per stage, shape (stages,).
    alpha
        Weight of the product; 0 for additive metrics.
    """

    latency: Floats
    gain: Floats
    factor: Floats
    index: Ints
    sizes: Ints
    alpha: float

    @property
    def additive(self) -> bool:
        """Whether the objective has no product."""
        return self.alpha == 0

    @property
    def rows(self) -> Ints:
        """Indices of the stages; not to be written to."""
        return _count_up(len(self.sizes))

    @property
    def present(self) -> Bools:
        """Which entries are options, not padding."""
        present: Bools = _count_up(self.latency.shape[1]) < self.sizes[:, None]
        return present

    def latency_of(self, choice: Ints) -> float:
        """Sum the ticks of a choice of positions, shape (stages,)."""
        return float(self.latency[self.rows, choice].sum())

    def value(self, choice: Ints) -> float:
        """Return the objective of a choice of positions, shape (stages,)."""
        total = float(self.gain[self.rows, choice].sum())
        return total if self.additive else total + self.alpha * float(self.factor[self.rows, choice].prod())

    def fastest(self) -> Ints:
        """Return the position of the fastest option of every stage."""
        fastest: Ints = np.where(self.present, self.latency, np.inf).argmin(axis=1)
        return fastest

    def choice(self, positions: Ints) -> Choice:
        """Return positions as option indices of the problem."""
        return tuple(self.index[self.rows, positions].tolist())

    def ordered(self, order: Ints) -> "Columns":
        """Return the columns with the stages in another order."""
        factor = self.factor if self.additive else self.factor[order]
        return replace(
            self,
            latency=self.latency[order],
            gain=self.gain[order],
            factor=factor,
            index=self.index[order],
            sizes=self.sizes[order],
        )

    def kept(self, mask: Bools) -> "Columns":
        """Return the columns with only the options in ``mask``, packed to the left in the same order."""
        sizes = mask.sum(axis=1)
        order = np.argsort(~mask, axis=1, kind="stable")[:, : sizes.max()]
        rows = np.arange(len(sizes))[:, None]
        gain = self.gain[rows, order]
        latency = self.latency[rows, order]
        beyond = np.arange(order.shape[1]) >= sizes[:, None]
        gain[beyond] = -np.inf
        latency[beyond] = 0.0
        factor = self.factor if self.additive else self.factor[rows, order]
        return Columns(latency, gain, factor, self.index[rows, order], sizes, self.alpha)


@lru_cache(maxsize=256)
def _count_up(count: int) -> Ints:
    """Return 0, 1, ...: asked for so often that making them anew would show."""
    numbers: Ints = np.arange(count)
    numbers.flags.writeable = False
    return numbers


def columns_of(problem: Problem) -> Columns:
    """Return the arrays of a problem in which every stage has at least one option."""
    flat = dict(zip(Option._fields, zip(*chain.from_iterable(problem.options), strict=True), strict=True))
    sizes = np.array([len(stage) for stage in problem.options])
    weights = problem.objective
    cost_cores = _floats(flat["cost_cores"])
    check_cores(float(cost_cores.max()))
    gain = -weights.beta * cost_cores - weights.batch_weight * _floats(flat["batch"])
    score = _floats(flat["score"])
    alpha = weights.alpha
    if weights.metric.additive:
        share = len(sizes) if weights.metric.combine is Combine.MEAN else 1
        gain += alpha / share * score
        alpha = 0.0
    latency = _floats(flat["latency_s"]) + _floats(flat["wait_s"])
    ticks = np.minimum(np.rint(latency * problem.ticks.per_s), OUT_OF_REACH)
    shape = (len(sizes), int(sizes.max()))
    present = np.arange(shape[1]) < sizes[:, None]
    return Columns(
        latency=_pad(ticks, present, 0.0),
        gain=_pad(on_grid(gain, len(sizes)), present, -np.inf),
        factor=np.ones((1, 1)) if alpha == 0 else _pad(score, present, 1.0),
        index=np.broadcast_to(np.arange(shape[1]), shape),
        sizes=sizes,
        alpha=alpha,
    )


def drop_dominated(columns: Columns, cores: Ints | None = None) -> Columns:
    """Drop every option that another one of its stage beats whatever the other stages choose.

    An option is beaten by one that is no slower and better by more than ``TIE``, so that no plan tied
    with the best is lost.
    """
    if columns.additive and cores is None:
        return columns.kept(_unbeaten_sum(columns))
    return columns.kept(_unbeaten_product(columns, cores))


def _unbeaten_sum(columns: Columns) -> Bools:
    present = columns.present
    order = np.argsort(np.where(present, columns.latency, np.inf), axis=1, kind="stable")
    gain = np.take_along_axis(columns.gain, order, axis=1)
    unbeaten = np.empty_like(present)
    np.put_along_axis(unbeaten, order, gain >= np.maximum.accumulate(gain, axis=1) - TIE, axis=1)
    return unbeaten & present


def _unbeaten_product(columns: Columns, cores: Ints | None) -> Bools:
    """Compare at the smallest and the largest product the other stages can have; it is linear in between."""
    present = columns.present
    least = np.where(present, columns.factor, np.inf).min(axis=1)
    most = np.where(present, columns.factor, -np.inf).max(axis=1)
    low, high = (
        columns.gain + columns.alpha * _product_of_others(extremes)[:, None] * columns.factor
        for extremes in (least, most)
    )
    if cores is None and columns.latency.shape[1] > MOST_PAIRED:
        return present & _unbeaten_in_sweep(columns.latency, low, high, present)
    beaten = columns.latency[:, :, None] <= columns.latency[:, None, :]
    if cores is not None:
        beaten &= cores[:, :, None] <= cores[:, None, :]
    for value in (low, high):
        beaten &= value[:, :, None] > value[:, None, :] + TIE
    return present & ~beaten.any(axis=1)


def _unbeaten_in_sweep(latency: Floats, low: Floats, high: Floats, present: Bools) -> Bools:
    """Find what no faster option of a stage beats in both values, in the time of sorting them."""
    unbeaten = np.zeros_like(present)
    for stage, size in enumerate(present.sum(axis=1)):
        # What can beat an option comes before it: the faster ones, of equally fast ones the better.
        order = np.lexsort((-low[stage, :size], latency[stage, :size]))
        rows = zip(order.tolist(), low[stage, order].tolist(), high[stage, order].tolist(), strict=True)
        unbeaten[stage, _above_stairs(rows)] = True
    return unbeaten


def _above_stairs(rows: Iterable[tuple[int, float, float]]) -> list[int]:
    """Return the places of the rows that no earlier row beats by more than a tie in both of its values."""
    # The best rows so far: from step to step the first value ascends and the second one descends.
    steps: list[float] = []
    heights: list[float] = []
    kept = []
    for place, low, high in rows:
        # Of the steps that beat it in the first value, the first one is the highest.
        above = bisect_right(steps, low + TIE)
        if above < len(steps) and heights[above] > high + TIE:
            continue
        kept.append(place)
        last = bisect_right(steps, low)
        first = last
        while first and heights[first - 1] <= high:
            first -= 1
        if last == len(steps) or heights[last] < high:
            steps[first:last], heights[first:last] = [low], [high]
    return kept


def _product_of_others(values: Floats) -> Floats:
    before = np.concatenate(([1.0], np.cumprod(values)[:-1]))
    after = np.concatenate((np.cumprod(values[::-1])[::-1][1:], [1.0]))
    return before * after


def _floats(values: tuple[float, ...]) -> Floats:
    return np.array(values, dtype=np.float64)


def on_grid(values: Floats, terms: int) -> Floats:
    """Round to a power of two such that a sum of ``terms`` values stays exact in double precision."""
    largest = float(np.abs(values).max()) * terms
    bits = 51 - max(1, math.frexp(largest)[1])
    return np.ldexp(np.rint(np.ldexp(values, bits)), -bits)


def _pad(values: Floats, present: Bools, padding: float) -> Floats:
    if present.all():
        return values.reshape(present.shape)
    padded = np.full(present.shape, padding)
    padded[present] = values
    return padded
