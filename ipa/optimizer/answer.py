"""What a solver hands back to ``solve``, which turns it into a Decision."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ipa.optimizer.problem import Option, Problem

Choice = tuple[int, ...]
"""Index of the chosen option of each stage."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one solver.

    Parameters
    ----------
    choice
        Option index of each stage; None if the solver found no plan that keeps the SLA.
    proven
        Whether the solver proved the choice optimal, or the problem infeasible if there is no choice.
    note
        What a user should know, for example which solver was fallen back to.
    solver
        Name of the solver that really answered, if it is not the one that was asked.
    objective
        Objective of the solver's own choice, before ties were broken; that of ``choice`` if None.
    bound
        No plan has an objective above this; NaN if that is not known. Of a proven choice it is its objective.
    build_s
        Wall time in seconds to build the solver's model and hand it over; 0 if there is none.
    search_s
        Wall time in seconds that the solver itself took; the rest is building and breaking ties. None if
        everything is search.
    """

    choice: Choice | None
    proven: bool
    note: str = ""
    solver: str = ""
    objective: float | None = None
    bound: float = math.nan
    build_s: float = 0.0
    search_s: float | None = None


Solver = Callable[[Problem, float], Answer]
"""(problem, deadline in seconds) -> answer."""


def pick_options(problem: Problem, choice: Sequence[int]) -> tuple[Option, ...]:
    """Return the options that a choice of indices stands for."""
    return tuple(options[index] for options, index in zip(problem.options, choice, strict=True))


def fastest(problem: Problem) -> Choice:
    """Return the fastest option of every stage; of those the cheapest."""
    return tuple(
        min(range(len(stage)), key=lambda index: (stage[index].total_s, stage[index].cost_cores))
        for stage in problem.options
    )


def impossible(problem: Problem) -> bool:
    """Whether one look shows that no plan keeps the limits: no options, too slow at best, or too dear.

    Without a limit of cores, a problem that passes has a plan: the fastest one. With one, the fast plans may
    be too dear and the cheap ones too slow.
    """
    if not all(problem.options):
        return True
    least_cores = sum(min(option.cost_cores for option in stage) for stage in problem.options)
    if problem.max_cores is not None and least_cores > problem.max_cores:
        return True
    return not problem.keeps_sla(pick_options(problem, fastest(problem)))
