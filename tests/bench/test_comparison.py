"""Solvers timed beside each other; nothing here looks at how long they took."""

import math
from typing import Any

import pytest

from ipa.bench import comparison, decision
from ipa.bench.comparison import compare_solvers
from ipa.bench.decision import DecisionCase, bench_decision
from ipa.errors import SolverUnavailableError
from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS
from ipa.optimizer.solvers import gurobi

PROBLEMS = [random_problem(seed) for seed in range(6)]


def by_solver(rows: list[dict[str, Any]]) -> dict[object, dict[str, Any]]:
    return {row["solver"]: row for row in rows}


def test_all_solvers_meet_all_problems_and_get_the_same_plans() -> None:
    rows = compare_solvers(PROBLEMS, comparison.usable_solvers())
    assert {row["n"] for row in rows} == {6}
    assert all(row["same_plan"] == row["proven"] == 6 for row in rows)
    assert all(row["refused"] == "" for row in rows)


def test_building_is_nothing_for_the_exact_solver_and_something_for_the_others() -> None:
    rows = by_solver(compare_solvers(PROBLEMS, ["exact", "highs", "pulp-cbc"]))
    assert rows["exact"]["build_ms"] == 0
    assert rows["highs"]["build_ms"] > 0
    assert rows["pulp-cbc"]["build_ms"] > 0


def test_a_solver_that_refuses_is_reported_and_not_asked_again() -> None:
    asked = []

    def refusing(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
        asked.append(problem)
        raise SolverUnavailableError("too large for the licence")

    with SOLVERS.temporarily("refusing", refusing):
        row = by_solver(compare_solvers(PROBLEMS, ["exact", "refusing"]))["refusing"]
    assert (row["n"], row["refused"], len(asked)) == (0, "too large for the licence", 1)
    assert math.isnan(row["median_ms"])


def test_a_solver_out_of_budget_sits_the_rest_out_but_gets_a_few() -> None:
    rows = by_solver(compare_solvers(PROBLEMS, ["exact", "highs"], budget_s=0.0))
    assert {row["n"] for row in rows.values()} == {comparison.FEWEST}


def test_the_benchmark_has_a_row_per_family_and_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        DecisionCase("tiny", metric, lambda turn: random_problem(turn, 2, 2, 2)) for metric in ("pas", "mean")
    ]
    monkeypatch.setattr(decision, "decision_cases", lambda seed: iter(cases))  # noqa: ARG005
    told: list[tuple[int, int | None, str]] = []
    frame = bench_decision(repeats=4, solvers=["exact", "highs"], progress=lambda *at: told.append(at))
    assert list(zip(frame["metric"], frame["solver"], strict=True)) == [
        ("pas", "exact"), ("pas", "highs"), ("mean", "exact"), ("mean", "highs"),
    ]  # fmt: skip
    assert (frame["n"] == 4).all()
    assert told == [(0, 2, "tiny"), (1, 2, "tiny"), (2, 2, "")]


def test_the_families_hold_the_pipelines_the_sizes_of_the_bars_and_strong_correlation() -> None:
    names = {case.problem for case in decision.decision_cases(0)}
    assert {"video", "nlp", "10x10x7 profile", "10x10x7 strong", "50x20x7 profile"} <= names


def test_the_size_limits_of_the_licence_are_found_by_solving() -> None:
    pytest.importorskip("gurobipy")
    limits = gurobi.size_limits()
    if gurobi.licence().unlimited:
        assert limits == gurobi.SizeLimits(None, None, None)
    else:
        assert limits.variables == limits.constraints == 2000
        assert limits.variables_with_products == 200
