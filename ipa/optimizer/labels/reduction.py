"""What the bounds leave of a problem, and the first of its best plans."""

from collections.abc import Iterable
from dataclasses import dataclass

from ipa.optimizer.answer import Choice, pick_options
from ipa.optimizer.labels.columns import Columns, Ints, columns_of, drop_dominated
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.improve import improve
from ipa.optimizer.labels.label_search import candidates
from ipa.optimizer.labels.labels import MOST_LABELS, Search
from ipa.optimizer.labels.relaxation import Bound, tightest
from ipa.optimizer.problem import Problem
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.tolerance import tie


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is left to decide.

    Parameters
    ----------
    columns
        Options that may be part of a best plan.
    bound
        Upper bound on the objective.
    limit
        Latency limit in ticks.
    best
        Best choice known, as positions in the columns.
    """

    columns: Columns
    bound: Bound
    limit: float
    best: Ints

    @property
    def known(self) -> float:
        """Objective of the best choice known."""
        return self.columns.value(self.best)

    def slop(self, value: float) -> float:
        """Return what objectives of about this value may be off by, from rounding."""
        return 1e-13 * max(1.0, abs(value), abs(self.bound.upper), self.bound.price * abs(self.limit))

    def choice(self) -> Choice:
        """Return the best choice known as option indices."""
        return self.columns.choice(self.best)


def reduce_problem(problem: Problem) -> Reduction | None:
    """Drop beaten options, bound the objective and find a good choice; None if no plan keeps the SLA."""
    if not all(problem.options):
        return None
    everything = columns_of(problem)
    if not problem.feasible(pick_options(problem, everything.choice(everything.fastest()))):
        return None
    columns = drop_dominated(everything)
    limit = float(problem.ticks.limit)
    bound = tightest(columns, limit)
    best = bound.fast
    if bound.slow is not None:
        losses = bound.relaxation.losses()
        starts = (improve(columns, start, limit, losses) for start in (bound.fast, bound.slow))
        best = max((choice for choice in starts if choice is not None), key=columns.value)
    return Reduction(columns, bound, limit, best)


def best_of(
    problem: Problem, reduction: Reduction, known: float, until: float, most: int = MOST_LABELS
) -> Choice:
    """Return the first in the total order of the choices tied with the best one.

    Parameters
    ----------
    problem
        What there is to choose from.
    reduction
        What is left to decide.
    known
        An objective that some choice reaches.
    until
        ``time.perf_counter()`` at which to give up.
    most
        Labels of one stage at which to give up.

    Raises
    ------
    LabelsExceededError
        If the label budget or the deadline is exceeded, or no choice reaches ``known``.
    """
    slop = reduction.slop(known)
    floor = known - tie(known) - 2 * slop
    columns, bound = reduction.columns, reduction.bound
    if columns.additive:
        allowed = bound.relaxation.losses() <= bound.upper - floor
        columns = columns.kept(allowed & columns.present)
    found = candidates(Search(problem, columns, bound, reduction.limit, floor, until, slop, most))
    first = best_choice(problem, found)
    if first is None:
        raise LabelsExceededError
    return first


def best_choice(problem: Problem, choices: Iterable[Choice]) -> Choice | None:
    """Return the first in the total order of the best of some choices; None if none is feasible."""
    options = {choice: pick_options(problem, choice) for choice in choices}
    values = {choice: problem.value(o) for choice, o in options.items() if problem.feasible(o)}
    if not values:
        return None
    best = max(values.values())
    return first_in_order(problem, (choice for choice, value in values.items() if value >= best - tie(best)))
