"""What is run when no plan keeps all limits; numbers worked out by hand on the toy pipeline."""

from dataclasses import replace
from typing import Any

import pytest

from ipa.optimizer.best_effort import best_effort, cheapest_plan, fastest_within_cores
from ipa.optimizer.build import build_problem
from ipa.optimizer.decision import Status
from ipa.optimizer.problem import Constraints, Objective, Option, Problem, Restriction
from ipa.optimizer.solve import solve
from ipa.pipeline.pipeline import Pipeline, Stage
from tests.support.toys import option, pipeline, problem, variant

MEASURED = Constraints(measured_only=True)


def built(rate_rps: float, stages: int = 1, fixed: tuple[int, ...] | None = None, **limits: Any) -> Problem:
    constraints = replace(MEASURED, **limits)
    return build_problem(pipeline(stages), rate_rps, Objective(), constraints, Restriction(replicas=fixed))


def shapes(options: object) -> list[tuple[str, int, int]]:
    assert isinstance(options, list | tuple)
    return [(o.variant, o.batch, o.replicas) for o in options if isinstance(o, Option)]


def test_of_plans_that_carry_the_rate_the_fastest_is_taken() -> None:
    slow = variant("cheap-slow", 0.6, 1, {1: (6.0, 10.0)})
    fast = variant("dear-fast", 0.7, 4, {1: (0.35, 10.0)})
    two = Pipeline("two", (Stage("detect", (slow, fast)),), sla_s=0.3)
    decision = solve(build_problem(two, 5.0, Objective(), Constraints()))
    assert decision.status is Status.INFEASIBLE
    assert decision.plan.variants == ("dear-fast",)


def test_of_equally_fast_plans_the_cheapest_is_taken() -> None:
    given = problem([option(0.5, cost=3), option(0.5, cost=2), option(0.9, cost=1)], sla_s=0.1)
    assert [o.cost_cores for o in best_effort(replace(given, best_effort=()))] == [2]


def test_above_capacity_a_stage_has_its_largest_throughput() -> None:
    assert shapes(best_effort(built(1e6))) == [("light", 8, 100)]


def test_stages_that_carry_the_rate_do_so_cheaply_beside_one_that_does_not() -> None:
    strong = Stage("strong", (variant("only", 0.5, 1, {1: (0.1, 1e4)}),))
    weak = Stage("weak", (variant("only", 0.5, 1, {1: (0.1, 10.0)}),))
    both = Pipeline("both", (strong, weak), sla_s=5.0)
    found = best_effort(build_problem(both, 1200.0, Objective(), Constraints()))
    assert shapes(found) == [("only", 1, 1), ("only", 1, 100)]


@pytest.mark.parametrize("cores", [None, 1, 50])
def test_without_load_a_batch_that_never_fills_takes_one_replica(cores: int | None) -> None:
    assert [o.replicas for o in best_effort(built(0.0, batch_sizes=(8,), max_cores=cores))] == [1]


def test_fixed_replicas_above_the_cap_are_cut_to_it() -> None:
    assert shapes(best_effort(built(20.0, fixed=(101,)))) == [("light", 1, 100)]
    assert shapes(best_effort(built(1e6, fixed=(101,)))) == [("light", 8, 100)]


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (2, [("light", 8, 1), ("light", 8, 1)]),
        (5, [("light", 8, 2), ("light", 8, 2)]),
        (9, [("light", 8, 4), ("light", 8, 4)]),
    ],
)
def test_within_a_limit_of_cores_all_stages_carry_the_largest_share_that_fits(
    cores: int, expected: list[tuple[str, int, int]]
) -> None:
    found = best_effort(built(1000.0, stages=2, max_cores=cores))
    assert shapes(found) == expected


def test_a_limit_below_one_replica_a_stage_is_exceeded_by_as_little_as_can_be() -> None:
    found = best_effort(built(1000.0, stages=2, max_cores=1))
    assert sum(o.cost_cores for o in found) == 2


def test_the_fastest_plan_within_a_limit_of_cores_is_found_between_fast_and_cheap() -> None:
    stage = [option(0.1, cost=8), option(0.3, cost=4), option(0.9, cost=1)]
    found = {}
    for cores in (2, 5, 8, 9, 12, 16):
        plan = fastest_within_cores(problem(stage, stage, max_cores=cores))
        assert plan is not None
        found[cores] = round(sum(o.latency_s for o in plan), 6)
    assert found == {2: 1.8, 5: 1.2, 8: 0.6, 9: 0.6, 12: 0.4, 16: 0.2}
    assert fastest_within_cores(problem(stage, stage, max_cores=1)) is None


def test_the_cheapest_plan_within_the_sla_disregards_the_limit_of_cores() -> None:
    stage = [option(0.1, cost=8), option(0.9, cost=1)]
    plan = cheapest_plan(problem(stage, stage, sla_s=1.0, max_cores=3))
    assert plan is not None
    assert sum(o.cost_cores for o in plan) == 9
    assert cheapest_plan(problem(stage, stage, sla_s=0.1)) is None


def test_a_made_up_problem_with_an_empty_stage_has_no_best_effort_and_still_an_answer() -> None:
    given = replace(problem([option()], []), best_effort=())
    decision = solve(given)
    assert (decision.status, decision.plan.stages) == (Status.INFEASIBLE, ())
