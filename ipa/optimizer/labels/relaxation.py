"""Upper bounds: the SLA is priced at λ per tick instead of enforced (Lagrangian relaxation).

The priced problem has no constraint that links the stages. For a sum it falls apart into stages; for a
product it is a recursion over the product so far, whose value is convex in that product.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ipa.optimizer.labels.columns import Columns, Floats, Ints

GRID_POINTS = 33
_MAX_PRICES = 40


class Relaxation(Protocol):
    """A priced problem."""

    def rest(self, stage: int, product: Floats) -> Floats | float:
        """Return an upper bound on what the stages from ``stage`` on add, their price paid.

        Parameters
        ----------
        stage
            First of the stages that are still to be chosen.
        product
            Products of the factors chosen so far, shape (labels,); ignored for additive metrics.
        """
        ...

    def losses(self) -> Floats:
        """Return what every option gives away against the best at this price, shape (stages, options)."""
        ...

    def best(self) -> Ints:
        """Return the positions of the best choice at this price, shape (stages,)."""
        ...


@dataclass(frozen=True, slots=True)
class Bound:
    """The price with the lowest bound, and the choices it was found between.

    Parameters
    ----------
    price
        λ, objective per tick.
    relaxation
        The problem priced at λ.
    upper
        Upper bound on the objective.
    fast
        Best choice met that keeps the SLA, as positions in the columns, shape (stages,).
    slow
        Best choice met that breaks it; None if the SLA does not bind.
    others
        The other prices tried; one of them can be tighter for a partial choice.
    """

    price: float
    relaxation: Relaxation
    upper: float
    fast: Ints
    slow: Ints | None
    others: tuple[tuple[float, Relaxation], ...] = ()


@dataclass(frozen=True, slots=True)
class SumRelaxation:
    """A priced problem with an additive metric."""

    priced: Floats
    suffix: Floats

    def rest(self, stage: int, product: Floats) -> float:  # noqa: ARG002 (a sum has no product)
        """Sum the best priced gain of every stage to come."""
        return float(self.suffix[stage])

    def losses(self) -> Floats:
        """Return the distance to the best priced gain of the stage: no plan with the option loses less."""
        losses: Floats = self.priced.max(axis=1, keepdims=True) - self.priced
        return losses

    def best(self) -> Ints:
        """Return the option with the best priced gain of every stage."""
        best: Ints = self.priced.argmax(axis=1)
        return best


def price_sum(columns: Columns, price: float) -> SumRelaxation:
    """Price a problem with an additive metric."""
    priced = columns.gain - price * columns.latency
    suffix = np.zeros(len(priced) + 1)
    suffix[:-1] = priced.max(axis=1)[::-1].cumsum()[::-1]
    return SumRelaxation(priced, suffix)


@dataclass(frozen=True)
class ProductGrid:
    """Where the product so far can lie before each stage, on evenly spaced points.

    The value of the priced rest is convex in the product so far: interpolating between points never
    underestimates it, which keeps the bound valid.
    """

    columns: Columns
    low: Floats
    step: Floats
    cell: Ints
    share: Floats

    @classmethod
    def of(cls, columns: Columns, points: int = GRID_POINTS) -> "ProductGrid":
        """Lay the grid and find the cell in which every option leads."""
        present = columns.present
        low = np.cumprod([1.0, *np.where(present, columns.factor, np.inf).min(axis=1)])
        high = np.cumprod([1.0, *np.where(present, columns.factor, -np.inf).max(axis=1)])
        step = np.maximum((high - low) / (points - 1), 1e-300)
        grid = low[:-1, None] + step[:-1, None] * np.arange(points)
        reached = grid[:, :, None] * columns.factor[:, None, :]
        place = np.clip((reached - low[1:, None, None]) / step[1:, None, None], 0, points - 1)
        cell = np.minimum(place.astype(np.intp), points - 2)
        return cls(columns, low, step, cell, place - cell)

    def points(self, stage: int) -> Floats:
        """Return the products at which the rest from ``stage`` on is evaluated."""
        points: Floats = self.low[stage] + self.step[stage] * np.arange(self.cell.shape[1])
        return points


@dataclass(frozen=True, slots=True)
class ProductRelaxation:
    """A priced problem with a product metric: the rest of every stage at the points of the grid."""

    grid: ProductGrid
    priced: Floats
    values: Floats

    def rest(self, stage: int, product: Floats) -> Floats:
        """Interpolate the value of the rest at the products so far."""
        rest: Floats = np.interp(product, self.grid.points(stage), self.values[stage])
        return rest

    def losses(self) -> Floats:
        """Follow the best option from stage to stage; what the others of the stage give away there."""
        product, losses = 1.0, np.empty_like(self.priced)
        for stage, priced in enumerate(self.priced):
            products = product * self.grid.columns.factor[stage]
            value = priced + self.rest(stage + 1, products)
            chosen = value.argmax()
            losses[stage] = value[chosen] - value
            product = float(products[chosen])
        return losses

    def best(self) -> Ints:
        """Return the option that loses nothing at every stage."""
        best: Ints = self.losses().argmin(axis=1)
        return best


def price_product(grid: ProductGrid, price: float) -> ProductRelaxation:
    """Price a problem with a product metric, from the last stage to the first."""
    columns = grid.columns
    stages, points, _ = grid.cell.shape
    priced = columns.gain - price * columns.latency
    values = np.empty((stages + 1, points))
    values[-1] = columns.alpha * grid.points(stages)
    for stage in range(stages - 1, -1, -1):
        after, cell = values[stage + 1], grid.cell[stage]
        rest = after[cell] + grid.share[stage] * (after[1:] - after[:-1])[cell]
        values[stage] = (rest + priced[stage]).max(axis=1)
    return ProductRelaxation(grid, priced, values)


def tightest(columns: Columns, limit: float) -> Bound:
    """Find the price with the lowest bound, by cutting between a too slow and a feasible choice.

    Parameters
    ----------
    columns
        What there is to choose from; the fastest choice has to be feasible.
    limit
        Latency limit in ticks.
    """
    price_at = pricing(columns)
    relaxation = price_at(0.0)
    slow = _Met.of(columns, relaxation.best())
    upper = float(np.max(relaxation.rest(0, np.ones(1))))
    if slow.ticks <= limit:
        return Bound(0.0, relaxation, upper, slow.choice, None)
    fast = _Met.of(columns, columns.fastest())
    best = Bound(0.0, relaxation, upper, fast.choice, slow.choice)
    tried: list[tuple[float, Relaxation]] = [(0.0, relaxation)]
    for _ in range(_MAX_PRICES):
        price = max(0.0, (slow.value - fast.value) / (slow.ticks - fast.ticks))
        relaxation = price_at(price)
        tried.append((price, relaxation))
        upper = float(np.max(relaxation.rest(0, np.ones(1)))) + price * limit
        met = _Met.of(columns, relaxation.best())
        finished = met.no_better_than(slow, price)
        if met.ticks <= limit:
            fast = met
        else:
            slow = met
        if upper < best.upper:
            best = Bound(price, relaxation, upper, fast.choice, slow.choice)
        if finished:
            break
    others = tuple(other for other in tried if other[0] != best.price)
    return replace(best, fast=fast.choice, slow=slow.choice, others=others)


@dataclass(frozen=True, slots=True)
class _Met:
    """A choice that was met on the way, with its objective and its latency in ticks."""

    choice: Ints
    value: float
    ticks: float

    @classmethod
    def of(cls, columns: Columns, choice: Ints) -> "_Met":
        return cls(choice, columns.value(choice), columns.latency_of(choice))

    def no_better_than(self, known: "_Met", price: float) -> bool:
        """Whether it is no better at a price than one known before: the bound cannot fall further."""
        known_value = known.value - price * known.ticks
        return self.value - price * self.ticks <= known_value + 1e-12 * max(1.0, abs(known_value))


def pricing(columns: Columns) -> Callable[[float], Relaxation]:
    """Return a function from a price to the problem at that price."""
    if columns.additive:
        return lambda price: price_sum(columns, price)
    grid = ProductGrid.of(columns)
    return lambda price: price_product(grid, price)
