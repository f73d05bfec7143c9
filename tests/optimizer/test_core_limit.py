"""A limit of cores: the exact solver against brute force, and what is infeasible because of it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.decision import Status
from ipa.optimizer.labels import dominance
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from tests.support.toys import option, problem, random_problems


def limited(asked: Problem, share: float) -> Problem:
    """Limit the cores to a share of the way from the cheapest to the dearest plan."""
    costs = [[chosen.cost_cores for chosen in stage] for stage in asked.options]
    least, most = sum(map(min, costs)), sum(map(max, costs))
    return replace(asked, max_cores=max(1, round(least + share * (most - least))))


@settings(max_examples=300)
@given(random_problems(), st.floats(-0.1, 0.7))
def test_within_a_limit_of_cores_exact_chooses_what_brute_force_does(asked: Problem, share: float) -> None:
    small = limited(asked, share)
    assert SOLVERS["exact"](small, 10.0).choice == SOLVERS["brute-force"](small, 10.0).choice


@pytest.mark.parametrize("kind", ["uncorrelated", "strong", "cloned", "ties"])
@pytest.mark.parametrize("metric", ["pas", "mean", "rank-product"])
def test_crowds_of_labels_lose_no_plan(kind: str, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dominance, "CROWDED", 1)
    for seed in range(4):
        asked = random_problem(seed, 4, 3, 2, kind=kind, metric=metric, tightness=0.4)
        for share in (0.05, 0.2, 0.4):
            small = limited(asked, share)
            assert SOLVERS["exact"](small, 10.0).choice == SOLVERS["brute-force"](small, 10.0).choice


def test_a_limit_that_does_not_bind_changes_nothing() -> None:
    asked = random_problem(3, 4, 4, 2)
    assert solve(replace(asked, max_cores=10_000)).plan == solve(asked).plan


def test_fewer_cores_than_any_plan_takes_are_infeasible() -> None:
    stage = [option(0.1, cost=3), option(0.2, cost=2)]
    asked = problem(stage, stage, sla_s=0.3)
    assert solve(replace(asked, max_cores=5)).plan.cost_cores == 5
    assert solve(replace(asked, max_cores=4)).status is Status.INFEASIBLE


@pytest.mark.parametrize("metric", ["pas", "mean"])
def test_a_large_problem_is_proven_within_a_limit(metric: str) -> None:
    asked = random_problem(1, 8, 8, 5, kind="uncorrelated", metric=metric)
    free = solve(asked)
    least = solve(replace(asked, objective=replace(asked.objective, alpha=0.0)))
    most_cores = (least.plan.cost_cores + free.plan.cost_cores) // 2
    within = solve(replace(asked, max_cores=most_cores))
    assert within.status is Status.OPTIMAL
    assert within.plan.cost_cores <= most_cores < free.plan.cost_cores
    assert within.objective <= free.objective
