"""Combinations of variants with measured accuracies: what each can be worth, and what it leaves to decide.

The accuracy of a plan depends on its variants only. Once they are chosen it is a constant, and what is left
is an ordinary problem: the cheapest batch sizes and replicas. So a decision goes through the combinations,
the one with the highest bound first, and stops where no other one can be better.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import Choice
from ipa.optimizer.graph_paths import paths
from ipa.optimizer.problem import Objective, Option, Problem
from ipa.optimizer.ties import inaccuracy
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.slowest_path import slowest_path_of_many

Number = TypeVar("Number", np.float64, np.int64)
Floats = NDArray[np.float64]

ROUNDING = 1e-15
"""Share of its terms that a sum over stages may be off by, a stage."""

_PRICES = 16
"""Prices of latency that the bounds are computed for."""

_PATHS = 4
"""Paths of a graph along which latency has a price."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One variant of one stage.

    Parameters
    ----------
    name
        Name of the variant.
    places
        Indices of its options that no other one of it beats.
    options
        These options.
    ticks
        Their latencies.
    """

    name: str
    places: tuple[int, ...]
    options: tuple[Option, ...]
    ticks: tuple[int, ...]


@dataclass(frozen=True)
class Combinations:
    """All combinations of variants of a problem, in arrays whose last stage varies fastest.

    Parameters
    ----------
    problem
        Every stage has an option; the metric is bound to its table.
    """

    problem: Problem

    @cached_property
    def alternatives(self) -> list[list[Alternative]]:
        """The variants of each stage that have options within reach of the SLA."""
        return [list(_alternatives(self.problem, options)) for options in self.problem.options]

    @cached_property
    def accuracy(self) -> Floats:
        """Measured accuracy of every combination."""
        table = self.problem.objective.metric.table
        if table is None:
            raise InvalidValueError("the metric is not bound to a pipeline with measured accuracies")
        names = [[alternative.name for alternative in stage] for stage in self.alternatives]
        return table.of_all(names)

    @cached_property
    def inaccuracy(self) -> NDArray[np.int64]:
        """Minus the logarithm of the PAS of every combination, by which ties are broken."""
        own = [[inaccuracy(one.options[0].accuracy) for one in stage] for stage in self.alternatives]
        return _sums([np.array(stage, dtype=np.int64) for stage in own])

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Whether the fastest options of a combination keep the SLA and the cheapest ones the core limit."""
        sizes = [len(stage) for stage in self.alternatives]
        fastest = [
            np.array([min(one.ticks) for one in stage])[chosen]
            for stage, chosen in zip(
                self.alternatives, np.indices(sizes, dtype=np.int16).reshape(len(sizes), -1), strict=True
            )
        ]
        kept: NDArray[np.bool_] = (
            slowest_path_of_many(fastest, self.problem.edges) <= self.problem.ticks.limit
        )
        return kept if self.problem.max_cores is None else kept & (self.least_cores <= self.problem.max_cores)

    @cached_property
    def least_cores(self) -> Floats:
        """Cores of every combination, if latency were no matter."""
        return _least([[o.cost_cores for o in one.options] for one in stage] for stage in self.alternatives)

    def least_price(self, beta: float, delta: float) -> Floats:
        """Return a lower bound on β·cores + δ·batches within the SLA, of every combination.

        The SLA of a path is priced: Σ (price of the option + λ·its latency) - λ·SLA is a lower bound for
        every λ ≥ 0. The bound is the largest one over some λ and paths, less what rounding may make of it.
        """
        prices = [
            [np.array([beta * o.cost_cores + delta * o.batch for o in one.options]) for one in stage]
            for stage in self.alternatives
        ]
        least, limit = _least(prices), self.problem.ticks.limit
        dearest = sum(max(cost.max() for cost in stage) for stage in prices)
        slowest = sum(max(abs(ticks) for one in stage for ticks in one.ticks) for stage in self.alternatives)
        for path, price in itertools.product(_some_paths(self.problem), self._latency_prices(prices)):
            priced = (
                [
                    cost + price * np.array(one.ticks) if number in path else cost
                    for one, cost in zip(stage, costs, strict=True)
                ]
                for number, (stage, costs) in enumerate(zip(self.alternatives, prices, strict=True))
            )
            rounding = ROUNDING * len(prices) * (dearest + price * (slowest + abs(limit)))
            np.maximum(least, _least(priced) - price * limit - rounding, out=least)
        return least

    def _latency_prices(self, prices: Sequence[Sequence[Floats]]) -> list[float]:
        """Return what a tick costs between two options of a variant, from all of them a few."""
        found = {
            (dear - cheap) / (slow - fast)
            for stage, costs in zip(self.alternatives, prices, strict=True)
            for one, cost in zip(stage, costs, strict=True)
            for (cheap, slow), (dear, fast) in itertools.permutations(zip(cost, one.ticks, strict=True), 2)
            if slow > fast and dear > cheap
        }
        if not found:
            return []
        return [float(price) for price in np.unique(np.quantile(list(found), np.linspace(0, 1, _PRICES)))]

    def chosen(self, number: int) -> list[Alternative]:
        """Return the variant of each stage in a combination."""
        sizes = [len(stage) for stage in self.alternatives]
        places = np.unravel_index(number, sizes)
        return [stage[int(place)] for stage, place in zip(self.alternatives, places, strict=True)]

    def rest(self, number: int, objective: Objective | None = None) -> "Rest":
        """Return what is left to decide in a combination, by default for the weights of the problem."""
        chosen, accuracy = self.chosen(number), float(self.accuracy[number])
        weights = objective or self.problem.objective
        left = replace(
            self.problem,
            options=tuple(tuple(o._replace(score=accuracy) for o in one.options) for one in chosen),
            objective=replace(weights, metric=METRICS["mean"]),
            best_effort=(),
            source=None,
        )
        left.__dict__["ticks"] = self.problem.ticks
        return Rest(left, tuple(one.places for one in chosen))


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left to decide once the variants are chosen; every option scores the accuracy of them all.

    Parameters
    ----------
    problem
        What is left to decide, in options of these variants.
    places
        Which options of the whole problem they are.
    """

    problem: Problem
    places: tuple[tuple[int, ...], ...]

    def choice(self, choice: Choice) -> Choice:
        """Return a choice as one of the whole problem."""
        return tuple(places[index] for places, index in zip(self.places, choice, strict=True))


def _alternatives(problem: Problem, options: Sequence[Option]) -> Iterator[Alternative]:
    # Made-up problems may have options of one variant that differ in accuracy, which decides ties.
    by_variant: dict[tuple[str, float], list[int]] = {}
    for place, option in enumerate(options):
        by_variant.setdefault((option.variant, option.accuracy), []).append(place)
    for (name, _), places in by_variant.items():
        everything = {place: problem.ticks.of(options[place].total_s) for place in places}
        ticks = {place: own for place, own in everything.items() if own <= problem.ticks.reach}
        if not ticks:
            continue
        kept = _unbeaten(options, ticks)
        yield Alternative(
            name, tuple(kept), tuple(options[place] for place in kept), tuple(ticks[place] for place in kept)
        )


def _unbeaten(options: Sequence[Option], ticks: dict[int, int]) -> list[int]:
    """Drop what another option is no slower, dearer and larger than, and goes before in the order of ties."""
    kept: list[int] = []
    for place in sorted(ticks, key=lambda place: (ticks[place], options[place].cost_cores, place)):
        cost, batch = options[place].cost_cores, options[place].batch
        if not any(options[other].cost_cores <= cost and options[other].batch <= batch for other in kept):
            kept.append(place)
    return sorted(kept)


def _some_paths(problem: Problem) -> list[tuple[int, ...]]:
    """Return the paths on which the fastest options take longest."""
    try:
        found = paths(problem)
    except InvalidValueError:
        return []
    fastest = [min(problem.ticks.of(option.total_s) for option in options) for options in problem.options]
    return sorted(found, key=lambda path: -sum(fastest[stage] for stage in path))[:_PATHS]


def _least(numbers: Iterable[Iterable[Iterable[float]]]) -> Floats:
    """Return the sum over stages of the smallest number of the chosen variant, for every combination."""
    return _sums([np.array([min(of_variant) for of_variant in stage], dtype=np.float64) for stage in numbers])


def _sums(numbers: Sequence[NDArray[Number]]) -> NDArray[Number]:
    """Return the sum over stages of the number of the chosen variant, for every combination."""
    total = numbers[0]
    for stage in numbers[1:]:
        total = (total[:, None] + stage).ravel()
    return total
