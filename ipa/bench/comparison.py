"""Solvers compared on the same problems in the same run, building and searching apart."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from ipa.errors import MissingExtraError, SolverUnavailableError
from ipa.garbage import garbage_settled
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import DEFAULT_DEADLINE_S, solve

COMPARED = ("exact", "highs", "pulp-highs", "pulp-cbc", "gurobi", "gurobi-nonlinear")
"""Solvers that are compared by default, as far as they can be used."""

BUDGET_S = 20.0
"""Time on one family of problems after which a solver sits the rest of them out."""

FEWEST = 3
"""Problems that a solver gets whatever its budget."""


def usable(solver: str) -> bool:
    """Whether what a solver needs is installed."""
    return not solver.startswith("gurobi") or find_spec("gurobipy") is not None


def usable_solvers() -> tuple[str, ...]:
    """Return the solvers to compare that are installed."""
    return tuple(filter(usable, COMPARED))


@dataclass
class Record:
    """What a solver did on a family of problems.

    Parameters
    ----------
    solver
        Name in ``SOLVERS``.
    decisions
        Its decisions, each with the exact solver's one.
    refused
        Why it refused a problem; empty if it never did.
    spent_s
        Wall time so far.
    """

    solver: str
    decisions: list[tuple[Decision, Decision]] = field(default_factory=list)
    refused: str = ""
    spent_s: float = 0.0

    def sits_out(self, budget_s: float) -> bool:
        """Whether it gets no further problem."""
        return bool(self.refused) or (len(self.decisions) >= FEWEST and self.spent_s > budget_s)

    def row(self) -> dict[str, object]:
        """Return the times in milliseconds and what was achieved."""
        made = [decision for decision, _ in self.decisions]
        solve_ms = np.array([decision.solve_s for decision in made]) * 1000
        build_ms = np.array([decision.build_s for decision in made]) * 1000
        search_ms = np.array([decision.search_s for decision in made]) * 1000
        return {
            "solver": self.solver,
            "n": len(made),
            "median_ms": _rounded(solve_ms, np.median),
            "p95_ms": _rounded(solve_ms, lambda ms: np.quantile(ms, 0.95)),
            "worst_ms": _rounded(solve_ms, np.max),
            "build_ms": _rounded(build_ms, np.median),
            "search_ms": _rounded(search_ms, np.median),
            "proven": sum(decision.status is not Status.FEASIBLE for decision in made),
            "same_plan": sum(decision.plan == exact.plan for decision, exact in self.decisions),
            "refused": self.refused,
        }


def _rounded(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", of: Callable[..., object]) -> float:
    return round(float(np.asarray(of(values))), 3) if len(values) else float("nan")


def compare_solvers(
    problems: Iterable[Problem],
    solvers: Sequence[str],
    deadline_s: float = DEFAULT_DEADLINE_S,
    budget_s: float = BUDGET_S,
) -> list[dict[str, object]]:
    """Time solvers on a family of problems; they take turns, so that all meet the same state of the machine.

    Parameters
    ----------
    problems
        The first one is solved once more before, as a warm-up that does not count.
    solvers
        Names in ``SOLVERS``.
    deadline_s
        Time limit of one solve in seconds.
    budget_s
        A solver that has used up so many seconds sits the rest out, after ``FEWEST`` problems at least.

    Returns
    -------
    list of dict
        Per solver: n (problems solved), median_ms, p95_ms and worst_ms (from the problem to the plan,
        everything included), build_ms and search_ms (medians of building the solver's model and of its own
        run; breaking ties is the rest), proven, same_plan (how many got the exact solver's plan), refused
        (why it refused a problem, for example the size limit of a licence).
    """
    records = [Record(solver) for solver in solvers]
    with garbage_settled():
        _compare(records, problems, deadline_s, budget_s)
    return [record.row() for record in records]


def _compare(
    records: Sequence[Record], problems: Iterable[Problem], deadline_s: float, budget_s: float
) -> None:
    for turn, problem in enumerate(problems):
        exact = solve(problem, "exact", deadline_s)
        for record in records:
            if turn == 0:
                _take_turn(record, problem, exact, deadline_s)
                record.decisions.clear()
                record.spent_s = 0.0
            if not record.sits_out(budget_s):
                _take_turn(record, problem, exact, deadline_s)


def _take_turn(record: Record, problem: Problem, exact: Decision, deadline_s: float) -> None:
    started = time.perf_counter()
    try:
        record.decisions.append((solve(problem, record.solver, deadline_s), exact))
    except (MissingExtraError, SolverUnavailableError) as error:
        record.refused = str(error)
    record.spent_s += time.perf_counter() - started
