"""Small problems on which two solvers disagree, kept as files that can be solved again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ipa.bench.problem_file import load_problem
from ipa.errors import IpaError
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import solve
from ipa.optimizer.tolerance import solver_error


def disagree(exact: Decision, other: Decision) -> bool:
    """Whether two decisions contradict each other.

    A solver that stopped at its deadline claims nothing: it disagrees only if its plan is better than one
    that was proven optimal. Proven plans have to be the same, and so do the objectives reached.
    """
    if Status.FEASIBLE in (exact.status, other.status):
        proven, claim = (exact, other) if other.status is Status.FEASIBLE else (other, exact)
        if "to be optimal" in claim.note or "claimed that no plan" in claim.note:
            return True
        return proven.optimal and claim.objective > proven.objective + solver_error(proven.objective)
    if exact.status is not other.status or exact.plan != other.plan:
        return True
    return exact.optimal and abs(exact.objective - other.objective) > solver_error(exact.objective)


def shrink(problem: Problem, solver: str, deadline_s: float) -> Problem:
    """Drop stages and options for as long as the solver still disagrees with the exact one."""
    smaller: Problem | None = problem
    while smaller is not None:
        problem = smaller
        smaller = next((p for p in _smaller(problem) if _disagrees(p, solver, deadline_s)), None)
    return problem


def _smaller(problem: Problem) -> Iterator[Problem]:
    for stage in range(len(problem.options)):
        if len(problem.options) > 1:
            yield replace(
                problem,
                stages=_without(problem.stages, stage),
                options=_without(problem.options, stage),
                best_effort=_without(problem.best_effort, stage),
            )
    for stage, options in enumerate(problem.options):
        for index in range(len(options) if len(options) > 1 else 0):
            fewer = _without(options, index)
            yield replace(problem, options=(*problem.options[:stage], fewer, *problem.options[stage + 1 :]))


def _without(values: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return values[:index] + values[index + 1 :]


def _disagrees(problem: Problem, solver: str, deadline_s: float) -> bool:
    try:
        return disagree(solve(problem, deadline_s=deadline_s), solve(problem, solver, deadline_s))
    except IpaError:
        return False


def replay_problem(file: Path) -> pd.DataFrame:
    """Solve a stored problem again, exactly and with the solver that disagreed.

    Returns
    -------
    pandas.DataFrame
        Columns solver, status, objective, plan, note, agrees.
    """
    problem, solver = load_problem(file)
    exact = solve(problem)
    decisions = [exact, solve(problem, solver)]
    return pd.DataFrame(
        [
            {
                "solver": name,
                "status": decision.status.value,
                "objective": decision.objective,
                "plan": ", ".join(f"{s.variant}/{s.batch}×{s.replicas}" for s in decision.plan.stages),
                "note": decision.note,
                "agrees": not disagree(exact, decision),
            }
            for name, decision in zip(("exact", solver), decisions, strict=True)
        ]
    )
