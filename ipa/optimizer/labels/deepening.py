"""Hard problems: guess how close to the bound the best plan is, and widen the guess until a plan turns up.

Where very many plans are worth nearly the same, a good plan is not good enough to rule the others out, and
the labels explode. So the floor starts just below the upper bound instead of at the best plan known:

- If a plan reaches the floor, all that do were enumerated: the best of them is proven.
- If none does, the floor is an upper bound, lower than the one before. The guess is widened.
- The labels grow with the guess. If they exceed the budget, what is left is proven no further.

Two halves of the stages are enumerated and paired (``halves``), which takes the square root of the labels.
"""

from dataclasses import dataclass, replace

import numpy as np

from ipa.optimizer.answer import Choice, pick_options
from ipa.optimizer.labels.columns import Columns, Ints
from ipa.optimizer.labels.completion import CompletionTable, completion_table
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.halves import best_pairs
from ipa.optimizer.labels.label_search import MOST_TIED, candidates, grow
from ipa.optimizer.labels.labels import Search, tie_sums, trace_choices
from ipa.optimizer.labels.logarithms import as_sum
from ipa.optimizer.labels.reduction import Reduction, best_choice
from ipa.optimizer.labels.relaxation import pricing
from ipa.optimizer.problem import Problem
from ipa.optimizer.tolerance import TIE, tie

_ROUNDS = ((50_000, 2_000), (200_000, 10_000), (400_000, 40_000))
"""Budget of labels, and cells of the table, of one attempt after the other."""

_FIRST_GUESS = 1 / 4096
"""First guess of the gap, as a share of the distance between the bound and the best plan known."""

_BEAM = 500
"""Labels that survive each stage of the quick search for good plans."""

_SOME = 1 / 10
"""Share of the budget of labels that are paired where all are too many."""

_MOST_CLOSE = 2_000
"""Choices that are valued one by one where the sum is not exact."""

_MOST_PRICES = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known at the end.

    Parameters
    ----------
    choice
        Best choice met, as option indices; the first of those tied with it as far as they were looked at.
    value
        Its objective.
    upper
        Upper bound on the objective.
    proven
        Whether no choice is better.
    all_ties
        Whether the choice is the first of all that are tied.
    """

    choice: Choice
    value: float
    upper: float
    proven: bool
    all_ties: bool = True


@dataclass(frozen=True, slots=True)
class _Side:
    """Half of the stages in front, the others behind: the search for the labels of the half."""

    search: Search
    stages: int
    order: Ints


class Deepening:
    """The state of a search on a hard problem.

    Parameters
    ----------
    problem
        What there is to choose from.
    reduction
        What the bounds left of it.
    until
        ``time.perf_counter()`` at which to stop.
    """

    def __init__(self, problem: Problem, reduction: Reduction, until: float) -> None:
        self.problem, self.until = problem, until
        self.reduction, self.scale = as_sum(reduction)
        self.best = self.reduction.choice()
        self.value, self.known = (
            problem.value(pick_options(problem, self.best)),
            self.scale.total(problem, self.best),
        )
        self.upper = max(self.reduction.bound.upper, self.known)
        self.all_ties = True

    def run(self) -> Outcome:
        """Search until the best plan is proven, or the last budget or the time is used up."""
        for most, cells in _ROUNDS:
            try:
                if self._round(most, cells):
                    return self._outcome(proven=True)
            except LabelsExceededError:
                break
        return self._outcome(proven=False)

    def _outcome(self, *, proven: bool) -> Outcome:
        upper = self.value if proven else max(self.value, self.scale.objective(self.upper))
        return Outcome(self.best, self.value, upper, proven, self.all_ties)

    def _round(self, most: int, cells: int) -> bool:
        """Search within a budget of labels and cells; whether the best plan is proven."""
        sides = self._sides(most, cells)
        self._note(candidates(replace(sides[0].search, floor=self.known, beam=_BEAM)))
        try:
            return self._widen(sides)
        except LabelsExceededError:
            beam = int(most * _SOME)
            some = [replace(side, search=replace(side.search, beam=beam)) for side in sides]
            self._note(self._pairs((some[0], some[1]), self.known)[0])
            self.all_ties = False
            return self.scale.objective(self.upper) - self.value <= tie(self.value)

    @property
    def _slop(self) -> float:
        return self.reduction.slop(self.known)

    def _sides(self, most: int, cells: int) -> tuple[_Side, _Side]:
        """Split the stages where both halves have about as many plans."""
        columns, count = self.reduction.columns, len(self.reduction.columns.sizes)
        plans = np.log(columns.sizes).cumsum()
        split = 1 + int(np.abs(plans[:-1] - plans[-1] / 2).argmin()) if count > 1 else 1
        forward = np.arange(count)
        return (
            self._side(forward, split, most, cells),
            self._side(np.concatenate((forward[split:], forward[:split])), count - split, most, cells),
        )

    def _side(self, order: Ints, stages: int, most: int, cells: int) -> _Side:
        columns, bound = self.reduction.columns.ordered(order), self.reduction.bound
        price_at = pricing(columns)
        others = tuple((price, price_at(price)) for price, _ in bound.others[-_MOST_PRICES:])
        limit = self.reduction.limit
        tables = self._tables(columns, cells)
        for table in tables:
            self.upper = max(min(self.upper, table.upper), self.known)
        own = replace(bound, relaxation=price_at(bound.price), others=others)
        search = Search(
            self.problem, columns, own, limit, -np.inf, self.until, self._slop, most, completions=tables
        )
        return _Side(search, stages, order)

    def _tables(self, columns: Columns, cells: int) -> tuple[CompletionTable, ...]:
        """Tabulate what a choice can still become; with a product, whose price varies, also priced."""
        limit, until = self.reduction.limit, self.until
        if columns.additive:
            return (completion_table(columns, limit, cells, 0.0, until),)
        plain = completion_table(columns, limit, cells // 20, 0.0, until)
        return (plain, completion_table(columns, limit, cells // 10, plain.slope, until))

    def _note(self, found: list[Choice]) -> bool:
        """Keep the first of the best of some choices if it is no worse than the best so far."""
        choice = best_choice(self.problem, found)
        if choice is None:
            return False
        value = self.problem.value(pick_options(self.problem, choice))
        if value >= self.value - tie(self.value):
            self.best, self.value, self.known = choice, value, self.scale.total(self.problem, choice)
        return True

    def _widen(self, sides: tuple[_Side, _Side]) -> bool:
        """Widen the guess until a plan turns up; whether one does before the labels exceed the budget."""
        upper = self.upper
        gap = max((upper - self.known) * _FIRST_GUESS, TIE)
        before = 0
        while True:
            least = self._least
            floor = max(upper - gap, least)
            found, most = self._pairs(sides, floor)
            if self._note(found):
                return self._look_at_ties(sides, floor)
            if floor == least:
                return False
            self.upper = max(floor, self.known)
            gap *= 16.0 if most == before else 2.0 if most > sides[0].search.most / 100 else 4.0
            before = most

    @property
    def _least(self) -> float:
        """Objective down to which plans may be tied with the best one known."""
        return self.known - tie(self.known) - 2 * self._slop - self.scale.error(self.upper, self.known)

    def _look_at_ties(self, sides: tuple[_Side, _Side], floor: float) -> bool:
        """Also look at the plans below the floor that are tied with the best one; whether that is proven."""
        if self._least >= floor:
            return self.all_ties or self.scale.error(self.upper, self.known) == 0.0
        try:
            found, _ = self._pairs(sides, self._least)
            self._note(found)
        except LabelsExceededError:
            self.all_ties = False
        return self.all_ties or self.scale.error(self.upper, self.known) == 0.0

    def _pairs(self, sides: tuple[_Side, _Side], floor: float) -> tuple[list[Choice], int]:
        """Return the choices among which the first of the best is, if one reaches the floor."""
        error = self.scale.error(self.upper, floor)
        searches = [replace(side.search, floor=floor, slop=self._slop + error) for side in sides]
        left, right = (grow(search, side.stages) for search, side in zip(searches, sides, strict=True))
        most = max(len(left.latency), len(right.latency))
        if not (len(left.latency) and len(right.latency)):
            return [], most
        alpha = self.reduction.columns.alpha
        pairs = best_pairs(left, right, alpha, self.reduction.limit, floor, self.until, error)
        self.all_ties = pairs.complete
        kept = np.arange(len(pairs.value))
        if error:
            self.all_ties &= len(kept) <= _MOST_CLOSE
            kept = np.argsort(-pairs.value, kind="stable")[:_MOST_CLOSE]
        elif len(kept) > MOST_TIED:
            ties = tie_sums(left, sides[0].search)[:, pairs.left]
            ties = ties + tie_sums(right, sides[1].search)[:, pairs.right]
            latency = left.latency[pairs.left] + right.latency[pairs.right]
            kept = np.append(np.lexsort((latency, ties[1], ties[0]))[:MOST_TIED], pairs.value.argmax())
        indices = np.empty((len(kept), len(self.reduction.columns.sizes)), dtype=np.intp)
        for side, labels, places in ((sides[0], left, pairs.left), (sides[1], right, pairs.right)):
            for stage, position in enumerate(trace_choices(labels, side.search.columns, places[kept])):
                indices[:, side.order[stage]] = side.search.columns.index[stage, position]
        return [tuple(row) for row in indices.tolist()], most
