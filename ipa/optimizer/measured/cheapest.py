"""The cheapest plan of every combination of variants that may lie on the frontier of cost and accuracy."""

import math

import numpy as np

from ipa.optimizer.answer import Choice, Solver, pick_options
from ipa.optimizer.few_plans import value_few_plans
from ipa.optimizer.labels.pareto import TooManyPlansError
from ipa.optimizer.measured.combinations import Combinations
from ipa.optimizer.problem import Objective, Problem
from ipa.optimizer.ties import order_key

REST_DEADLINE_S = 5.0
"""Longest time for what the variants of one combination leave to decide."""

_ROUNDING = 1e-6


def cheapest_choices(problem: Problem, solve_rest: Solver) -> list[Choice]:
    """Return the cheapest plan of combinations of variants, the most accurate first.

    Of the plans of equal cost it is the first one in the order of the frontier. Left out is whatever a more
    accurate plan is no dearer than, or a cheaper one as accurate as.

    Parameters
    ----------
    problem
        What there is to choose from; every stage has an option, and the metric is bound to a table.

    solve_rest
        Solves what is left to decide in a combination of too many plans to look at each.

    Raises
    ------
    TooManyPlansError
        If a combination leaves too much to decide.
    """
    combinations = Combinations(problem)
    if not all(combinations.alternatives):
        return []
    weights = _cheapest_and_smallest(problem)
    least = np.ceil(combinations.least_price(1.0, 0.0) - _ROUNDING)
    accuracy = combinations.accuracy
    found: list[Choice] = []
    level, above, same = math.inf, math.inf, math.inf
    for number in np.lexsort((least, -accuracy)).tolist():
        if accuracy[number] < level:
            level, above, same = float(accuracy[number]), min(above, same), math.inf
        if not combinations.possible[number] or least[number] >= above or least[number] > same:
            continue
        choice = _first(combinations, number, weights, solve_rest)
        if choice is not None:
            found.append(choice)
            same = min(same, sum(option.cost_cores for option in pick_options(problem, choice)))
    return found


def _cheapest_and_smallest(problem: Problem) -> Objective:
    """Weigh all batches of a plan together less than one core, and not at all if the problem does not."""
    weights = problem.objective
    largest = sum(max(option.batch for option in stage) for stage in problem.options)
    return Objective(weights.metric, 0.0, 1.0, 0.5 / largest if weights.batch_weight > 0 else 0.0)


def _first(combinations: Combinations, number: int, weights: Objective, solve_rest: Solver) -> Choice | None:
    """Return the first of the cheapest plans of a combination; None if none keeps the limits."""
    rest = combinations.rest(number, weights)
    values = value_few_plans(rest.problem)
    if values is None:
        answer = solve_rest(rest.problem, REST_DEADLINE_S)
        if not answer.proven:
            raise TooManyPlansError
        return None if answer.choice is None else rest.choice(answer.choice)
    if not values:
        return None
    best = max(values.values())
    cheapest = [rest.choice(choice) for choice, value in values.items() if value == best]
    return min(cheapest, key=lambda choice: order_key(combinations.problem, choice))
