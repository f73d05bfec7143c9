"""Which solvers work on this machine, and how to get the others."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from ipa.errors import IpaError
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.solvers.gurobi import licence
from ipa.optimizer.solvers.pulp import cbc_path


@dataclass(frozen=True, slots=True)
class SolverStatus:
    """Whether a solver can be used here.

    Parameters
    ----------
    name
        Name in ``SOLVERS``.
    usable
        Whether it solved a tiny problem to optimality.
    detail
        Version and licence, or what went wrong.
    fix
        The command that makes it usable; empty if it is.
    """

    name: str
    usable: bool
    detail: str
    fix: str = ""


def solver_status() -> list[SolverStatus]:
    """Try every solver on a tiny problem."""
    return [
        _try("exact", lambda: "built in, needs no solver", "reinstall ipa"),
        _try(
            "gurobi",
            _gurobi_detail,
            'pip install -e ".[gurobi]"; if it is installed, unset or renew GRB_LICENSE_FILE',
        ),
        _try("pulp-highs", _highs_detail, "pip install pulp highspy"),
        _try("pulp-cbc", _cbc_detail, 'pip install "pulp[cbc]"'),
    ]


def _try(name: str, detail: Callable[[], str], fix: str) -> SolverStatus:
    try:
        decision = solve(random_problem(stages=2, variants=2, batches=2), name, deadline_s=5.0)
        if decision.optimal:
            return SolverStatus(name, True, detail())
        return SolverStatus(name, False, decision.note, fix)
    except IpaError as error:
        return SolverStatus(name, False, str(error), fix)


def _gurobi_detail() -> str:
    found = licence()
    limit = "any size" if found.unlimited else "at most 2,000 variables and 2,000 constraints"
    until = "without an end" if found.expires is None else f"until {found.expires:%Y-%m-%d}"
    return f"gurobipy {version('gurobipy')}, licence valid {until}, {limit}"


def _highs_detail() -> str:
    return f"HiGHS {version('highspy')} through PuLP {version('pulp')}"


def _cbc_detail() -> str:
    return f"CBC at {cbc_path()} through PuLP {version('pulp')}"
