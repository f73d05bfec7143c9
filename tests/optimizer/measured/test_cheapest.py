"""The frontier by measured accuracy against every plan."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.optimizer import frontier as frontier_module
from ipa.optimizer.answer import Answer, Choice, pick_options
from ipa.optimizer.frontier import frontier
from ipa.optimizer.measured import cheapest
from ipa.optimizer.problem import Problem
from ipa.optimizer.ties import order_key
from ipa.optimizer.tolerance import ACCURACY
from tests.optimizer.measured.test_search import graphs
from tests.support.toys import measured_problems, option, problem, with_measured_accuracy


def points_by_brute_force(asked: Problem) -> list[tuple[int, float, Choice]]:
    """Cost, accuracy and choice of every point, in the order of all solvers."""
    plans = []
    for choice in itertools.product(*(range(len(options)) for options in asked.options)):
        options = pick_options(asked, choice)
        if asked.feasible(options):
            batches = sum(o.batch for o in options) if asked.objective.batch_weight > 0 else 0
            cost, accuracy = sum(o.cost_cores for o in options), asked.accuracy(options)
            plans.append((cost, -accuracy, batches, order_key(asked, choice), choice))
    points: list[tuple[int, float, Choice]] = []
    for cost, lacking, _, _, choice in sorted(plans):
        if not points or -lacking > points[-1][1] + ACCURACY:
            points.append((cost, -lacking, choice))
    return points


@settings(max_examples=200)
@given(st.one_of(measured_problems(), graphs()))
def test_the_frontier_is_that_of_brute_force_ties_included(asked: Problem) -> None:
    found = [(point.cost_cores, point.accuracy, point.choice) for point in frontier(asked).points]
    assert found == points_by_brute_force(asked)


def test_a_rest_that_is_too_large_to_list_is_decided_by_the_exact_solver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = [option(latency_s=0.1 * n, cost=10 - n, batch=n) for n in range(1, 4)]
    asked = with_measured_accuracy(problem(options, options, options), seed=1)
    expected = points_by_brute_force(asked)
    monkeypatch.setattr(cheapest, "value_few_plans", lambda _: None)
    assert [(p.cost_cores, p.accuracy, p.choice) for p in frontier(asked).points] == expected


def test_a_rest_that_nobody_decides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cheapest, "value_few_plans", lambda _: None)
    monkeypatch.setattr(frontier_module, "solve_exact", lambda *_: Answer(None, proven=False))
    with pytest.raises(InvalidValueError, match="partial plans; use fewer stages"):
        frontier(with_measured_accuracy(problem([option()]), seed=1))


def test_no_option_within_reach_leaves_an_empty_frontier() -> None:
    assert frontier(with_measured_accuracy(problem([option(latency_s=2.0)]), seed=0)).points == ()
