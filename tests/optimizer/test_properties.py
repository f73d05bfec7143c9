"""What must hold between related problems, and of every plan."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.answer import pick_options
from ipa.optimizer.build import build_problem
from ipa.optimizer.decision import Status
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.optimizer.tolerance import TIE
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.pipeline import Pipeline, Stage
from ipa.pipeline.plan import plan_defects
from tests.support.toys import option, pipeline, random_problems, variant

EXAMPLES = settings(max_examples=150)


def best(given: Problem) -> float:
    decision = solve(given)
    return float("-inf") if decision.status is Status.INFEASIBLE else decision.objective


@EXAMPLES
@given(random_problems(), st.floats(0, 2))
def test_a_looser_sla_is_never_worse(given: Problem, extra_s: float) -> None:
    assert best(replace(given, sla_s=given.sla_s + extra_s)) >= best(given) - TIE


@EXAMPLES
@given(
    random_problems(),
    st.floats(0.01, 1),
    st.integers(1, 20),
    st.floats(0, 1),
    st.integers(0, 2),
)
def test_an_added_option_is_never_worse(
    given: Problem, latency_s: float, cost: int, accuracy: float, stage: int
) -> None:
    added = option(latency_s, cost, accuracy)
    stages = list(given.options)
    stages[stage % len(stages)] += (added,)
    assert best(replace(given, options=tuple(stages))) >= best(given) - TIE


@EXAMPLES
@given(random_problems(), st.integers(0, 11), st.integers(0, 2))
def test_a_removed_option_is_never_better(given: Problem, index: int, stage: int) -> None:
    stages = [list(options) for options in given.options]
    options = stages[stage % len(stages)]
    options.pop(index % len(options))
    fewer = replace(given, options=tuple(tuple(stage_options) for stage_options in stages))
    assert best(fewer) <= best(given) + TIE


@EXAMPLES
@given(random_problems(), st.randoms(use_true_random=False))
def test_the_order_of_stages_does_not_change_the_objective(given: Problem, random: Random) -> None:
    order = list(range(len(given.stages)))
    random.shuffle(order)
    shuffled = replace(given, options=tuple(given.options[stage] for stage in order))
    assert best(shuffled) == pytest.approx(best(given), abs=1e-8)


@EXAMPLES
@given(st.floats(0, 200), st.floats(0.2, 20), st.sampled_from(sorted(METRICS)), st.floats(0, 50))
def test_with_single_requests_a_doubled_rate_is_never_better(
    rate_rps: float, sla_s: float, metric: str, alpha: float
) -> None:
    """Replicas only grow with the rate, and without batches no wait shrinks: no option gets better."""
    objective, constraints = Objective(METRICS[metric], alpha=alpha), Constraints(batch_sizes=(1,))
    at, doubled = (
        best(build_problem(pipeline(sla_s=sla_s), rate, objective, constraints))
        for rate in (rate_rps, 2 * rate_rps)
    )
    assert doubled <= at + TIE


@EXAMPLES
@given(st.floats(0.1, 150), st.sampled_from(["ipa", "fa2-low", "fa2-high"]))
def test_at_least_cost_and_without_an_sla_a_doubled_rate_is_never_cheaper(
    rate_rps: float, method: str
) -> None:
    toy, cheapest = pipeline(sla_s=1e6), Objective(alpha=0.0, delta=0.0)
    restriction = METHODS[method](toy, MethodSettings())
    at, doubled = (
        solve(build_problem(toy, rate, cheapest, Constraints(), restriction))
        for rate in (rate_rps, 2 * rate_rps)
    )
    assert doubled.status is Status.INFEASIBLE or doubled.plan.cost_cores >= at.plan.cost_cores


def test_with_batches_and_an_sla_a_doubled_rate_can_be_cheaper() -> None:
    """Why the two properties above need their conditions: batches fill sooner, so larger ones fit the SLA."""
    only = variant("only", 0.5, 1, {1: (0.1, 1.0), 8: (0.2, 40.0)})
    toy, cheapest = Pipeline("toy", (Stage("one", (only,)),), sla_s=1.0), Objective(alpha=0.0)
    slow, fast = (solve(build_problem(toy, rate, cheapest, Constraints((1, 8)))) for rate in (8.0, 16.0))
    assert (slow.plan.cost_cores, fast.plan.cost_cores) == (8, 1)


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("name", pipeline_names())
def test_plans_for_the_real_pipelines_pass_an_independent_check(name: str, metric: str) -> None:
    real = load_pipeline(name)
    for rate_rps in (0.0, 0.5, 7.0, 20.0, 33.3, 60.0):
        for method in ("ipa", "fa2-low", "fa2-high"):
            restriction = METHODS[method](real, MethodSettings())
            given = build_problem(
                real, rate_rps, Objective(METRICS[metric], alpha=20), Constraints(), restriction
            )
            decision = solve(given)
            assert decision.status is Status.OPTIMAL
            assert plan_defects(real, decision.plan, rate_rps, real.sla_s) == []
            assert decision.plan.accuracy(real, METRICS["pas"]) > 0


@EXAMPLES
@given(st.sampled_from(pipeline_names()), st.floats(0.5, 200), st.integers(2, 8))
def test_each_of_several_queues_is_planned_for_its_part_of_the_load(
    name: str, rate_rps: float, queues: int
) -> None:
    """Replicas carry the whole load; only the time in which batches fill is that of a part of it."""
    known = load_pipeline(name)
    one, several = (
        solve(build_problem(known, rate_rps, Objective(alpha=2), Constraints(queues=count)))
        for count in (1, queues)
    )
    if several.status is Status.INFEASIBLE:
        return
    assert one.status is not Status.INFEASIBLE, "to wait longer is never easier"
    assert one.objective >= several.objective - TIE
    assert plan_defects(known, several.plan, rate_rps, known.sla_s, queues) == []
    assert plan_defects(known, several.plan, rate_rps, known.sla_s) == []
    for stage in several.plan.stages:
        factor = known.rate_factors()[stage.stage]
        assert stage.batch_wait_s == pytest.approx((stage.batch - 1) * queues / (rate_rps * factor))


@EXAMPLES
@given(random_problems())
def test_every_choice_keeps_the_sla_unless_none_does(given: Problem) -> None:
    choice = SOLVERS["exact"](given, 10.0).choice
    if choice is None:
        assert not given.feasible([min(options, key=lambda o: o.total_s) for options in given.options])
    else:
        chosen = pick_options(given, choice)
        assert given.feasible(chosen)
        assert given.value(chosen) == solve(given).objective


def test_generated_problems_repeat() -> None:
    assert random_problem(5, kind="uncorrelated") == random_problem(5, kind="uncorrelated")
    assert random_problem(5, kind="uncorrelated") != random_problem(6, kind="uncorrelated")
