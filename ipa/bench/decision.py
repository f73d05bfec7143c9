"""How long a decision takes, solver by solver, on the same problems in the same run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ipa.accuracy import METRICS
from ipa.config import load_pipeline, pipeline_names
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.generate import random_problem
from ipa.optimizer.problem import Constraints, Objective, Problem, build_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.status import solver_status

RATES_RPS = (1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)
METRIC_NAMES = ("pas", "rank-sum")
ALPHA = 10.0


@dataclass(frozen=True, slots=True)
class Case:
    """A family of problems.

    Parameters
    ----------
    problem
        Name of the pipeline, or the size of the generated problems.
    metric
        Name of the accuracy metric.
    build
        Makes the problem of a repetition.
    """

    problem: str
    metric: str
    build: Callable[[int], Problem]


def bench_decision(repeats: int = 20, seed: int = 0) -> pd.DataFrame:
    """Time every solver that works here on the real pipelines and on 10 stages × 10 variants × 7 batch sizes.

    The solvers take turns on every problem, so that all meet the same state of the machine; the first round
    is a warm-up and does not count.

    Parameters
    ----------
    repeats
        Problems per row: the rates in turn for a pipeline, another random problem each otherwise.
    seed
        Seed of the first generated problem.

    Returns
    -------
    pandas.DataFrame
        Columns solver, problem, metric, n, median_ms, p95_ms, worst_ms (from the problem to the plan, the
        solver's own model and the breaking of ties included), build_ms (median time from the pipeline or
        seed to the problem), proven (how many were proven optimal or infeasible), same_plan (how
        many got the plan of the exact solver).
    """
    solvers = [status.name for status in solver_status() if status.usable]
    return pd.DataFrame([row for case in _cases(seed) for row in _rows(case, solvers, repeats)])


def _cases(seed: int) -> list[Case]:
    def pipeline_case(name: str, metric: str) -> Case:
        pipeline, objective = load_pipeline(name), Objective(METRICS[metric], alpha=ALPHA)
        return Case(
            name,
            metric,
            lambda turn: build_problem(pipeline, RATES_RPS[turn % len(RATES_RPS)], objective, Constraints()),
        )

    def generated_case(kind: str, metric: str) -> Case:
        return Case(
            f"10x10x7 {kind}",
            metric,
            lambda turn: random_problem(seed + turn, 10, 10, 7, kind=kind, metric=metric),
        )

    return [
        *(pipeline_case(name, metric) for name in pipeline_names() for metric in METRIC_NAMES),
        *(generated_case(kind, metric) for kind in ("profile", "uncorrelated") for metric in METRIC_NAMES),
    ]


def _rows(case: Case, solvers: Sequence[str], repeats: int) -> list[dict[str, object]]:
    decisions: dict[str, list[Decision]] = {solver: [] for solver in solvers}
    builds_s = []
    for turn in (0, *range(repeats)):
        started = time.perf_counter()
        problem = case.build(turn)
        builds_s.append(time.perf_counter() - started)
        for solver in solvers:
            decisions[solver].append(solve(problem, solver))
    build_ms = float(np.median(builds_s[1:])) * 1000
    return [
        _row(case, solver, made[1:], decisions["exact"][1:], build_ms) for solver, made in decisions.items()
    ]


def _row(
    case: Case, solver: str, decisions: Sequence[Decision], exact: Sequence[Decision], build_ms: float
) -> dict[str, object]:
    times_ms = np.array([decision.solve_s for decision in decisions]) * 1000
    return {
        "solver": solver,
        "problem": case.problem,
        "metric": case.metric,
        "n": len(decisions),
        "median_ms": round(float(np.median(times_ms)), 3),
        "p95_ms": round(float(np.quantile(times_ms, 0.95)), 3),
        "worst_ms": round(float(times_ms.max()), 3),
        "build_ms": round(build_ms, 3),
        "proven": sum(decision.status is not Status.FEASIBLE for decision in decisions),
        "same_plan": sum(a.plan == b.plan for a, b in zip(decisions, exact, strict=True)),
    }
