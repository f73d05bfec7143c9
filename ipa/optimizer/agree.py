"""Gives a solver's own choice its place in the total order of ties, and notices when it was not the best."""

import time

from ipa.optimizer.answer import Answer, Choice, picked
from ipa.optimizer.exceeded import LabelsExceededError
from ipa.optimizer.problem import Problem
from ipa.optimizer.reduction import best_of, reduce_problem
from ipa.optimizer.tolerance import solver_error

_TIE_BREAK_S = 0.5


def agreed(problem: Problem, choice: Choice | None, proven: bool, solver: str, until: float) -> Answer:
    """Replace a choice by the first in the total order among those tied with it; in a graph, keep it.

    The value of the solver's own choice stays in the answer. If a plan turns up that is better by more than
    ``solver_error``, or the choice breaks the SLA, the answer is no longer proven and says why.

    Parameters
    ----------
    problem
        What there is to choose from.
    choice
        What the solver chose; None if it found nothing.
    proven
        Whether the solver claims to have proven it optimal, or the problem infeasible.
    solver
        Name of the solver, for notes.
    until
        ``time.perf_counter()`` of the deadline; breaking ties may take a little longer.
    """
    if problem.edges or problem.max_cores is not None:
        return _checked(problem, choice, proven, solver)
    if choice is None:
        return _nothing_found(problem, proven, solver)
    options = picked(problem, choice)
    if not problem.feasible(options):
        note = f"{solver} chose a plan that takes {problem.latency_s(options):.9g} s, above the SLA; replaced"
        return Answer(_first(problem, None, until), proven=False, note=note)
    own = problem.value(options)
    first = _first(problem, own, until)
    if first is None:
        return Answer(choice, proven, note="too many ties to look for the first one", objective=own)
    better = problem.value(picked(problem, first)) - own
    if better > solver_error(own):
        found = f"{solver} claimed {own:.9g} to be optimal" if proven else f"{solver} reached {own:.9g}"
        return Answer(first, proven=False, note=f"{found}; a plan better by {better:.3g} exists")
    return Answer(first, proven, objective=own, note="" if proven else f"{solver} ran into its deadline")


def _checked(problem: Problem, choice: Choice | None, proven: bool, solver: str) -> Answer:
    """Hand over what a solver found for a graph; if that breaks the SLA or is nothing, the fastest plan."""
    if choice is not None and problem.feasible(picked(problem, choice)):
        return Answer(choice, proven, note="" if proven else f"{solver} ran into its deadline")
    fastest = tuple(
        min(range(len(stage)), key=lambda index: stage[index].total_s) for stage in problem.options
    )
    if not problem.feasible(picked(problem, fastest)):
        return Answer(None, proven=True)
    claim = "claimed that no plan keeps the SLA" if proven else "found no plan before its deadline"
    if choice is not None:
        claim = f"chose a plan that takes {problem.latency_s(picked(problem, choice)):.9g} s, above the SLA"
    return Answer(fastest, proven=False, note=f"{solver} {claim}; this is the fastest one")


def _nothing_found(problem: Problem, proven: bool, solver: str) -> Answer:
    reduction = reduce_problem(problem)
    if reduction is None:
        return Answer(None, proven=True)
    claim = "claimed that no plan keeps the SLA" if proven else "found no plan before its deadline"
    return Answer(reduction.choice(), proven=False, note=f"{solver} {claim}; this is a good one")


def _first(problem: Problem, known: float | None, until: float) -> Choice | None:
    reduction = reduce_problem(problem)
    if reduction is None:
        return None
    until = max(until, time.perf_counter() + _TIE_BREAK_S)
    try:
        return best_of(problem, reduction, reduction.known if known is None else known, until)
    except LabelsExceededError:
        return None
