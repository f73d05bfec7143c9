"""The decision solved by HiGHS or CBC through PuLP."""

import logging
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ipa.errors import SolverUnavailableError
from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.solvers.highs import print_banner_unseen
from ipa.optimizer.solvers.milp import Milp, milp_of
from ipa.optimizer.solvers.tie_breaking import Claim, TimeLeft, solve_by_search
from ipa.optimizer.tolerance import SOLVER

_GRACE_S = 1.0
# CBC's integer preprocessing calls wrong plans optimal (tests/optimizer/test_disagreements.py holds one).
_CBC_OPTIONS = f"-preprocess off -ratio 0 -allow 0 -increment 0 -primalT {SOLVER} -dualT {SOLVER}"
log = logging.getLogger("ipa.optimizer")


def solve_pulp(problem: Problem, deadline_s: float) -> Answer:
    """Solve with HiGHS; with CBC if HiGHS cannot be used.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.
    """
    started = time.perf_counter()
    try:
        return _name_solver(solve_highs(problem, deadline_s), "pulp-highs")
    except SolverUnavailableError as error:
        note = f"pulp-cbc instead of pulp-highs: {error}"
        log.warning("solver pulp: %s", note)
    left_s = max(0.1, deadline_s - (time.perf_counter() - started))
    return _name_solver(solve_cbc(problem, left_s), "pulp-cbc", note)


def solve_highs(problem: Problem, deadline_s: float) -> Answer:
    """Solve with HiGHS through PuLP to a gap of 0.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.

    Raises
    ------
    SolverUnavailableError
        If highspy is missing or fails.
    """
    return solve_by_search(problem, deadline_s, partial(_search, problem, "HiGHS", _run_highs))


def solve_cbc(problem: Problem, deadline_s: float) -> Answer:
    """Solve with CBC through PuLP to a gap of 0; the process is killed a second after the deadline.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.

    Raises
    ------
    SolverUnavailableError
        If there is no CBC executable, or it fails.
    """
    return solve_by_search(problem, deadline_s, partial(_search, problem, "CBC", _run_cbc))


def cbc_path() -> str | None:
    """Return the CBC executable: the one that comes with PuLP, else one on the PATH."""
    import pulp

    bundled = getattr(getattr(pulp, "PULP_CBC_CMD", None), "pulp_cbc_path", None)
    return str(bundled) if bundled and Path(bundled).exists() else shutil.which("cbc")


def _name_solver(answer: Answer, solver: str, note: str = "") -> Answer:
    return replace(answer, solver=solver, note="; ".join(text for text in (note, answer.note) if text))


def _search(problem: Problem, name: str, run: Callable[[Any, float], float], left_s: TimeLeft) -> Claim:
    import pulp

    milp = milp_of(problem)
    program, variables = _program(milp)
    search_s = run(program, max(0.01, left_s()))
    found = program.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
    infeasible = pulp.LpSolutionInfeasible == program.sol_status or program.status == pulp.LpStatusInfeasible
    proven = infeasible or program.sol_status == pulp.LpSolutionOptimal
    values = [variable.varValue or 0.0 for variable in variables]
    return Claim(name, milp.choice(values) if found else None, proven, _bound(program), search_s)


def _bound(program: Any) -> float:
    """Return the upper bound that HiGHS proved; CBC does not hand its own over."""
    model: Any = getattr(program, "solverModel", None)
    # PuLP has HiGHS minimise the negative objective.
    return math.nan if model is None else -float(model.getInfo().mip_dual_bound)


def _program(milp: Milp) -> tuple[Any, list[Any]]:
    import pulp

    program = pulp.LpProblem("decision", pulp.LpMaximize)
    variables = [
        program.add_variable(
            f"x{number}", 0, upper, pulp.LpBinary if number < milp.binaries else pulp.LpContinuous
        )
        for number, upper in enumerate(milp.uppers)
    ]
    program.setObjective(pulp.LpAffineExpression(zip(variables, milp.objective, strict=True)))
    for row in milp.rows:
        terms = zip((variables[number] for number in row.variables), row.coefficients, strict=True)
        if row.lower == row.upper:
            sense, bound = pulp.LpConstraintEQ, row.upper
        elif math.isfinite(row.upper):
            sense, bound = pulp.LpConstraintLE, row.upper
        else:
            sense, bound = pulp.LpConstraintGE, row.lower
        program.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), sense, rhs=bound))
    return program, variables


def _run_highs(program: Any, limit_s: float) -> float:
    """Run HiGHS in this process; return the seconds that it took itself."""
    import pulp

    print_banner_unseen()
    solver = pulp.HiGHS(
        msg=False,
        timeLimit=limit_s,
        gapRel=0.0,
        gapAbs=SOLVER,
        mip_feasibility_tolerance=SOLVER,
        primal_feasibility_tolerance=SOLVER,
        dual_feasibility_tolerance=SOLVER,
    )
    try:
        program.solve(solver)
    except pulp.PulpSolverError as error:
        raise SolverUnavailableError(
            f"HiGHS failed: {error}; reinstall it with: pip install highspy"
        ) from error
    return float(program.solverModel.getRunTime())


def _run_cbc(program: Any, limit_s: float) -> float:
    """Run CBC as a process of its own (PuLP would wait for it without an end); return the seconds it took."""
    import pulp

    path = cbc_path()
    if path is None:
        raise SolverUnavailableError("there is no CBC executable; install it with: pip install pulp[cbc]")
    with tempfile.TemporaryDirectory(prefix="ipa-cbc-") as folder:
        model, solution = Path(folder, "decision.mps"), Path(folder, "decision.sol")
        variables, variable_names, row_names, _ = program.writeMPS(str(model), rename=1)
        options = f"-max -sec {limit_s} -timeMode elapsed {_CBC_OPTIONS}"
        command = [path, str(model), *options.split(), "-solve", "-solution", str(solution)]
        started = time.perf_counter()
        try:
            subprocess.run(command, timeout=limit_s + _GRACE_S, capture_output=True, check=True)  # noqa: S603
        except subprocess.TimeoutExpired:
            return time.perf_counter() - started
        except (subprocess.CalledProcessError, OSError) as error:
            raise SolverUnavailableError(f"CBC at {path} failed: {error}; use solver exact") from error
        search_s = time.perf_counter() - started
        status, values, *_, solution_status = pulp.COIN_CMD(path=path).readsol_MPS(
            str(solution), program, variables, variable_names, row_names
        )
        program.assignVarsVals(values)
        program.assignStatus(status, solution_status)
    return search_s
