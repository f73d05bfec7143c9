"""The decision solved by Gurobi (optional)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from ipa.errors import MissingExtraError, SolverUnavailableError
from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.solvers.milp import Milp, milp_of
from ipa.optimizer.solvers.tie_breaking import Claim, TimeLeft, solve_by_search
from ipa.optimizer.tolerance import SOLVER

_BUNDLED_LIMIT = 2000
MOST_TRIED = 5000
"""Size up to which the limits of a licence are looked for."""

_FIXES = {
    10009: "check GRB_LICENSE_FILE (unset it to use the licence bundled with gurobipy) or run grbgetkey",
    10010: "use a full licence (free for academics: gurobi.com/academia) or solver exact or pulp",
}


def solve_gurobi(problem: Problem, deadline_s: float) -> Answer:
    """Solve with Gurobi to a gap of 0.

    Parameters
    ----------
    problem
        What there is to choose from.
    deadline_s
        Time limit in seconds.

    Raises
    ------
    MissingExtraError
        If gurobipy is not installed.
    SolverUnavailableError
        If there is no valid licence, or the model exceeds the size that the licence allows.
    """
    gurobipy = gurobi_module()
    return solve_by_search(problem, deadline_s, lambda left_s: _search(gurobipy, problem, left_s))


def _search(gurobipy: Any, problem: Problem, left_s: TimeLeft) -> Claim:
    milp = milp_of(problem)
    try:
        with gurobipy.Model(env=environment()) as model:
            variables = _fill(gurobipy, model, milp)
            model.Params.TimeLimit = max(0.0, left_s())
            model.optimize()
            status, found = model.Status, model.SolCount > 0
            values = [variable.X for variable in variables] if found else []
            search_s, bound = model.Runtime, model.ObjBound
    except gurobipy.GurobiError as error:
        size = f"{len(milp.objective)} variables and {len(milp.rows)} constraints"
        raise explain_failure(error, size) from error
    proven = status in (gurobipy.GRB.OPTIMAL, gurobipy.GRB.INFEASIBLE, gurobipy.GRB.INF_OR_UNBD)
    return Claim("Gurobi", milp.choice(values) if found else None, proven, bound, search_s)


def explain_failure(error: Exception, size: str) -> SolverUnavailableError:
    """Return what to raise for a Gurobi error on a model of some size."""
    fix = _FIXES.get(getattr(error, "errno", 0), "use solver exact or pulp")
    return SolverUnavailableError(f"Gurobi failed on {size}: {error}; {fix}")


def gurobi_module() -> Any:
    """Import gurobipy."""
    try:
        import gurobipy
    except ImportError as error:
        raise MissingExtraError("Gurobi (gurobipy)", "gurobi") from error
    return gurobipy


@lru_cache(maxsize=1)
def environment() -> Any:
    """Start the licence once a process; a failure is not remembered."""
    started = gurobi_module().Env(empty=True)
    for name, value in {
        "OutputFlag": 0,
        "MIPGap": 0.0,
        "MIPGapAbs": 0.0,
        "FeasibilityTol": SOLVER,
        "IntFeasTol": SOLVER,
        "OptimalityTol": SOLVER,
    }.items():
        started.setParam(name, value)
    started.start()
    return started


def _fill(gurobipy: Any, model: Any, milp: Milp) -> list[Any]:
    grb = gurobipy.GRB
    continuous = len(milp.objective) - milp.binaries
    variables = model.addVars(
        len(milp.objective),
        ub=milp.uppers,
        obj=milp.objective,
        vtype=[grb.BINARY] * milp.binaries + [grb.CONTINUOUS] * continuous,
    ).values()
    variables = list(variables)
    for row in milp.rows:
        total = gurobipy.LinExpr(list(row.coefficients), [variables[number] for number in row.variables])
        if row.lower == row.upper:
            model.addLConstr(total, grb.EQUAL, row.upper)
        elif row.upper < grb.INFINITY:
            model.addLConstr(total, grb.LESS_EQUAL, row.upper)
        else:
            model.addLConstr(total, grb.GREATER_EQUAL, row.lower)
    model.ModelSense = grb.MAXIMIZE
    return variables


@dataclass(frozen=True, slots=True)
class Licence:
    """What the licence found allows.

    Parameters
    ----------
    expires
        Last day; None if it does not expire.
    unlimited
        Whether models may exceed 2,000 variables and 2,000 constraints.
    """

    expires: date | None
    unlimited: bool


def licence() -> Licence:
    """Find out what the Gurobi licence allows by solving a model above the limit of the bundled one."""
    gurobipy = gurobi_module()
    try:
        with gurobipy.Model(env=environment()) as model:
            model.addVars(_BUNDLED_LIMIT + 1, ub=1.0, obj=1.0)
            model.optimize()
            return Licence(_expiry(model.LicenseExpiration), unlimited=True)
    except gurobipy.GurobiError as error:
        if error.errno != gurobipy.GRB.Error.SIZE_LIMIT_EXCEEDED:
            raise SolverUnavailableError(f"no valid Gurobi licence: {error}") from error
        with gurobipy.Model(env=environment()) as model:
            return Licence(_expiry(model.LicenseExpiration), unlimited=False)


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The largest models that the licence accepts; None where even ``MOST_TRIED`` is accepted.

    Parameters
    ----------
    variables
        Variables of a linear model.
    constraints
        Constraints of a linear model.
    variables_with_products
        Variables of a model with a product of two of them.
    """

    variables: int | None
    constraints: int | None
    variables_with_products: int | None


def size_limits() -> SizeLimits:
    """Find the size limits of the licence by solving models of growing size.

    Raises
    ------
    MissingExtraError
        If gurobipy is not installed.
    SolverUnavailableError
        If there is no valid licence.
    """
    return SizeLimits(
        variables=_largest(lambda model, size: model.addVars(size, ub=1.0, obj=1.0)),
        constraints=_largest(_add_rows),
        variables_with_products=_largest(_add_product),
    )


def _add_rows(model: Any, size: int) -> None:
    variable = model.addVar(ub=1.0, obj=1.0)
    model.addConstrs(variable <= 1.0 + row for row in range(size))


def _add_product(model: Any, size: int) -> None:
    variables = model.addVars(size, ub=1.0, obj=1.0)
    model.addQConstr(variables[0] * variables[0] <= 1.0)


def _largest(fill: Callable[[Any, int], object]) -> int | None:
    """Return the largest size that is accepted, by bisection."""
    accepted, refused = 0, MOST_TRIED
    if _accepts(fill, refused):
        return None
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if _accepts(fill, middle):
            accepted = middle
        else:
            refused = middle
    return accepted


def _accepts(fill: Callable[[Any, int], object], size: int) -> bool:
    gurobipy = gurobi_module()
    try:
        with gurobipy.Model(env=environment()) as model:
            fill(model, size)
            model.optimize()
            return True
    except gurobipy.GurobiError as error:
        if error.errno != gurobipy.GRB.Error.SIZE_LIMIT_EXCEEDED:
            raise SolverUnavailableError(f"no valid Gurobi licence: {error}") from error
        return False


def _expiry(number: int) -> date | None:
    """Read 20271129 as a day; Gurobi says 99999999 for a licence without an end."""
    try:
        return date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return None
