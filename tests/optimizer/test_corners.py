"""Every solver against brute force at odd corners, and under weights of every scale."""

import math
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.answer import pick_options
from ipa.optimizer.corners import CORNERS, corner_problem
from ipa.optimizer.decision import Status
from ipa.optimizer.frontier import frontier
from ipa.optimizer.problem import Objective, Problem
from ipa.optimizer.solve import SOLVERS, solve
from tests.support.toys import random_problems

MOST_COMBINATIONS = 2000
OTHERS = ["highs", "pulp-highs", *(["gurobi", "gurobi-nonlinear"] if find_spec("gurobipy") else [])]
EVERY_SOLVER = [name for name in SOLVERS if name not in ("pulp-cbc", "auto")]


def drawn(corner: str, seeds: range) -> Iterator[tuple[int, Problem]]:
    for seed in seeds:
        asked = corner_problem(seed, corner)
        if math.prod(len(stage) for stage in asked.options) <= MOST_COMBINATIONS:
            yield seed, asked


def differing(corner: str, seeds: range, solvers: list[str]) -> list[tuple[int, str, str]]:
    found = []
    for seed, asked in drawn(corner, seeds):
        oracle = solve(asked, "brute-force")
        for solver in solvers:
            other = solve(asked, solver)
            if (other.status, other.plan) != (oracle.status, oracle.plan):
                found.append((seed, solver, other.note))
    return found


@pytest.mark.parametrize("corner", sorted(CORNERS))
def test_the_exact_solver_agrees_with_brute_force(corner: str) -> None:
    assert differing(corner, range(100), ["exact"]) == []


def test_two_corners_at_once_are_no_harder() -> None:
    for seed in range(300):
        asked = corner_problem(seed)
        if math.prod(len(stage) for stage in asked.options) <= MOST_COMBINATIONS:
            oracle, exact = solve(asked, "brute-force"), solve(asked)
            assert (exact.status, exact.plan) == (oracle.status, oracle.plan), seed


@pytest.mark.parametrize("corner", sorted(CORNERS))
def test_the_other_solvers_agree_with_brute_force(corner: str) -> None:
    assert differing(corner, range(12), OTHERS) == []


@pytest.mark.parametrize("corner", ["sla-edge", "old-edge", "core-limit", "huge-costs"])
def test_cbc_has_the_plan_of_brute_force_also_where_it_claims_that_there_is_none(corner: str) -> None:
    for seed, asked in drawn(corner, range(6)):
        oracle, other = solve(asked, "brute-force"), solve(asked, "pulp-cbc")
        assert other.plan == oracle.plan, seed
        assert (other.status is Status.INFEASIBLE) == (oracle.status is Status.INFEASIBLE), seed


@pytest.mark.parametrize("corner", ["sla-edge", "old-edge", "lengths", "negative-waits", "core-limit"])
def test_the_frontier_holds_only_plans_within_the_limits_and_the_best_of_them(corner: str) -> None:
    for seed, asked in drawn(corner, range(40)):
        free = replace(asked, objective=Objective(asked.objective.metric, alpha=1.0, beta=0.0, delta=0.0))
        points = frontier(asked).points
        best = solve(free, "brute-force")
        assert bool(points) == (not math.isnan(best.objective)), seed
        assert all(asked.feasible(pick_options(asked, point.choice)) for point in points), seed
        if points:
            assert points[-1].accuracy == pytest.approx(best.objective, abs=1e-9), seed


# A queue term that takes time off widens what the tolerance is a share of.
@pytest.mark.parametrize("corner", sorted(set(CORNERS) - {"negative-waits"}))
def test_no_plan_exceeds_the_sla_by_more_than_the_tolerance(corner: str) -> None:
    for seed, asked in drawn(corner, range(100)):
        choice = SOLVERS["exact"](asked, 5.0).choice
        if choice is not None and min(o.wait_s for stage in asked.options for o in stage) >= 0:
            assert asked.latency_s(pick_options(asked, choice)) <= asked.sla_s * (1 + 1e-9), seed


@pytest.mark.parametrize("solver", EVERY_SOLVER)
@settings(max_examples=25)
@given(random_problems(stages=2), st.floats(-10, 10))
def test_only_the_ratio_of_the_weights_decides(solver: str, asked: Problem, exponent: float) -> None:
    if solver.startswith("gurobi") and not find_spec("gurobipy"):
        return
    scale, weights = 10**exponent, asked.objective
    scaled = Objective(
        weights.metric, weights.alpha * scale, weights.beta * scale, weights.batch_weight * scale
    )
    plain, other = solve(asked, solver), solve(replace(asked, objective=scaled), solver)
    assert (other.status, other.plan) == (plain.status, plain.plan)
    if not math.isnan(plain.objective):
        assert other.objective == pytest.approx(scale * plain.objective, rel=1e-9, abs=1e-9 * scale)
        assert other.bound == other.objective


@given(random_problems(), st.floats(-10, 10))
def test_batches_weigh_in_proportion_unless_their_weight_is_given(asked: Problem, exponent: float) -> None:
    plain = Objective(asked.objective.metric, 3.0, 1.0)
    scaled = Objective(asked.objective.metric, 3.0 * 10**exponent, 10**exponent)
    one, other = (solve(replace(asked, objective=weights)) for weights in (plain, scaled))
    assert (one.status, one.plan) == (other.status, other.plan)


def test_generated_corners_repeat_and_cover_what_they_are_named_for() -> None:
    assert corner_problem(5, "sla-edge") == corner_problem(5, "sla-edge")
    latencies_s = [
        o.total_s for _, asked in drawn("lengths", range(60)) for stage in asked.options for o in stage
    ]
    assert min(filter(None, latencies_s)) < 1e-5
    assert max(latencies_s) > 1e5
    edges = [
        asked.sla_s / asked.latency_s(pick_options(asked, asked_choice)) - 1
        for _, asked in drawn("sla-edge", range(60))
        for asked_choice in [tuple(0 for _ in asked.options)]
        if len(asked.options) == 1 and len(asked.options[0]) == 1
    ]
    assert any(abs(edge) < 2e-9 for edge in edges)
    assert any(asked.max_cores for _, asked in drawn("core-limit", range(20)))
