"""Exact decisions without a solver: bounds, a good choice, and labels for what is left.

How the labels work stands in ``ipa.optimizer.labels``, what measured accuracies need in
``ipa.optimizer.measured``.
"""

import time
from dataclasses import replace

from ipa.optimizer.answer import Answer, pick_options
from ipa.optimizer.labels.core_limit import solve_within_cores
from ipa.optimizer.labels.deepening import Deepening, Outcome
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.labels import MOST_LABELS
from ipa.optimizer.labels.reduction import best_of, reduce_problem
from ipa.optimizer.measured.search import solve_by_combination
from ipa.optimizer.problem import Objective, Problem
from ipa.optimizer.solvers.graph import solve_graph

_LABELS_SHARE = 0.15
"""Share of the deadline after which plain labels give way to deepening."""

_FREE_SHARE = 0.3
"""Share of the deadline for each of two easier problems, where there is a limit of cores."""


def solve_exact(problem: Problem, deadline_s: float) -> Answer:
    """Find the first of the best plans, for every metric, in chains and in graphs.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Wall time in seconds; the best choice so far and its bound are returned after it.

    Returns
    -------
    Answer
        Proven optimal, proven infeasible, or the best plan known with an upper bound.

    Notes
    -----
    Kellerer, Pferschy and Pisinger, Knapsack Problems (2004), chapter 11, for the knapsack; Fisher, The
    Lagrangian relaxation method for solving integer programming problems (1981), for the bound; Horowitz and
    Sahni, Computing partitions with applications to the knapsack problem (1974), for the two halves.
    """
    if problem.objective.metric.tabular:
        return solve_by_combination(problem, deadline_s, solve_exact)
    if problem.edges:
        return solve_graph(problem, deadline_s)
    if problem.max_cores is not None:
        return _within_cores(problem, deadline_s)
    return _without_core_limit(problem, deadline_s)


def _without_core_limit(problem: Problem, deadline_s: float) -> Answer:
    started = time.perf_counter()
    reduction = reduce_problem(problem)
    if reduction is None:
        return Answer(None, proven=True)
    try:
        until = started + _LABELS_SHARE * deadline_s
        choice = best_of(problem, reduction, reduction.known, until, MOST_LABELS)
        return Answer(choice, proven=True)
    except LabelsExceededError:
        outcome = Deepening(problem, reduction, started + deadline_s).run()
        note = _note(outcome, late=time.perf_counter() >= started + deadline_s)
        return Answer(outcome.choice, outcome.proven, note=note, bound=outcome.upper)


def _within_cores(problem: Problem, deadline_s: float) -> Answer:
    """Decide without the limit of cores first, which most of the time does not bind."""
    until = time.perf_counter() + deadline_s
    free = _without_core_limit(replace(problem, max_cores=None), _FREE_SHARE * deadline_s)
    if free.choice is None or problem.fits_cores(pick_options(problem, free.choice)):
        return free
    cheap = Objective(problem.objective.metric, alpha=0.0, beta=1.0, delta=0.0)
    least = _without_core_limit(replace(problem, max_cores=None, objective=cheap), _FREE_SHARE * deadline_s)
    if least.choice is None or not problem.fits_cores(pick_options(problem, least.choice)):
        return Answer(None, least.proven, note=least.note)
    upper = problem.value(pick_options(problem, free.choice)) if free.proven else free.bound
    return solve_within_cores(problem, least.choice, upper, until)


def _note(outcome: Outcome, *, late: bool) -> str:
    if outcome.proven:
        return "" if outcome.all_ties else "too many ties to look for the first one"
    ended = "the deadline is reached" if late else "too many plans are worth nearly the same"
    return f"{ended}: a good plan, at most {outcome.upper - outcome.value:.3g} below the best"
