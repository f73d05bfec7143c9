"""From a pipeline and a rate to options; numbers worked out by hand on the toy pipeline."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.optimizer.build import build_problem
from ipa.optimizer.problem import Constraints, Objective, Option, Problem, Restriction
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.pipeline import Pipeline, Stage
from tests.support.toys import option, pipeline, problem, variant

MEASURED = Constraints(measured_only=True)


def options(
    rate_rps: float, constraints: Constraints = MEASURED, **restriction: tuple[object, ...]
) -> dict[tuple[str, int], Option]:
    built = build_problem(pipeline(1), rate_rps, Objective(), constraints, Restriction(**restriction))
    return {(o.variant, o.batch): o for o in built.options[0]}


def test_replicas_are_the_fewest_that_carry_the_rate() -> None:
    replicas = {key: o.replicas for key, o in options(20.0).items()}
    assert replicas == {("light", 1): 2, ("light", 8): 1, ("heavy", 1): 5, ("heavy", 8): 4}


def test_a_rate_just_above_what_replicas_carry_needs_one_more() -> None:
    assert options(20.1)["light", 1].replicas == 3


def test_rounding_does_not_cost_a_replica() -> None:
    assert options(10.0 * (0.1 + 0.2) / 0.3)["light", 1].replicas == 1


def test_cost_is_replicas_times_cores() -> None:
    assert options(20.0)["heavy", 1].cost_cores == 5 * 2


def test_the_wait_is_that_of_the_queue_term() -> None:
    assert options(20.0)["light", 8].wait_s == pytest.approx(7 / 20)
    loosened = options(20.0, replace(MEASURED, queue="loosening"))
    assert loosened["light", 8].wait_s == pytest.approx(-7 / 20)


def test_at_rate_0_one_replica_serves_single_requests() -> None:
    assert {key: o.replicas for key, o in options(0.0).items()} == {("light", 1): 1, ("heavy", 1): 1}


def test_options_above_the_replica_cap_are_dropped() -> None:
    assert set(options(20.0, replace(MEASURED, max_replicas=2))) == {("light", 1), ("light", 8)}


def test_margins_multiply_latency_and_throughput() -> None:
    widened = options(20.0, replace(MEASURED, latency_margin=0.5, throughput_margin=-0.5))["light", 1]
    assert (widened.latency_s, widened.replicas) == (pytest.approx(0.15), 4)


def test_unmeasured_batch_sizes_are_estimated_unless_refused() -> None:
    assert ("light", 4) in options(20.0, Constraints())
    assert ("light", 4) not in options(20.0)
    assert ("light", 16) not in options(20.0, Constraints())


def test_by_default_every_measured_batch_size_is_considered_also_unusual_ones() -> None:
    odd = Stage("one", (variant("odd", 0.5, 1, {1: (0.1, 10.0), 3: (0.2, 20.0), 100: (2.0, 60.0)}),))
    built = build_problem(Pipeline("odd", (odd,), 5.0), 40.0, Objective(), Constraints())
    assert [o.batch for o in built.options[0]] == [1, 2, 3, 4, 8, 16, 32, 64, 100]
    only = build_problem(Pipeline("odd", (odd,), 5.0), 40.0, Objective(), Constraints(batch_sizes=(1, 3)))
    assert [o.batch for o in only.options[0]] == [1, 3]


def test_a_rate_that_many_replicas_carry_but_for_rounding_costs_none_more() -> None:
    built = build_problem(pipeline(1), 1e6, Objective(), Constraints(max_replicas=100_000, batch_sizes=(1,)))
    assert built.options[0][0].replicas == 100_000


def test_fixed_variants_leave_the_others_out() -> None:
    assert {variant for variant, _ in options(20.0, variants=("heavy",))} == {"heavy"}


def test_fixed_replicas_drop_options_that_do_not_carry_the_rate() -> None:
    fixed = options(20.0, replicas=(3,))
    assert {key: o.replicas for key, o in fixed.items()} == {("light", 1): 3, ("light", 8): 3}


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_scores_are_those_of_all_variants_even_if_one_is_fixed(metric: str) -> None:
    built = build_problem(
        pipeline(1), 5.0, Objective(METRICS[metric]), MEASURED, Restriction(variants=("light",))
    )
    expected = METRICS[metric].stage_scores([0.5, 0.8])[0]
    assert {o.score for o in built.options[0]} == {expected}


@pytest.mark.parametrize("rate_rps", [-1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate_rps: float) -> None:
    with pytest.raises(InvalidValueError, match="the arrival rate must lie between 0"):
        build_problem(pipeline(), rate_rps, Objective(), Constraints())


@pytest.mark.parametrize("restriction", [Restriction(variants=("light",)), Restriction(replicas=(1, 2, 3))])
def test_a_restriction_of_another_length_is_refused(restriction: Restriction) -> None:
    with pytest.raises(InvalidValueError, match="pipeline toy has 2 stages"):
        build_problem(pipeline(), 1.0, Objective(), Constraints(), restriction)


def test_an_unknown_or_disabled_variant_is_refused() -> None:
    toy = pipeline(1)
    with pytest.raises(UnknownNameError, match="unknown variant of stage stage-1 'heavier'"):
        build_problem(toy, 1.0, Objective(), Constraints(), Restriction(variants=("heavier",)))
    only_light = toy.with_base_cores({("stage-1", "light"): 1})
    with pytest.raises(InvalidValueError, match="fixes variant heavy of stage stage-1, which is disabled"):
        build_problem(only_light, 1.0, Objective(), Constraints(), Restriction(variants=("heavy",)))


@pytest.mark.parametrize("name", ["alpha", "beta", "delta"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_outside_their_domain_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidValueError, match=f"{name} must be finite and at least 0"):
        Objective(**{name: value})


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_sizes": ()},
        {"batch_sizes": (0, 1)},
        {"max_replicas": 0},
        {"max_replicas": 10**9},
        {"max_cores": 0},
        {"latency_margin": -1.0},
    ],
)
def test_constraints_outside_their_domain_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        Constraints(**changed)


def test_the_objective_weighs_accuracy_cost_and_batches() -> None:
    two = problem([option(accuracy=0.5, cost=3)], [option(accuracy=0.8, cost=4, batch=2)], alpha=10.0)
    assert two.value([stage[0] for stage in two.options]) == pytest.approx(10 * 0.4 - 7 - 3e-6)


def test_the_weight_of_batches_follows_that_of_cores_unless_it_is_given() -> None:
    assert Objective().batch_weight == 1e-6
    assert Objective(alpha=2e-5, beta=1e-5).batch_weight == pytest.approx(1e-11)
    assert Objective(alpha=3.0, beta=0.0).batch_weight == pytest.approx(3e-6)
    assert Objective(alpha=3.0, beta=2.0, delta=0.5).batch_weight == 0.5


def test_other_weights_keep_the_share_of_batches() -> None:
    given = Objective(alpha=2.0, beta=1.0, delta=1e-6)
    assert given.reweighted(alpha=7.0).batch_weight == 1e-6
    assert given.reweighted(beta=1e-5).batch_weight == pytest.approx(1e-11)
    assert given.reweighted(1.0, 0.0).batch_weight == pytest.approx(1e-6)


def test_at_unit_scale_one_core_is_worth_1() -> None:
    scaled = Objective(alpha=4e-5, beta=1e-5).at_unit_scale()
    assert (scaled.alpha, scaled.beta, scaled.batch_weight) == pytest.approx((4.0, 1.0, 1e-6))


def test_weights_that_no_number_can_relate_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="for cores that cost nothing use beta 0"):
        Objective(alpha=1e15, beta=1e-300)


def test_a_limit_of_cores_counts_all_replicas_of_all_stages() -> None:
    two = problem([option(0.1, cost=2)], [option(0.1, cost=3)])
    choice = [stage[0] for stage in two.options]
    assert replace(two, max_cores=5).feasible(choice)
    assert not replace(two, max_cores=4).feasible(choice)


def test_the_sla_is_kept_if_met_exactly() -> None:
    two = problem([option(0.1)], [option(0.2)], sla_s=0.3)
    assert two.feasible([stage[0] for stage in two.options])
    assert not replace(two, sla_s=0.3 - 1e-6).feasible([stage[0] for stage in two.options])


@given(st.floats(0.5, 60))
def test_the_plan_says_what_was_chosen(rate_rps: float) -> None:
    built: Problem = build_problem(pipeline(), rate_rps, Objective(), MEASURED)
    plan = built.plan([stage[0] for stage in built.options])
    assert plan.variants == ("light", "light")
    assert plan.throughput_rps(pipeline()) >= rate_rps * (1 - 1e-9)
