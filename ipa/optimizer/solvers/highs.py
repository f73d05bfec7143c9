"""The decision solved by HiGHS, handed its model as arrays."""

import os
import sys
import time
from functools import lru_cache
from typing import Any

import numpy as np

from ipa.errors import SolverUnavailableError
from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.solvers.milp import Milp, milp_of
from ipa.optimizer.solvers.tie_breaking import Claim, TimeLeft, solve_by_search
from ipa.optimizer.tolerance import SOLVER

_MIN_LIMIT_S = 0.01


def solve_highs_directly(problem: Problem, deadline_s: float) -> Answer:
    """Solve with HiGHS, without PuLP, to a gap of 0.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.

    Raises
    ------
    SolverUnavailableError
        If highspy is missing or refuses the model.
    """
    print_banner_unseen()
    highspy = highspy_module()
    return solve_by_search(problem, deadline_s, lambda left_s: _search(highspy, problem, left_s))


def _search(highspy: Any, problem: Problem, left_s: TimeLeft) -> Claim:
    milp = milp_of(problem)
    model = highspy.Highs()
    _set_options(model, max(_MIN_LIMIT_S, left_s()))
    if model.passModel(_arrays(highspy, milp)) == highspy.HighsStatus.kError:
        raise SolverUnavailableError("HiGHS refused the model; use solver exact or pulp")
    started = time.perf_counter()
    model.run()
    search_s = time.perf_counter() - started
    status, solution = model.getModelStatus(), model.getSolution()
    proven = status in (
        highspy.HighsModelStatus.kOptimal,
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    )
    found = model.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    choice = milp.choice(list(solution.col_value)) if found else None
    return Claim("HiGHS", choice, proven, model.getInfo().mip_dual_bound, search_s)


def highspy_module() -> Any:
    """Import highspy."""
    try:
        import highspy
    except ImportError as error:
        raise SolverUnavailableError("HiGHS is missing; install it with: pip install highspy") from error
    return highspy


@lru_cache(maxsize=1)
def print_banner_unseen() -> None:
    """Have HiGHS print its banner, once a process and whatever its options say, to nowhere."""
    highspy = highspy_module()
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 (os.devnull is a name, not a path)
        os.dup2(nowhere.fileno(), 1)
        try:
            highspy.Highs()
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _set_options(model: Any, limit_s: float) -> None:
    for name, value in {
        "output_flag": False,
        "time_limit": limit_s,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": SOLVER,
        "mip_feasibility_tolerance": SOLVER,
        "primal_feasibility_tolerance": SOLVER,
        "dual_feasibility_tolerance": SOLVER,
    }.items():
        model.setOptionValue(name, value)


def _arrays(highspy: Any, milp: Milp) -> Any:
    """Return the model as HiGHS takes it: rows one after the other."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(milp.objective), len(milp.rows)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_, lp.col_upper_ = np.array(milp.objective), np.array(milp.uppers)
    lp.col_lower_ = np.zeros(len(milp.objective))
    lp.row_lower_ = np.array([row.lower for row in milp.rows])
    lp.row_upper_ = np.array([row.upper for row in milp.rows])
    continuous = len(milp.objective) - milp.binaries
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger] * milp.binaries + [kinds.kContinuous] * continuous
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(row.variables) for row in milp.rows)], dtype=np.int32)
    lp.a_matrix_.index_ = np.array([n for row in milp.rows for n in row.variables], dtype=np.int32)
    lp.a_matrix_.value_ = np.array([c for row in milp.rows for c in row.coefficients], dtype=np.float64)
    return lp
