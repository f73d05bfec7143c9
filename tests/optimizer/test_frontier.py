"""The frontier against brute force, and the weights it promises against the solvers."""

import itertools
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import pick_options
from ipa.optimizer.build import build_problem
from ipa.optimizer.frontier import Frontier, frontier
from ipa.optimizer.labels import pareto
from ipa.optimizer.labels.pareto import find_unbeaten, stage_labels
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.ties import order_key
from ipa.optimizer.tolerance import TIE
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.plan import plan_defects
from tests.support.toys import option, problem, random_problems

EXACT = 1e-12


def every_feasible(asked: Problem) -> list[tuple[int, float, tuple[int, ...]]]:
    """Cost, accuracy and choice of every plan that keeps the SLA."""
    found = []
    for choice in itertools.product(*(range(len(options)) for options in asked.options)):
        options = pick_options(asked, choice)
        if asked.feasible(options):
            accuracy = asked.objective.metric.total([chosen.score for chosen in options])
            found.append((sum(chosen.cost_cores for chosen in options), accuracy, choice))
    return found


def pareto_by_brute_force(asked: Problem) -> list[tuple[int, float]]:
    best: dict[int, float] = {}
    for cost, accuracy, _ in every_feasible(asked):
        best[cost] = max(accuracy, best.get(cost, -math.inf))
    points: list[tuple[int, float]] = []
    for cost in sorted(best):
        if not points or best[cost] > points[-1][1] + TIE:
            points.append((cost, best[cost]))
    return points


def with_weights(asked: Problem, alpha: float, beta: float, delta: float = 0.0) -> Problem:
    return replace(asked, objective=Objective(asked.objective.metric, alpha, beta, delta))


def inside(ratios: tuple[float, float]) -> float:
    low, high = ratios
    return low + 1.0 if math.isinf(high) else (low + high) / 2


@given(random_problems())
def test_the_frontier_is_that_of_brute_force(asked: Problem) -> None:
    found = [(point.cost_cores, point.accuracy) for point in frontier(asked).points]
    expected = pareto_by_brute_force(asked)
    assert [cost for cost, _ in found] == [cost for cost, _ in expected]
    assert [accuracy for _, accuracy in found] == pytest.approx([a for _, a in expected], abs=EXACT)


@given(random_problems())
@example(random_problem(0, stages=2, variants=4, batches=2, kind="strong", metric="rank-sum", tightness=None))
def test_of_equal_plans_the_point_is_the_first_one_in_the_order_of_all_solvers(asked: Problem) -> None:
    plans = every_feasible(asked)
    for point in frontier(asked).points:
        equals = [
            choice
            for cost, accuracy, choice in plans
            if cost == point.cost_cores and accuracy == pytest.approx(point.accuracy, abs=EXACT)
        ]
        first = min(equals, key=lambda c: (sum(o.batch for o in pick_options(asked, c)), order_key(asked, c)))
        assert point.choice == first


@settings(max_examples=60)
@given(random_problems(kind="profile"), st.integers(0, 10**6))
def test_weights_inside_an_interval_choose_its_point_with_every_solver(asked: Problem, seed: int) -> None:
    random = Random(seed)
    for point in frontier(asked).supported:
        assert point.ratios is not None
        if point.ratios[1] - point.ratios[0] > 1e-6:
            beta = random.uniform(0.1, 2)
            weighted = with_weights(asked, inside(point.ratios) * beta, beta)
            for solver in ("exact", "brute-force"):
                assert solve(weighted, solver).plan == point.plan


@given(random_problems(), st.floats(0, 50), st.floats(0.01, 2))
def test_the_point_at_some_weights_is_as_good_as_the_best_plan(
    asked: Problem, alpha: float, beta: float
) -> None:
    found = frontier(asked)
    if found.points:
        point = found.at(alpha, beta)
        best = max(alpha * accuracy - beta * cost for cost, accuracy, _ in every_feasible(asked))
        assert alpha * point.accuracy - beta * point.cost_cores == pytest.approx(best, abs=2 * TIE)


@given(random_problems())
def test_a_point_without_an_interval_is_never_the_best(asked: Problem) -> None:
    found = frontier(asked)
    for point in found.points:
        if not point.supported:
            for ratio in (0.0, 0.1, 1.0, 10.0, 1e3, *(inside(p.ratios) for p in found.supported if p.ratios)):
                assert point not in found.tied_at(ratio, 1.0)


@given(random_problems())
def test_intervals_follow_each_other_without_a_gap_and_cover_all_ratios(asked: Problem) -> None:
    intervals = [point.ratios for point in frontier(asked).supported if point.ratios is not None]
    if intervals:
        assert intervals[0][0] == 0
        assert intervals[-1][1] == math.inf
        for (_, high), (low, _) in itertools.pairwise(intervals):
            assert high == pytest.approx(low)


def test_a_plan_below_the_line_between_two_others_has_no_weights() -> None:
    found = frontier(problem([option(cost=c, accuracy=a) for c, a in ((1, 0.1), (5, 0.3), (6, 0.9))]))
    assert [point.ratios for point in found.points] == [
        (0.0, pytest.approx(6.25)),
        None,
        (pytest.approx(6.25), math.inf),
    ]
    assert len(found.supported) == 2


def test_a_plan_on_the_line_between_two_others_is_tied_at_one_ratio() -> None:
    found = frontier(problem([option(cost=c, accuracy=a) for c, a in ((1, 0.25), (2, 0.5), (3, 0.75))]))
    assert [point.ratios for point in found.points] == [(0.0, 4.0), (4.0, 4.0), (4.0, math.inf)]
    assert len(found.tied_at(4.0, 1.0)) == 3
    assert found.at(4.0, 1.0) == found.points[-1]
    assert found.at(3.9, 1.0) == found.points[0]


def test_a_dearer_plan_that_is_no_more_accurate_is_no_point() -> None:
    found = frontier(
        problem([option(cost=1, accuracy=0.5), option(cost=2, accuracy=0.5 + 1e-10), option(cost=2)])
    )
    assert [point.cost_cores for point in found.points] == [1]


def test_only_plans_within_the_sla_count() -> None:
    fast, slow = option(latency_s=0.4, cost=1, accuracy=0.2), option(latency_s=0.7, cost=2, accuracy=0.9)
    found = frontier(problem([fast, slow], [fast, slow], sla_s=1.1))
    assert [point.cost_cores for point in found.points] == [2, 3]
    assert found.points[-1].latency_s == pytest.approx(1.1)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(problem([option(latency_s=2.0)]), id="the SLA is too short"),
        pytest.param(problem([option()], []), id="a stage has no option"),
    ],
)
def test_an_infeasible_problem_has_an_empty_frontier_that_names_rate_and_sla(asked: Problem) -> None:
    found = frontier(asked)
    assert found == Frontier((), asked)
    with pytest.raises(InvalidValueError, match=r"no plan carries 1 requests per second within 1 s"):
        found.at(1.0, 1.0)


def test_the_cheapest_plan_of_an_accuracy_is_the_first_that_reaches_it() -> None:
    found = frontier(problem([option(cost=c, accuracy=a) for c, a in ((1, 0.1), (5, 0.3), (6, 0.9))]))
    cheapest = [found.cheapest_with(accuracy) for accuracy in (0.0, 0.1, 0.2, 0.9)]
    assert [point.cost_cores for point in cheapest if point] == [1, 1, 5, 6]
    assert found.cheapest_with(0.95) is None


@pytest.mark.parametrize("name", ["video", "audio-qa", "audio-sent", "sum-qa", "nlp"])
def test_every_point_of_a_pipeline_passes_the_independent_check(name: str) -> None:
    chosen = load_pipeline(name)
    found = frontier(build_problem(chosen, 20.0, Objective(), Constraints()))
    assert found.points
    for point in found.points:
        assert plan_defects(chosen, point.plan, 20.0, chosen.sla_s) == []
        assert point.plan.cost_cores == point.cost_cores
        assert point.plan.accuracy(chosen) == pytest.approx(point.accuracy)


def test_ten_stages_are_no_obstacle_and_agree_with_the_exact_solver() -> None:
    asked = random_problem(seed=3, stages=10, variants=4, batches=4, tightness=0.3)
    found = frontier(asked)
    assert len(found.points) > 10
    for point in found.supported[1:-1:5]:
        assert point.ratios is not None
        assert solve(with_weights(asked, inside(point.ratios), 1.0), "exact").plan == point.plan


def test_too_many_partial_plans_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pareto, "MAX_PARTIAL_PLANS", 10)
    with pytest.raises(InvalidValueError, match="more than 10 partial plans; use fewer stages"):
        frontier(random_problem(seed=0, stages=3, variants=4, batches=3, tightness=1.0))


@given(random_problems(stages=1))
def test_no_label_that_is_left_beats_another(asked: Problem) -> None:
    labels = stage_labels(asked, 0, lambda chosen: chosen.cost_cores)
    assert len(find_unbeaten(labels)) == len(labels.price)
    rows = list(zip(labels.latency, labels.price, -labels.score, strict=True))
    for one, other in itertools.permutations(rows, 2):
        assert not (all(a <= b for a, b in zip(one, other, strict=True)) and one[1:] != other[1:])
