"""Every combination of options: the oracle of the other solvers."""

import itertools
import math

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import Answer, Choice, pick_options
from ipa.optimizer.problem import Problem
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.tolerance import tie

MAX_COMBINATIONS = 1_000_000


def solve_brute_force(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001 (the signature of a solver)
    """Try every combination.

    Parameters
    ----------
    problem
        What there is to choose from, with at most ``MAX_COMBINATIONS`` combinations.
    deadline_s
        Ignored: the number of combinations is the limit.

    Raises
    ------
    InvalidValueError
        If there are more combinations.
    """
    tied = tied_choices(problem)
    return Answer(first_in_order(problem, tied) if tied else None, proven=True)


def tied_choices(problem: Problem) -> list[Choice]:
    """Return every choice that keeps all limits and whose objective lies within ``tie`` of the best.

    Raises
    ------
    InvalidValueError
        If there are more than ``MAX_COMBINATIONS`` combinations.
    """
    combinations = math.prod(len(options) for options in problem.options)
    if combinations > MAX_COMBINATIONS:
        raise InvalidValueError(
            f"brute-force tries at most {MAX_COMBINATIONS:,} combinations and this problem has"
            f" {combinations:,}; use solver exact"
        )
    valued: list[tuple[float, Choice]] = []
    for choice in itertools.product(*(range(len(options)) for options in problem.options)):
        options = pick_options(problem, choice)
        if problem.feasible(options):
            valued.append((problem.value(options), choice))
    best = max((value for value, _ in valued), default=-math.inf)
    return [choice for value, choice in valued if value >= best - tie(best)]
