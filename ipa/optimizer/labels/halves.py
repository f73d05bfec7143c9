"""Meet in the middle: the best pairs of a label of the first stages and one of the others.

For a sum, the best partner of a label is the best of those fast enough: a running maximum over the partners
in order of latency. For a product, the best partner depends on the label's own product p: it maximises
gain + α·p·q. As a maximum of linear functions that is convex in p, so that the running maxima at two values
of p bound it in between. Labels whose bound is too low are gone; for the others the values of p move closer,
and when few are left, each is paired with every partner.
"""

import time
from dataclasses import dataclass

import numpy as np

from ipa.optimizer.labels.columns import Floats, Ints
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.labels import Labels
from ipa.optimizer.tolerance import tie

_CELLS = 16
"""Intervals of products per round."""

_FEW = 64
"""Labels that are paired with every partner without another round."""

_MOST_ROUNDS = 4

MOST_PAIRS = 20_000
"""Tied pairs that are kept; of more, the first ones found."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs whose objective lies within a tie of the best pair.

    Parameters
    ----------
    left, right
        Places in the two sets of labels.
    value
        Objectives.
    complete
        Whether all of them are here.
    """

    left: Ints
    right: Ints
    value: Floats
    complete: bool


@dataclass(frozen=True, slots=True)
class _Halves:
    """Two sets of labels, the right one in order of latency.

    ``partners`` is how many of the right labels are fast enough for each left label.
    """

    left: Labels
    right: Labels
    partners: Ints
    alpha: float

    def values(self, place: int) -> Floats:
        """Return the objectives of a left label with each of its partners."""
        count, left, right = int(self.partners[place]), self.left, self.right
        values: Floats = left.gain[place] + right.gain[:count]
        if self.alpha:
            values = values + self.alpha * left.product[place] * right.product[:count]
        return values

    def best_at(self, product: float) -> Floats:
        """Return the best a partner adds if the left product is this, by the number of partners."""
        right = self.right.gain
        if self.alpha:
            right = right + self.alpha * product * self.right.product
        best: Floats = np.maximum.accumulate(right)
        return best


def best_pairs(
    left: Labels, right: Labels, alpha: float, limit: float, floor: float, until: float, slop: float = 0.0
) -> Pairs:
    """Find the pairs with the best objective, and those tied with it.

    Parameters
    ----------
    left, right
        Labels of two sets of stages that have none in common.
    alpha
        Weight of the product of scores; 0 for additive metrics.
    limit
        Latency limit in ticks.
    floor
        Pairs that do not reach this objective are of no interest.
    until
        ``time.perf_counter()`` at which to give up.
    slop
        What objectives may be off by: so much more than a tie below the best pair still counts.

    Raises
    ------
    LabelsExceededError
        If the deadline is exceeded.
    """
    order = np.argsort(right.latency, kind="stable")
    partners = np.searchsorted(right.latency[order], limit - left.latency, side="right")
    halves = _Halves(left, right.at(order), partners, alpha)
    places, bounds, best = _find_promising(halves, floor, until, slop)
    found: list[tuple[int, Ints, Floats]] = []
    count = 0
    order_of_bounds = np.argsort(-bounds, kind="stable")
    for place, bound in zip(places[order_of_bounds].tolist(), bounds[order_of_bounds].tolist(), strict=True):
        if bound < best or count >= MOST_PAIRS:
            break
        _check(until)
        values = halves.values(place)
        best = max(best, _floor(values) - slop)
        tied = np.flatnonzero(values >= best)[: MOST_PAIRS - count]
        found.append((place, order[tied], values[tied]))
        count += len(tied)
    return _pick_tied(found, best, complete=count < MOST_PAIRS)


def _find_promising(halves: _Halves, floor: float, until: float, slop: float) -> tuple[Ints, Floats, float]:
    """Return the left labels that can reach the floor, their bounds, and the floor raised on the way."""
    places = np.flatnonzero(halves.partners > 0)
    best = floor
    bounds = _bounds(halves, places)
    for _ in range(_MOST_ROUNDS if halves.alpha else 0):
        places, bounds = places[bounds >= best], bounds[bounds >= best]
        if len(places) <= _FEW:
            break
        _check(until)
        best = max(best, _floor(halves.values(int(places[bounds.argmax()]))) - slop)
        bounds = _bounds(halves, places)
    return places[bounds >= best], bounds[bounds >= best], best


def _bounds(halves: _Halves, places: Ints) -> Floats:
    """Return what left labels reach at most with their best partner."""
    gain, partner = halves.left.gain[places], halves.partners[places] - 1
    if not halves.alpha or not len(places):
        return gain + halves.best_at(0.0)[partner]
    product = halves.left.product[places]
    edges = np.unique(np.quantile(product, np.linspace(0, 1, _CELLS + 1)))
    if len(edges) == 1:
        return gain + halves.best_at(float(edges[0]))[partner]
    cell = np.clip(np.searchsorted(edges, product, side="right") - 1, 0, len(edges) - 2)
    share = np.clip((product - edges[cell]) / (edges[cell + 1] - edges[cell]), 0.0, 1.0)
    bounds = np.empty(len(places))
    below = halves.best_at(float(edges[0]))
    for number, edge in enumerate(edges[1:].tolist()):
        above, inside = halves.best_at(edge), np.flatnonzero(cell == number)
        reached = (1 - share[inside]) * below[partner[inside]] + share[inside] * above[partner[inside]]
        bounds[inside] = gain[inside] + reached
        below = above
    return bounds


def _pick_tied(found: list[tuple[int, Ints, Floats]], best: float, *, complete: bool) -> Pairs:
    left = np.repeat([place for place, _, _ in found], [len(right) for _, right, _ in found]).astype(np.intp)
    right = np.concatenate([np.zeros(0, dtype=np.intp), *(right for _, right, _ in found)])
    value = np.concatenate([np.zeros(0), *(value for _, _, value in found)])
    kept = np.flatnonzero(value >= best)
    return Pairs(left[kept], right[kept], value[kept], complete)


def _floor(values: Floats) -> float:
    """Return the objective down to which others are tied with the best of these."""
    best = float(values.max())
    return best - tie(best)


def _check(until: float) -> None:
    if time.perf_counter() > until:
        raise LabelsExceededError
