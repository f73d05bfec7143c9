"""Every plan at once, as arrays: for problems of so few plans that looking at all of them is quickest.

Latencies are whole ticks and cores whole numbers, so that a plan keeps a limit here if and only if it does
elsewhere. Objectives are added up in another order than ``Problem.value`` does it; whatever may be the best
but for that rounding is valued once more.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ipa.optimizer.answer import Answer, Choice, pick_options
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.tolerance import tie
from ipa.pipeline.accuracy import Combine
from ipa.pipeline.slowest_path import slowest_path_of_many

MOST_PLANS = 100_000

Column = npt.NDArray[np.float64]


def solve_few_plans(problem: Problem, until: float) -> Answer | None:
    """Find the first of the best plans by looking at every one.

    Parameters
    ----------
    problem
        What there is to choose from; every stage has an option.
    until
        ``time.perf_counter()`` at which to give up.

    Returns
    -------
    Answer
        Proven; None if there are more than ``MOST_PLANS`` plans or the time is over.
    """
    values = value_few_plans(problem, until)
    if values is None:
        return None
    best = max(values.values(), default=-math.inf)
    tied = [choice for choice, value in values.items() if value >= best - tie(best)]
    return Answer(first_in_order(problem, tied) if tied else None, proven=True)


def value_few_plans(problem: Problem, until: float = math.inf) -> dict[Choice, float] | None:
    """Return the plans that are the best or tied with it, and perhaps some more, with their objectives.

    Parameters
    ----------
    problem
        What there is to choose from; every stage has an option.
    until
        ``time.perf_counter()`` at which to give up.

    Returns
    -------
    dict
        Nothing if no plan keeps the limits; None if there are more than ``MOST_PLANS`` plans or the time is
        over.
    """
    sizes = [len(options) for options in problem.options]
    if math.prod(sizes) > MOST_PLANS:
        return None
    plans = np.indices(sizes, dtype=np.int16).reshape(len(sizes), -1)
    plans = plans[:, _keeping_limits(problem, plans)]
    if not plans.shape[1]:
        return {}
    values: dict[Choice, float] = {}
    for row in plans[:, _perhaps_best(problem, plans)].T.tolist():
        if time.perf_counter() > until:
            return None
        choice: Choice = tuple(row)
        values[choice] = problem.value(pick_options(problem, choice))
    return values


def _keeping_limits(problem: Problem, plans: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    ticks = [
        np.array([problem.ticks.of(option.total_s) for option in options])[chosen]
        for options, chosen in zip(problem.options, plans, strict=True)
    ]
    kept: npt.NDArray[np.bool_] = slowest_path_of_many(ticks, problem.edges) <= problem.ticks.limit
    if problem.max_cores is not None:
        # As floats: more cores than 2**53 are far above any limit.
        kept &= _column(problem, plans, _cost).sum(axis=0) <= problem.max_cores
    return kept


def _perhaps_best(problem: Problem, plans: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Return the plans that are the best or tied with it, or may be but for rounding."""
    weights = problem.objective
    scores = _column(problem, plans, lambda option: option.score)
    accuracy = scores.prod(axis=0) if weights.metric.combine is Combine.PRODUCT else scores.sum(axis=0)
    if weights.metric.combine is Combine.MEAN:
        accuracy = accuracy / len(plans)
    price = weights.beta * _column(problem, plans, _cost).sum(axis=0)
    price += weights.batch_weight * _column(problem, plans, lambda option: option.batch).sum(axis=0)
    value = weights.alpha * accuracy - price
    largest = float(np.max(weights.alpha * accuracy + price))
    rounding = 8 * len(plans) * math.ulp(largest)
    best = float(value.max())
    perhaps: npt.NDArray[np.bool_] = value >= best - tie(best) - rounding
    return perhaps


def _cost(option: Option) -> float:
    return option.cost_cores


def _column(problem: Problem, plans: npt.NDArray[np.int16], of: Callable[[Option], float]) -> Column:
    """Return a number of the chosen options, a row per stage and a column per plan."""
    return np.array(
        [
            np.array([of(option) for option in options], dtype=np.float64)[chosen]
            for options, chosen in zip(problem.options, plans, strict=True)
        ]
    )
