"""Checks what a mixed-integer solver answers against what is known anyway, and breaks its ties.

A solver works with numbers that may be off by a tolerance, and may be stopped by its deadline. Its choice is
compared with the best one known (``ipa.optimizer.known``), replaced by the first in the total order among
those tied with it, and called optimal only if it claims so, keeps all limits exactly, and nothing better
turns up.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ipa.optimizer.answer import Answer, Choice, fastest, impossible, pick_options
from ipa.optimizer.known import Known, best_known
from ipa.optimizer.labels.core_limit import solve_within_cores
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.labels.reduction import best_of
from ipa.optimizer.measured.search import solve_by_combination
from ipa.optimizer.problem import Problem
from ipa.optimizer.tolerance import HAIR, solver_error

TIE_BREAK_S = 0.5
"""Time kept for checking and breaking ties, at most."""

TIE_BREAK_SHARE = 0.2
"""The same as a share of the deadline."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a solver says.

    Parameters
    ----------
    solver
        Its name, for notes.
    choice
        What it chose; None if it found nothing.
    proven
        Whether it claims to have proven the choice optimal, or the problem infeasible.
    bound
        Upper bound on the objective that it proved; NaN if there is none.
    search_s
        Wall time in seconds that it took itself.
    """

    solver: str
    choice: Choice | None
    proven: bool
    bound: float = math.nan
    search_s: float = 0.0


TimeLeft = Callable[[], float]
"""Seconds that are left to search."""


def solve_by_search(problem: Problem, deadline_s: float, search: Callable[[TimeLeft], Claim]) -> Answer:
    """Have a solver search, keep the time that its claim needs to be checked, and settle it.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Wall time in seconds for everything.
    search
        Builds the solver's model and runs it; not called if one look shows that there is no plan.
    """
    if impossible(problem):
        return Answer(None, proven=True)
    started = time.perf_counter()
    until = started + deadline_s
    search_until = until - min(TIE_BREAK_S, TIE_BREAK_SHARE * deadline_s)
    claim = search(lambda: search_until - time.perf_counter())
    build_s = time.perf_counter() - started - claim.search_s
    return replace(settle(problem, claim, until), build_s=build_s, search_s=claim.search_s)


def settle(problem: Problem, claim: Claim, until: float) -> Answer:
    """Return the answer that a solver's claim leads to.

    The value of the solver's own choice stays in the answer where only its ties are broken.

    Parameters
    ----------
    problem
        What there is to choose from; not ``impossible``.
    claim
        What the solver says.
    until
        ``time.perf_counter()`` of the deadline.
    """
    if claim.choice is None or not problem.feasible(pick_options(problem, claim.choice)):
        return _replace(problem, claim, until)
    return _compare(problem, claim, claim.choice, until)


def _compare(problem: Problem, claim: Claim, own: Choice, until: float) -> Answer:
    """Answer where a solver chose a plan that keeps the limits."""
    known = best_known(problem, own)
    value, good = _value(problem, own), known.choice or own
    first = _first(problem, known, max(value, _value(problem, good)), until)
    best = good if first is None else first
    better = _value(problem, best) - value
    bound = _least(claim.bound, known.bound, _value(problem, best))
    if better > solver_error(value):
        how = "claimed its plan to be optimal" if claim.proven else "ran into its deadline"
        note = f"{claim.solver} {how}; a plan better by {_percent(better, value)} is known"
        return Answer(best, proven=False, note=note, bound=bound)
    if not claim.proven:
        return Answer(best, proven=False, note=f"{claim.solver} ran into its deadline", bound=bound)
    if first is None:
        note = "" if problem.edges else "too many ties to look for the first one"
        return Answer(own, proven=True, note=note, objective=value)
    return Answer(first, proven=True, objective=value)


def _replace(problem: Problem, claim: Claim, until: float) -> Answer:
    """Answer where a solver has no choice that keeps the limits."""
    known, what = best_known(problem), _what(problem, claim)
    if known.choice is None:
        decided = problem.max_cores is None or not problem.edges
        proven = decided or (claim.proven and claim.choice is None)
        return Answer(None, proven, note="" if proven else what)
    first = _first(problem, known, _value(problem, known.choice), until)
    # A solver that is off by less than it can tell is not wrong, and labels prove what it could not.
    if first is not None and claim.proven and _by_a_hair(problem, claim.choice):
        return Answer(first, proven=True, note=f"{what}, by less than it can tell; labels proved this one")
    best = known.choice if first is None else first
    note = f"{what}; this is {'a good' if first is None else 'the best'} one"
    bound = _least(claim.bound, known.bound, _value(problem, best))
    return Answer(best, proven=False, note=note, bound=bound)


def _what(problem: Problem, claim: Claim) -> str:
    if claim.choice is None:
        if claim.proven:
            return f"{claim.solver} claimed that no plan keeps the limits"
        return f"{claim.solver} found no plan before its deadline"
    options = pick_options(problem, claim.choice)
    if problem.fits_cores(options):
        return f"{claim.solver} chose a plan that takes {problem.latency_s(options):.12g} s, above the SLA"
    cores = sum(option.cost_cores for option in options)
    return f"{claim.solver} chose a plan of {cores:,} cores, above their limit"


def _by_a_hair(problem: Problem, choice: Choice | None) -> bool:
    """Whether a choice misses the SLA by less than a solver can tell; of none, whether all but miss it."""
    if choice is None:
        return not _move_sla(problem, -HAIR).keeps_sla(pick_options(problem, fastest(problem)))
    options = pick_options(problem, choice)
    return problem.fits_cores(options) and _move_sla(problem, HAIR).keeps_sla(options)


def _move_sla(problem: Problem, share: float) -> Problem:
    return replace(problem, sla_s=problem.sla_s * (1 + share))


def _first(problem: Problem, known: Known, reached: float, until: float) -> Choice | None:
    """Return the first of the best plans, all ties looked at; None if that takes too long, or in a graph."""
    if problem.objective.metric.tabular:
        answer = solve_by_combination(problem, until - time.perf_counter(), _decide_rest)
        return answer.choice if answer.proven else None
    if known.reduction is None or known.choice is None:
        return None
    if problem.max_cores is not None:
        answer = solve_within_cores(problem, known.choice, known.bound, until)
        return answer.choice if answer.proven else None
    try:
        floor = max(reached - _rounding(problem), known.reduction.known)
        return best_of(problem, known.reduction, floor, until)
    except LabelsExceededError:
        return None


def _decide_rest(rest: Problem, deadline_s: float) -> Answer:
    """Decide what the variants of a combination leave open; without a proof where that takes too long."""
    known, until = best_known(rest), time.perf_counter() + deadline_s
    if known.choice is None:
        return Answer(None, proven=rest.max_cores is None or not rest.edges)
    first = _first(rest, known, _value(rest, known.choice), until)
    return Answer(first or known.choice, proven=first is not None, bound=known.bound)


def _rounding(problem: Problem) -> float:
    """Return by how much less labels may value a choice than it is worth: sums that they add are rounded."""
    weights, stages = problem.objective, len(problem.options)
    largest = max(
        weights.alpha * option.score + weights.beta * option.cost_cores + weights.batch_weight * option.batch
        for options in problem.options
        for option in options
    )
    return 4 * stages * math.ulp(stages * largest)


def _value(problem: Problem, choice: Choice) -> float:
    return problem.value(pick_options(problem, choice))


def _least(bound: float, upper: float, value: float) -> float:
    """Return the lowest of the upper bounds that are known, never below a value that is reached."""
    finite = [number for number in (bound, upper) if math.isfinite(number)]
    return max(min(finite), value) if finite else math.nan


def _percent(better: float, value: float) -> str:
    return f"{100 * better / abs(value):.3g} %" if value else f"{better:.3g}"
