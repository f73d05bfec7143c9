"""The best solver that works here."""

import logging
import time
from dataclasses import replace
from functools import lru_cache

from ipa.errors import MissingExtraError, SolverUnavailableError
from ipa.optimizer.answer import Answer, Solver
from ipa.optimizer.problem import Problem
from ipa.optimizer.solvers.exact import solve_exact
from ipa.optimizer.solvers.gurobi import solve_gurobi
from ipa.optimizer.solvers.pulp import solve_cbc, solve_highs

ORDER: tuple[tuple[str, Solver], ...] = (
    ("gurobi", solve_gurobi),
    ("pulp-highs", solve_highs),
    ("pulp-cbc", solve_cbc),
)
"""Solvers in the order in which they are tried; ``exact``, which always works, comes after them."""

log = logging.getLogger("ipa.optimizer")


def solve_auto(problem: Problem, deadline_s: float) -> Answer:
    """Solve with Gurobi if its licence allows this problem, else with HiGHS, else with CBC, else exactly.

    Graphs are solved exactly.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Wall time in seconds for all attempts together.

    Returns
    -------
    Answer
        The answer of the first solver that works; the note says which ones did not, and why.
    """
    if problem.edges:
        answer = solve_exact(problem, deadline_s)
        return replace(answer, solver=answer.solver or "exact")
    until = time.perf_counter() + deadline_s
    notes: list[str] = []
    for name, solver in ORDER:
        try:
            answer = solver(problem, max(0.1, until - time.perf_counter()))
        except (MissingExtraError, SolverUnavailableError) as error:
            notes.append(f"{name} cannot be used: {error}")
            _tell(f"solver auto: {notes[-1]}; trying the next solver")
        else:
            return _note(answer, name, notes)
    return _note(solve_exact(problem, max(0.1, until - time.perf_counter())), "exact", notes)


def _note(answer: Answer, solver: str, notes: list[str]) -> Answer:
    return replace(answer, solver=solver, note="; ".join([*notes, *([answer.note] if answer.note else [])]))


@lru_cache(maxsize=1024)
def _tell(line: str) -> None:
    """Log a line once a process: a control loop decides every few seconds."""
    log.warning(line)
