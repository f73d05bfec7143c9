"""The solvers behind one function.

A solver of your own is one function from (problem, deadline in seconds) to an ``Answer`` and one line::

    SOLVERS.register("mine", solve_mine)
"""

import math
import time

from ipa.optimizer.answer import Answer, Solver, picked
from ipa.optimizer.auto import solve_auto
from ipa.optimizer.brute_force import solve_brute_force
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.exact import solve_exact
from ipa.optimizer.gurobi import solve_gurobi
from ipa.optimizer.problem import Problem
from ipa.optimizer.pulp import solve_cbc, solve_highs, solve_pulp
from ipa.registry import Registry

DEADLINE_S = 10.0
"""Wall time that a solver may take by default."""

SOLVERS: Registry[Solver] = Registry("solver")
SOLVERS.register("exact", solve_exact)
SOLVERS.register("brute-force", solve_brute_force)
SOLVERS.register("gurobi", solve_gurobi)
SOLVERS.register("pulp", solve_pulp)
SOLVERS.register("pulp-highs", solve_highs)
SOLVERS.register("pulp-cbc", solve_cbc)
SOLVERS.register("auto", solve_auto)


def solve(problem: Problem, solver: str = "exact", deadline_s: float = DEADLINE_S) -> Decision:
    """Choose the best plan.

    Parameters
    ----------
    problem
        What there is to choose from.
    solver
        Name in ``SOLVERS``.
    deadline_s
        Wall time in seconds after which a solver has to answer with what it has.

    Returns
    -------
    Decision
        The plan and whether it was proven optimal; the best effort if no plan keeps the SLA.

    Raises
    ------
    UnknownNameError
        If there is no such solver.
    MissingExtraError
        If the solver needs a package that is not installed.
    SolverUnavailableError
        If the solver has no valid licence here or the problem exceeds its size limit.
    """
    run = SOLVERS[solver]
    started = time.perf_counter()
    answer = run(problem, deadline_s)
    return _decision(problem, answer, answer.solver or solver, time.perf_counter() - started)


def _decision(problem: Problem, answer: Answer, solver: str, solve_s: float) -> Decision:
    if answer.choice is None:
        return Decision(
            plan=problem.plan(problem.best_effort),
            objective=math.nan,
            status=Status.INFEASIBLE,
            solver=solver,
            solve_s=solve_s,
            note=answer.note,
        )
    options = picked(problem, answer.choice)
    return Decision(
        plan=problem.plan(options),
        objective=problem.value(options) if answer.objective is None else answer.objective,
        status=Status.OPTIMAL if answer.proven else Status.FEASIBLE,
        solver=solver,
        solve_s=solve_s,
        note=answer.note,
    )
