"""What a combination of variants can be worth at most, and what it leaves to decide."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import pick_options
from ipa.optimizer.measured.combinations import Combinations
from ipa.optimizer.measured.search import bound_values
from ipa.optimizer.problem import Problem
from ipa.pipeline.accuracy import MEASURED
from tests.support.toys import measured_problems, option, problem


@settings(max_examples=200)
@given(measured_problems())
def test_no_plan_is_worth_more_than_the_bound_of_its_combination(asked: Problem) -> None:
    combinations = Combinations(asked)
    if not all(combinations.alternatives):
        return
    most = bound_values(combinations)
    bounds = {
        tuple((one.name, one.options[0].accuracy) for one in combinations.chosen(number)): most[number]
        for number in range(len(most))
    }
    for choice in itertools.product(*(range(len(options)) for options in asked.options)):
        options = pick_options(asked, choice)
        if asked.feasible(options):
            assert asked.value(options) <= bounds[tuple((o.variant, o.accuracy) for o in options)]


@settings(max_examples=100)
@given(measured_problems())
def test_of_each_combination_the_best_value_is_left_in_the_rest(asked: Problem) -> None:
    combinations = Combinations(asked)
    if not all(combinations.alternatives):
        return
    best: dict[tuple[tuple[str, float], ...], float] = {}
    for choice in itertools.product(*(range(len(options)) for options in asked.options)):
        options = pick_options(asked, choice)
        if asked.feasible(options):
            key = tuple((o.variant, o.accuracy) for o in options)
            best[key] = max(best.get(key, -math.inf), asked.value(options))
    for number in range(len(combinations.accuracy)):
        rest = combinations.rest(number)
        values = [
            asked.value(pick_options(asked, rest.choice(choice)))
            for choice in itertools.product(*(range(len(options)) for options in rest.problem.options))
            if rest.problem.feasible(pick_options(rest.problem, choice))
        ]
        key = tuple((one.name, one.options[0].accuracy) for one in combinations.chosen(number))
        assert max(values, default=-math.inf) == best.get(key, -math.inf)
        assert combinations.possible[number] or not values


def test_a_metric_without_its_table_is_refused() -> None:
    asked = problem([option()])
    unbound = problem([option()], metric="pas")
    object.__setattr__(unbound.objective, "metric", MEASURED)
    with pytest.raises(InvalidValueError, match="not bound to a pipeline"):
        _ = Combinations(unbound).accuracy
    assert np.isfinite(asked.value(asked.options[0]))
