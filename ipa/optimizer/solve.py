"""The solvers behind one function.

A solver of your own is one function from (problem, deadline in seconds) to an ``Answer`` and one line::

    SOLVERS.register("mine", solve_mine)
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from ipa.optimizer.answer import Answer, Solver, pick_options
from ipa.optimizer.best_effort import best_effort
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.known import best_known
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.reasons import why_infeasible
from ipa.optimizer.scale import at_unit_scale
from ipa.optimizer.solvers.auto import solve_auto
from ipa.optimizer.solvers.brute_force import solve_brute_force
from ipa.optimizer.solvers.exact import solve_exact
from ipa.optimizer.solvers.gurobi import solve_gurobi
from ipa.optimizer.solvers.gurobi_nonlinear import solve_gurobi_nonlinear
from ipa.optimizer.solvers.highs import solve_highs_directly
from ipa.optimizer.solvers.pulp import solve_cbc, solve_highs, solve_pulp
from ipa.optimizer.tolerance import solver_error
from ipa.pipeline.plan import Plan
from ipa.registry import Registry

DEFAULT_DEADLINE_S = 10.0
"""Wall time that a solver may take by default."""

SOLVERS: Registry[Solver] = Registry("solver")
for _name, _solver in {
    "exact": solve_exact,
    "brute-force": solve_brute_force,
    "gurobi": solve_gurobi,
    "gurobi-nonlinear": solve_gurobi_nonlinear,
    "highs": solve_highs_directly,
    "pulp": solve_pulp,
    "pulp-highs": solve_highs,
    "pulp-cbc": solve_cbc,
    "auto": solve_auto,
}.items():
    SOLVERS.register(_name, at_unit_scale(_solver))


def solve(problem: Problem, solver: str = "exact", deadline_s: float = DEFAULT_DEADLINE_S) -> Decision:
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
    InvalidValueError
        If the stages form a graph and the solver takes chains only.
    MissingExtraError
        If the solver needs a package that is not installed.
    SolverUnavailableError
        If the solver has no valid licence here or the problem exceeds its size limit.
    """
    run = SOLVERS[solver]
    started = time.perf_counter()
    answer = _check(problem, run(problem, deadline_s))
    return _decision(problem, answer, answer.solver or solver, time.perf_counter() - started)


def _check(problem: Problem, answer: Answer) -> Answer:
    """Check an answer from first principles: what it claims holds, or the answer says that it does not."""
    if answer.choice is None:
        return answer
    options = pick_options(problem, answer.choice)
    if not problem.feasible(options):
        known = best_known(problem).choice if all(problem.options) else None
        note = _join(answer.note, "the solver's plan breaks a limit; replaced by a good one that does not")
        return Answer(known, proven=False, note=note)
    value = problem.value(options)
    claimed = value if answer.objective is None else answer.objective
    if abs(claimed - value) <= solver_error(value):
        return answer
    note = _join(answer.note, f"the solver claimed {claimed:.9g} for a plan worth {value:.9g}")
    return replace(answer, objective=value, proven=False, bound=math.nan, note=note)


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _decision(problem: Problem, answer: Answer, solver: str, solve_s: float) -> Decision:
    options = None if answer.choice is None else pick_options(problem, answer.choice)
    objective = _objective(problem, answer, options)
    bound = objective if answer.proven else answer.bound
    chosen = best_effort(problem) if options is None else options
    return Decision(
        plan=problem.plan(chosen) if chosen else Plan(()),
        objective=objective,
        status=_status(answer),
        solver=solver,
        solve_s=solve_s,
        note=answer.note,
        build_s=answer.build_s,
        search_s=solve_s - answer.build_s if answer.search_s is None else answer.search_s,
        bound=bound,
        gap=bound - objective,
        why=why_infeasible(problem) if options is None else "",
    )


def _objective(problem: Problem, answer: Answer, options: Sequence[Option] | None) -> float:
    if options is None:
        return math.nan
    return problem.value(options) if answer.objective is None else answer.objective


def _status(answer: Answer) -> Status:
    if answer.choice is None:
        return Status.INFEASIBLE
    return Status.OPTIMAL if answer.proven else Status.FEASIBLE
