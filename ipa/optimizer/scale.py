"""One scale for the weights of the objective: only their ratio decides."""

from dataclasses import replace
from functools import wraps

from ipa.optimizer.answer import Answer, Solver
from ipa.optimizer.problem import Problem


def at_unit_scale(solver: Solver) -> Solver:
    """Return a solver that sees every problem with weights divided by ``Objective.unit``.

    Tolerances of solvers are absolute; with one core worth 1 they mean the same for all weights. What the
    solver answers is brought back to the scale that was asked for.
    """

    @wraps(solver)
    def solve(problem: Problem, deadline_s: float) -> Answer:
        unit = problem.objective.unit
        if unit == 1:
            return solver(problem, deadline_s)
        answer = solver(problem.at_unit_scale(), deadline_s)
        objective = None if answer.objective is None else answer.objective * unit
        return replace(answer, objective=objective, bound=answer.bound * unit)

    return solve
