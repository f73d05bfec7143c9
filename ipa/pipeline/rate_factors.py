"""How many visits each stage of a graph receives per request: exact, joins and thinned branches included.

From every visit that ends, an edge with factor f sends floor(f) visits to its target, and one more with
probability f - floor(f), independently of all else. A stage that does not join serves each of them, so what
it receives is a sum. A stage that joins is entered once by every request of which at least one of its edges
sends it anything; what it receives is the probability of that.

That probability is one minus the chance that all is quiet at the join. As long as no join lies on the way,
the visits that follow from a visit are independent of all others, and the chance that none of them leads to
the join is a product over its edges, computed from the last stage to the first. A join j on the way breaks
the independence: the visits that reach it have one common future, which is quiet with chance q. Then

    P(quiet) = (1 - q) P(quiet, and j not reached) + q P(quiet when what goes to j is ignored),

in which j no longer is a way on: it counts as 0 (reaching it is not quiet) or as 1 (it is ignored).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from ipa.errors import InvalidValueError

MOST_UNCERTAIN_JOINS = 12
"""Each join that only some requests reach, on the way to another one, doubles the work."""

Incoming = tuple[tuple[tuple[int, float], ...], ...]
"""Per stage, the place of each stage that leads to it and the factor of that edge."""


@lru_cache(maxsize=256)
def rate_factors(incoming: Incoming, joins: tuple[bool, ...]) -> tuple[float, ...]:
    """Return the mean number of visits to each stage per request to the pipeline.

    Parameters
    ----------
    incoming
        The edges; only the first stage has none that lead to it.
    joins
        Whether each stage waits for all that its edges bring and is entered once.

    Raises
    ------
    InvalidValueError
        If too many joins that only some requests reach lead to one another.

    Examples
    --------
    >>> rate_factors(((), ((0, 0.5),), ((0, 0.5),), ((1, 1.0), (2, 1.0))), (False, False, False, True))
    (1.0, 0.5, 0.5, 0.75)
    >>> rate_factors(((), ((0, 0.5),), ((0, 0.5),), ((1, 1.0), (2, 1.0))), (False, False, False, False))
    (1.0, 0.5, 0.5, 1.0)
    """
    factors: list[float] = []
    sure: list[bool] = []
    for place, edges in enumerate(incoming):
        sure.append(not edges or any(sure[source] and factor >= 1 for source, factor in edges))
        if joins[place] and not sure[place]:
            factors.append(1.0 - _Way(incoming[: place + 1], joins, tuple(sure)).quiet())
        elif joins[place] or not edges:
            factors.append(1.0)
        else:
            factors.append(sum(factors[source] * factor for source, factor in edges))
    return tuple(factors)


@dataclass(frozen=True, slots=True)
class _Way:
    """All ways to a join, the last stage of ``incoming``; ``sure``: which stages every request reaches."""

    incoming: Incoming
    joins: tuple[bool, ...]
    sure: tuple[bool, ...]

    @property
    def target(self) -> int:
        return len(self.incoming) - 1

    def quiet(self) -> float:
        """Return the probability that a request sends the join nothing."""
        leads = {source for edges in self.incoming for source, _ in edges}
        between = [place for place in range(1, self.target) if self.joins[place] and place in leads]
        uncertain = sum(not self.sure[place] for place in between)
        if uncertain > MOST_UNCERTAIN_JOINS:
            raise InvalidValueError(
                f"{uncertain} joins that only some requests reach lead to one stage; at most"
                f" {MOST_UNCERTAIN_JOINS} can be computed"
            )
        return self._quiet(between, {})

    def _quiet(self, between: list[int], ends: dict[int, float]) -> float:
        """Return it for the joins that are still a way on, and what reaching the others counts as."""
        if not between:
            return self._quiet_after(0, ends)
        *earlier, join = between
        chance = self._quiet_after(join, ends)
        ignored = chance * self._quiet(earlier, ends | {join: 1.0}) if chance > 0 else 0.0
        if chance == 1 or self.sure[join]:
            return ignored
        return ignored + (1 - chance) * self._quiet(earlier, ends | {join: 0.0})

    def _quiet_after(self, start: int, ends: dict[int, float]) -> float:
        """Return the probability that nothing of what follows from one visit to a stage is heard of."""
        value = [1.0] * self.target + [0.0]
        for place in range(self.target, 0, -1):
            heard = ends.get(place, value[place]) if place > start else 1.0
            for source, factor in self.incoming[place]:
                value[source] *= _power(heard, factor)
        return value[start]


def _power(value: float, factor: float) -> float:
    """Return the mean of value ** k over the k visits that an edge sends."""
    whole = math.floor(factor)
    return float(value**whole) * (1 - (factor - whole) * (1 - value))
