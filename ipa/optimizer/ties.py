"""The one total order by which every solver picks among plans of equal objective."""

import math
from collections.abc import Iterable
from functools import lru_cache

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import Choice, pick_options
from ipa.optimizer.problem import Problem

GRID = 1e12
"""Logarithms of accuracies are compared as integers in units of 1 / GRID."""

_LEAST_ACCURACY = 1e-30

MOST_CORES = 2**53
"""Most cores of an option."""

OrderKey = tuple[int, int, int, Choice]


def order_key(problem: Problem, choice: Choice) -> OrderKey:
    """Return the place of a choice in the total order; the smallest key wins.

    Among the choices whose objective lies within ``tolerance.tie`` of the best, the first is the one with the
    highest PAS, then the lowest cost, then the lowest latency, then the smallest tuple of option indices.
    PAS is compared through the sum of the logarithms of the accuracies, and logarithms and latencies (in
    ticks) as integers, so that the order neither depends on the order of the stages nor on rounding in the
    sums. In a graph, too, the latency is the sum over all stages.

    Parameters
    ----------
    problem
        What there was to choose from.
    choice
        Option index of each stage.
    """
    options = pick_options(problem, choice)
    return (
        sum(inaccuracy(option.accuracy) for option in options),
        sum(option.cost_cores for option in options),
        sum(problem.ticks.of(option.total_s) for option in options),
        choice,
    )


@lru_cache(maxsize=4096)
def inaccuracy(accuracy: float) -> int:
    """Return minus the logarithm of an accuracy in units of 1 / GRID."""
    return -round(math.log(max(accuracy, _LEAST_ACCURACY)) * GRID)


def check_cores(cost_cores: float) -> None:
    """Refuse an option of more cores than can be added up exactly.

    Raises
    ------
    InvalidValueError
        If there are more than ``MOST_CORES``.
    """
    if cost_cores > MOST_CORES:
        raise InvalidValueError(
            f"an option takes {cost_cores:.3g} cores; at most {MOST_CORES:,} are added up exactly:"
            " lower the rate, or the cores of a replica"
        )


def first_in_order(problem: Problem, choices: Iterable[Choice]) -> Choice:
    """Return the first of some choices in the total order."""
    return min(choices, key=lambda choice: order_key(problem, choice))
