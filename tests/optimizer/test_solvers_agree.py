"""Every solver finds the same plan: differential tests on generated problems."""

import math
from collections.abc import Iterator
from importlib.util import find_spec
from random import Random

import pytest

from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import KINDS, random_problem
from ipa.optimizer.solve import solve
from ipa.pipeline.accuracy import METRICS

pytestmark = pytest.mark.slow

PROBLEMS, CHUNK = 1200, 100
CBC_PROBLEMS = 100
MOST_COMBINATIONS = 5000


def drawn(seed: int) -> Problem:
    random = Random(seed)
    while True:
        problem = random_problem(
            seed=random.randrange(10**9),
            stages=random.randint(1, 5),
            variants=random.randint(1, 5),
            batches=random.randint(1, 3),
            kind=random.choice(sorted(KINDS)),
            metric=random.choice(sorted(METRICS)),
            tightness=random.choice((None, None, None, None, -0.1, 0.0, 0.05, 1.0, 1.2)),
        )
        if math.prod(len(stage) for stage in problem.options) <= MOST_COMBINATIONS:
            return problem


def disagreements(seeds: range, solvers: list[str]) -> Iterator[tuple[int, str, Decision, Decision]]:
    for seed in seeds:
        problem = drawn(seed)
        exact = solve(problem, "exact")
        for solver in solvers:
            other = solve(problem, solver)
            if not agree(exact, other):
                yield seed, solver, exact, other


def agree(one: Decision, other: Decision) -> bool:
    same_value = one.status is Status.INFEASIBLE or math.isclose(
        one.objective, other.objective, rel_tol=0, abs_tol=1e-6
    )
    return one.plan == other.plan and one.status == other.status and same_value


@pytest.mark.parametrize("start", range(0, PROBLEMS, CHUNK))
def test_exact_brute_force_pulp_and_gurobi_agree(start: int) -> None:
    solvers = ["brute-force", "pulp", *(["gurobi"] if find_spec("gurobipy") else [])]
    assert list(disagreements(range(start, start + CHUNK), solvers)) == []


def test_highs_without_pulp_agrees() -> None:
    assert list(disagreements(range(400), ["highs"])) == []


def test_the_nonlinear_model_of_the_paper_agrees() -> None:
    pytest.importorskip("gurobipy")
    assert list(disagreements(range(60), ["gurobi-nonlinear"])) == []


def test_cbc_agrees() -> None:
    assert list(disagreements(range(CBC_PROBLEMS), ["pulp-cbc"])) == []


def test_the_drawn_problems_cover_what_matters() -> None:
    problems = [drawn(seed) for seed in range(PROBLEMS)]
    statuses = [solve(problem).status for problem in problems]
    assert statuses.count(Status.INFEASIBLE) > PROBLEMS // 20
    assert statuses.count(Status.OPTIMAL) > PROBLEMS // 2
    assert {problem.objective.metric.name for problem in problems} == set(METRICS)
    assert any(len(problem.stages) == 1 for problem in problems)
    assert any(len(stage) == 1 for problem in problems for stage in problem.options)


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"strong"}))
def test_a_problem_too_large_for_brute_force_has_the_same_plan_for_exact_and_highs(
    kind: str, metric: str
) -> None:
    problem = random_problem(seed=1, stages=6, variants=5, batches=3, kind=kind, metric=metric)
    assert agree(solve(problem), solve(problem, "pulp-highs"))


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_strongly_correlated_problems_are_proven_where_highs_may_run_out_of_time(metric: str) -> None:
    problem = random_problem(seed=3, stages=6, variants=10, batches=7, kind="strong", metric=metric)
    exact, highs = solve(problem), solve(problem, "pulp-highs", deadline_s=1.0)
    assert exact.status is Status.OPTIMAL
    assert exact.objective >= highs.objective - 1e-6
    assert exact.plan == highs.plan


def test_cloned_stages_tie_in_all_their_permutations_and_still_agree() -> None:
    problem = random_problem(seed=16, stages=8, variants=6, batches=3, kind="cloned", metric="rank-sum")
    assert agree(solve(problem), solve(problem, "pulp-highs"))


@pytest.mark.parametrize("metric", ["mean", "pas"])
def test_ten_stages_of_seventy_strongly_correlated_options_are_proven_without_falling_back(
    metric: str,
) -> None:
    """Thousands of labels tie: equal latencies have equal objectives, and only the order of ties differs."""
    problem = random_problem(seed=2, stages=10, variants=10, batches=7, kind="strong", metric=metric)
    decision = solve(problem)
    assert (decision.status, decision.note) == (Status.OPTIMAL, "")


def test_fifty_stages_whose_product_nearly_vanishes_are_proven_without_falling_back() -> None:
    """Nearly all plans of least cost tie, so that the labels can only be told apart by the order of ties."""
    problem = random_problem(seed=8, stages=50, variants=20, batches=7, metric="rank-product")
    decision = solve(problem)
    assert (decision.status, decision.note) == (Status.OPTIMAL, "")
