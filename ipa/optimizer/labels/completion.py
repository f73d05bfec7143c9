"""Upper bounds on what a partial choice can still become, from a table over the latency that is left.

Pricing the SLA (``relaxation``) is blind to what latencies cannot add up to: if all are even, an odd SLA
leaves a millisecond unused. The table knows. Invariants:

- Latencies count from about the fastest option of their stage and are rounded down to cells, so that whatever
  fits the SLA fits the table. What rounding takes off is priced instead, λ per tick: in sum it is less than a
  cell a stage, and no more than what is left at the end. So a plan pays λ for every tick rounded off and gets
  λ for every tick left at the end, up to a cell a stage: its value is never too low.
- The value of the rest is convex in the product so far (a maximum of linear functions): interpolating between
  points never underestimates it.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from ipa.optimizer.labels.columns import Columns, Floats, Ints
from ipa.optimizer.labels.exceeded import LabelsExceededError

_POINTS = 25
"""Products so far at which the table of a product metric is evaluated, at most."""

_FINER = 4
"""How many times as many cells are worth it if latencies then are not rounded at all."""

_WIDEST = 1e-7
"""Smallest product above 0 that gets a point of its own, as a share of the largest."""


@dataclass(frozen=True, slots=True)
class CompletionTable:
    """What the stages to come can add at most.

    Parameters
    ----------
    limit
        Latency limit in whole ticks.
    cell
        Ticks per cell of latency.
    price
        λ, objective per tick.
    to_come
        Ticks that the stages from each one on take at least, shape (stages + 1,).
    points
        Per stage: products so far at which the rest is known, ascending; one value for additive metrics.
    values
        Per stage: the most that the rest adds, shape (points, cells).
    """

    limit: int
    cell: int
    price: float
    to_come: Ints
    points: tuple[Floats, ...]
    values: tuple[Floats, ...]

    @property
    def upper(self) -> float:
        """Upper bound on the objective."""
        return float(self.rest(0, np.zeros(1), np.ones(1))[0])

    @property
    def slope(self) -> float:
        """What a tick more would be worth."""
        width = self.values[0].shape[1]
        back = min(width - 1, max(1, width // 50))
        risen = float(self.values[0][0, -1]) - float(self.values[0][0, -1 - back])
        return float(max(0.0, risen) / (max(back, 1) * self.cell))

    def rest(self, stage: int, latency: Floats, product: Floats) -> Floats:
        """Return the most that the stages from ``stage`` on add to partial choices; -∞ if none fits.

        Parameters
        ----------
        stage
            First of the stages that are still to be chosen.
        latency, product
            Ticks and products of the partial choices; the product is ignored for additive metrics.
        """
        left, over = np.divmod(self.limit - self.to_come[stage] - latency, self.cell)
        column = np.clip(left, 0, self.values[stage].shape[1] - 1).astype(np.intp)
        if len(self.points[stage]) == 1:
            rest = self.values[stage][0, column]
        else:
            row, share = _locate(self.points[stage], product)
            below, above = self.values[stage][row, column], self.values[stage][row + 1, column]
            rest = below + share * (above - below)
        return np.where(left >= 0, rest + self.price * over, -np.inf)


def completion_table(
    columns: Columns, limit: float, cells: int, price: float, until: float
) -> CompletionTable:
    """Tabulate the most that every suffix of the stages can add.

    Parameters
    ----------
    columns
        What there is to choose from; the fastest choice has to be feasible.
    limit
        Latency limit in ticks.
    cells
        Number of latencies to tell apart: more are tighter and take longer.
    price
        λ, objective per tick; any is valid, the slope of the best value over the SLA is the tightest.
    until
        ``time.perf_counter()`` at which to give up.

    Raises
    ------
    LabelsExceededError
        If the deadline is exceeded.
    """
    cell, least = _grid(columns, int(limit), cells)
    to_come = np.concatenate((least[::-1].cumsum()[::-1], [0]))
    width = (int(limit) - int(to_come[0])) // cell + 1
    points = _points(columns)
    left = price * cell * np.minimum(np.arange(width), len(least))
    values = [columns.alpha * points[-1][:, None] + left]
    for stage in range(len(least) - 1, -1, -1):
        if time.perf_counter() > until:
            raise LabelsExceededError
        values.append(_with_stage(columns, stage, int(least[stage]), cell, price, points, values[-1]))
    return CompletionTable(int(limit), cell, price, to_come, points, tuple(values[::-1]))


def _grid(columns: Columns, limit: int, cells: int) -> tuple[int, Ints]:
    """Return the ticks of a cell, and per stage the latency that cells count from, which no option is below.

    Of lengths about as long as asked for it is the one that rounds off least: latencies are often multiples
    of a millisecond, or hardly more. Cells then count from a multiple, else from the fastest option.
    """
    latency, present = columns.latency.astype(np.int64), columns.present
    least = np.where(present, latency, np.iinfo(np.int64).max).min(axis=1)
    slack = limit - int(least.sum())
    unit = int(np.gcd.reduce((latency - least[:, None])[present])) or 1
    if slack // unit <= _FINER * cells:
        return unit, least
    longest = slack // cells + 1
    decimal = 10 ** int(math.log10(longest))
    lengths = [decimal * tenths // 10 for tenths in (5, 10, 20, 50)]
    lengths = [length for length in lengths if slack // (_FINER * cells) < length <= _FINER * longest]
    grids = [(longest, least), *((length, least // length * length) for length in lengths)]

    def count_rounded_off(grid: tuple[int, Ints]) -> int:
        over = np.where(present, (latency - grid[1][:, None]) % grid[0], 0)
        return int(over.max(axis=1).sum())

    return min(grids, key=count_rounded_off)


def _with_stage(
    columns: Columns,
    stage: int,
    least: int,
    cell: int,
    price: float,
    points: tuple[Floats, ...],
    after: Floats,
) -> Floats:
    """Return the best value over the options of a stage for every product and latency left before it."""
    size, width = int(columns.sizes[stage]), after.shape[1]
    shifts, over = np.divmod(columns.latency[stage, :size].astype(np.int64) - least, cell)
    gains = columns.gain[stage, :size] - price * over
    best = np.full((len(points[stage]), width), -np.inf)
    for option in np.flatnonzero(shifts < width).tolist():
        shift, gain = int(shifts[option]), gains[option]
        rest = after[:, : width - shift]
        if not columns.additive:
            rest = _at_products(points[stage] * columns.factor[stage, option], points[stage + 1], rest)
        np.maximum(best[:, shift:], rest + gain, out=best[:, shift:])
    return best


def _at_products(products: Floats, points: Floats, values: Floats) -> Floats:
    """Interpolate rows of values, known at ascending points, at some products."""
    if len(points) == 1:
        return np.repeat(values, len(products), axis=0)
    row, share = _locate(points, products)
    between: Floats = values[row] * (1 - share)[:, None] + values[row + 1] * share[:, None]
    return between


def _locate(points: Floats, products: Floats) -> tuple[Ints, Floats]:
    """Return between which points products lie, and what share of the way."""
    row = np.clip(np.searchsorted(points, products, side="right") - 1, 0, len(points) - 2)
    share = (products - points[row]) / (points[row + 1] - points[row])
    return row, np.clip(share, 0.0, 1.0)


def _points(columns: Columns) -> tuple[Floats, ...]:
    """Return where the product so far can lie before each stage and after the last, evenly in logarithms."""
    if columns.additive:
        return (np.zeros(1),) * (len(columns.sizes) + 1)
    present = columns.present
    low = np.cumprod([1.0, *np.where(present, columns.factor, np.inf).min(axis=1)])
    high = np.cumprod([1.0, *np.where(present, columns.factor, -np.inf).max(axis=1)])
    return tuple(_between(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True))


def _between(low: float, high: float) -> Floats:
    if high - low <= 1e-12 * high:
        return np.array([high])
    start = max(low, high * _WIDEST)
    points = np.geomspace(start, high, _POINTS)
    points[-1] = high
    return points if low == start else np.concatenate(([low], points))
