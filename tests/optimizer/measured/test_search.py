"""Decisions by measured accuracy: every solver against every combination of options."""

import math
from dataclasses import replace
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import SolverUnavailableError
from ipa.optimizer import few_plans
from ipa.optimizer.answer import Answer, pick_options
from ipa.optimizer.decision import Status
from ipa.optimizer.measured import search
from ipa.optimizer.measured.search import solve_by_combination
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.solvers.brute_force import solve_brute_force
from ipa.optimizer.solvers.exact import solve_exact
from tests.support.toys import measured_problems, option, problem, with_measured_accuracy

FORK, BYPASS = ((0, 1), (0, 2)), ((0, 1), (1, 2), (0, 2))
MIXED_INTEGER = ["highs", "pulp", "auto", *(["gurobi"] if find_spec("gurobipy") else [])]


def graphs() -> st.SearchStrategy[Problem]:
    """Graphs of three stages by measured accuracy."""
    return st.builds(
        lambda asked, edges: replace(asked, edges=edges),
        measured_problems(stages=3, variants=3, batches=2),
        st.sampled_from([FORK, BYPASS]),
    )


@settings(max_examples=300)
@given(st.one_of(measured_problems(), graphs()))
def test_the_exact_search_is_brute_force_ties_included(asked: Problem) -> None:
    scaled = asked.at_unit_scale()
    assert solve_exact(scaled, 10.0) == solve_brute_force(scaled, 10.0)


@settings(max_examples=60)
@given(measured_problems())
def test_the_rest_of_a_combination_is_decided_alike_where_it_is_too_large_to_list(asked: Problem) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_plans, "MOST_PLANS", 0)
        found = solve(asked)
    expected = solve(asked, "brute-force")
    assert (found.status, found.plan) == (expected.status, expected.plan)


@pytest.mark.parametrize("solver", MIXED_INTEGER)
@settings(max_examples=40)
@given(asked=st.one_of(measured_problems(variants=3, batches=2), graphs()))
def test_mixed_integer_solvers_find_the_same_plan(solver: str, asked: Problem) -> None:
    exact, other = solve(asked), solve(asked, solver)
    assert (other.status, other.plan) == (exact.status, exact.plan)
    assert exact.status is Status.INFEASIBLE or other.objective == pytest.approx(exact.objective, abs=1e-6)


@settings(max_examples=15)
@given(measured_problems(stages=2, variants=2, batches=2))
def test_the_nonlinear_model_finds_the_same_plan(asked: Problem) -> None:
    pytest.importorskip("gurobipy")
    exact, other = solve(asked), solve(asked, "gurobi-nonlinear")
    assert (other.status, other.plan) == (exact.status, exact.plan)


def test_a_combination_may_be_worth_more_than_its_parts() -> None:
    """The two most accurate variants go together badly: PAS takes them, the measured accuracy does not."""
    stages = [
        [option(accuracy=0.5)._replace(variant="light"), option(accuracy=0.9)._replace(variant="heavy")]
    ] * 2
    by_pas = problem(*stages, alpha=10.0)
    measured = with_measured_accuracy(by_pas, 0)
    rows = {
        ("light", "light"): 0.4,
        ("light", "heavy"): 0.7,
        ("heavy", "light"): 0.6,
        ("heavy", "heavy"): 0.3,
    }
    table = measured.objective.metric.table
    assert table is not None
    combinations = tuple(one._replace(accuracy=rows[one.variants]) for one in table.combinations)
    metric = replace(measured.objective.metric, table=replace(table, combinations=combinations))
    measured = replace(measured, objective=replace(measured.objective, metric=metric))
    assert solve(by_pas).plan.variants == ("heavy", "heavy")
    assert solve(measured).plan.variants == ("light", "heavy")
    assert solve(measured).objective == pytest.approx(10 * 0.7 - 2, abs=1e-5)


def test_a_hundred_thousand_combinations_are_decided_within_a_second() -> None:
    asked = with_measured_accuracy(random_problem(1, stages=5, variants=10, batches=4), seed=3)
    decision = solve(asked, deadline_s=1.0)
    assert (decision.status, decision.gap) == (Status.OPTIMAL, 0.0)


def test_the_deadline_leaves_a_plan_and_a_bound_above_the_best_one() -> None:
    drawn = with_measured_accuracy(random_problem(1, stages=12, variants=2, batches=4), seed=3)
    asked = replace(drawn, objective=replace(drawn.objective, alpha=0.0))
    best, cut = solve(asked), solve_by_combination(asked, 0.0, solve_exact)
    assert best.status is Status.OPTIMAL
    assert not cut.proven
    assert cut.choice is not None
    assert asked.value(pick_options(asked, cut.choice)) <= best.objective <= cut.bound
    assert "the deadline is reached: a good plan, at most" in cut.note


def test_a_rest_that_nobody_decides_leaves_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_measured_accuracy(random_problem(1, stages=3, variants=3, batches=4), seed=3)
    best = solve(asked).objective
    monkeypatch.setattr(search, "value_few_plans", lambda _: None)
    answer = solve_by_combination(asked, 10.0, lambda *_: Answer(None, proven=False))
    assert (answer.choice, answer.proven) == (None, False)
    assert answer.bound >= best


def test_a_stage_without_options_in_reach_makes_it_infeasible() -> None:
    asked = with_measured_accuracy(problem([option(latency_s=2.0)], [option()]), seed=0)
    decision = solve(asked)
    assert decision.status is Status.INFEASIBLE
    assert math.isnan(decision.objective)


def test_a_linear_model_of_too_many_combinations_is_refused_and_auto_decides_exactly() -> None:
    asked = with_measured_accuracy(random_problem(1, stages=5, variants=7, batches=1, tightness=1.0), seed=3)
    with pytest.raises(SolverUnavailableError, match=r"16,807 combinations.*at most 10,000"):
        solve(asked, "highs")
    decision = solve(asked, "auto")
    assert (decision.solver, decision.plan) == ("exact", solve(asked).plan)
