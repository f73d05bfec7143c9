"""The best plan that is known without a solver, and an upper bound: what no answer may be worse than."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ipa.optimizer.answer import Answer, Choice, fastest, pick_options
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.reduction import Reduction, best_of, reduce_problem
from ipa.optimizer.measured.search import solve_by_combination
from ipa.optimizer.problem import Objective, Option, Problem
from ipa.pipeline.accuracy import METRICS

_MOST_ROUNDS = 30
_CHEAPEST_S = 0.1
_COMBINATIONS_S = 0.1
_CHEAPEST = Objective(METRICS["mean"], alpha=0.0, beta=1.0, delta=0.0)

Value = Callable[[Sequence[Option]], float]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a problem without a solver.

    Parameters
    ----------
    choice
        A good plan that keeps all limits; None if none was found: then there is none, but
        perhaps in a graph with a limit of cores.
    bound
        Upper bound on the objective of any plan; NaN where there is none without a search (in a graph).
    reduction
        What is left to decide; None in a graph, by measured accuracy, or if no plan keeps the SLA.
    """

    choice: Choice | None
    bound: float
    reduction: Reduction | None


def best_known(problem: Problem, start: Choice | None = None) -> Known:
    """Return a good plan that keeps all limits, and an upper bound on the objective of any.

    Parameters
    ----------
    problem
        What there is to choose from; every stage has an option.
    start
        A plan that keeps the limits, to start from as well.

    Returns
    -------
    Known
        What is known.
    """
    if problem.objective.metric.tabular:
        return _known_by_combination(problem, start)
    reduction = None if problem.edges else reduce_problem(replace(problem, max_cores=None))
    bound = math.nan if reduction is None else reduction.bound.upper
    starts = [start, fastest(problem), None if reduction is None else reduction.choice()]
    if problem.max_cores is not None:
        starts.append(_cheap(problem))
    good = [
        choice for choice in starts if choice is not None and problem.feasible(pick_options(problem, choice))
    ]
    if problem.edges or problem.max_cores is not None:
        good += [_improve(problem, choice, problem.value) for choice in set(good)]
    best = max(good, key=lambda choice: problem.value(pick_options(problem, choice)), default=None)
    return Known(best, bound, reduction)


def _known_by_combination(problem: Problem, start: Choice | None) -> Known:
    answer = solve_by_combination(problem, _COMBINATIONS_S, _know_rest)
    good = [choice for choice in (answer.choice, start) if choice is not None]
    good = [choice for choice in good if problem.feasible(pick_options(problem, choice))]
    best = max(good, key=lambda choice: problem.value(pick_options(problem, choice)), default=None)
    bound = problem.value(pick_options(problem, best)) if answer.proven and best is not None else answer.bound
    return Known(best, bound, None)


def _know_rest(rest: Problem, deadline_s: float) -> Answer:  # noqa: ARG001 (the signature of a solver)
    known = best_known(rest)
    return Answer(known.choice, proven=False, bound=known.bound)


def _cheap(problem: Problem) -> Choice | None:
    """Return a cheap plan within the SLA, of a chain the cheapest (or a good one, if that takes too long)."""
    asked = replace(problem, objective=_CHEAPEST, max_cores=None)
    if not problem.edges:
        reduction = reduce_problem(asked)
        return None if reduction is None else _best_of(asked, reduction)
    start = fastest(asked)
    return _improve(asked, start, asked.value) if asked.feasible(pick_options(asked, start)) else None


def _best_of(problem: Problem, reduction: Reduction) -> Choice:
    try:
        return best_of(problem, reduction, reduction.known, time.perf_counter() + _CHEAPEST_S)
    except LabelsExceededError:
        return reduction.choice()


def _improve(problem: Problem, choice: Choice, value: Value) -> Choice:
    """Change one stage at a time for as long as that helps."""
    for _ in range(_MOST_ROUNDS):
        others = [choice, *_one_away(problem, choice)]
        better = max(others, key=lambda other: value(pick_options(problem, other)))
        if value(pick_options(problem, better)) <= value(pick_options(problem, choice)):
            break
        choice = better
    return choice


def _one_away(problem: Problem, choice: Choice) -> Iterable[Choice]:
    for stage, options in enumerate(problem.options):
        for index in range(len(options)):
            other = (*choice[:stage], index, *choice[stage + 1 :])
            if problem.feasible(pick_options(problem, other)):
                yield other
