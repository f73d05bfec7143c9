"""What a solver hands back to ``solve``, which turns it into a Decision."""

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
    build_s: float = 0.0
    search_s: float | None = None


Solver = Callable[[Problem, float], Answer]
"""(problem, deadline in seconds) -> answer."""


def picked(problem: Problem, choice: Sequence[int]) -> tuple[Option, ...]:
    """Return the options that a choice of indices stands for."""
    return tuple(options[index] for options, index in zip(problem.options, choice, strict=True))
