"""Decisions for graphs: exact labels for series-parallel ones, a mixed-integer program for all others.

What labels cannot do, because the graph or a limit of cores is in the way, is enumerated where there are few
plans, and left to HiGHS where there are many.

A graph is series-parallel if merging stages one after the other, and branches side by side, reduces it to a
single part. Labels then add latencies in series and take the slower one in parallel.
"""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ipa.optimizer.answer import Answer, pick_options
from ipa.optimizer.few_plans import solve_few_plans
from ipa.optimizer.known import best_known
from ipa.optimizer.labels.pareto import PartialPlans, Price, TooManyPlansError, join, stage_labels
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.solvers.highs import solve_highs_directly
from ipa.optimizer.ties import first_in_order
from ipa.optimizer.tolerance import tie

log = logging.getLogger("ipa.optimizer")

LABELS_SHARE = 0.5
"""Share of the deadline after which labels give way to HiGHS."""

_FREE_SHARE = 0.4
"""Share of the deadline for the problem without its limit of cores."""

_LEAST_S = 0.01

_PRICE_GRID = 1e10
"""Prices are whole multiples of 1 / this; far finer than a tie needs."""

_LARGEST_PRICE = 2.0**60
"""Whole units of price that a plan may have."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the graph between two of its nodes."""

    start: int
    end: int
    labels: PartialPlans


def series_parallel_labels(problem: Problem, price: Price, until: float = math.inf) -> PartialPlans | None:
    """Return the labels of a whole graph; None if it is not series-parallel.

    Parameters
    ----------
    problem
        A graph; every stage has an option.
    price
        What is minimised.
    until
        ``time.perf_counter()`` at which to give up.

    Raises
    ------
    TooManyPlansError
        If there are too many labels, or the time is over.
    """
    limit = problem.ticks.limit
    parts = list(_parts(problem, price))
    # A queue term may be negative: what is too slow so far can still come below the limit.
    slack = sum(max(0, -int(part.labels.latency.min(initial=0))) for part in parts)
    last = len(problem.options) * 2
    while len(parts) > 1:
        pair = _side_by_side(parts) or _in_a_row(parts, last)
        if pair is None:
            return None
        one, other = pair
        parallel = one.start == other.start and one.end == other.end
        parts = [part for part in parts if part is not one and part is not other]
        merged = join(one.labels, other.labels, limit + slack, parallel=parallel, until=until)
        parts.append(_Part(one.start, other.end, merged))
    labels = parts[0].labels
    return labels.at(np.flatnonzero(labels.latency <= limit))


def _parts(problem: Problem, price: Price) -> Iterator[_Part]:
    """Yield a part per stage, from its node 2n to 2n + 1, and an empty one per edge and per last stage."""
    count = len(problem.options)
    followed = {source for source, _ in problem.edges}
    for stage in range(count):
        yield _Part(2 * stage, 2 * stage + 1, stage_labels(problem, stage, price))
    for source, target in problem.edges:
        yield _Part(2 * source + 1, 2 * target, _nothing())
    for stage in range(count):
        if stage not in followed:
            yield _Part(2 * stage + 1, 2 * count, _nothing())


def _nothing() -> PartialPlans:
    zero = np.zeros(1, dtype=np.int64)
    return PartialPlans(
        (), zero, zero, zero, np.zeros((4, 1), dtype=np.int64), np.zeros((1, 0), dtype=np.int16)
    )


def _side_by_side(parts: list[_Part]) -> tuple[_Part, _Part] | None:
    seen: dict[tuple[int, int], _Part] = {}
    for part in parts:
        key = (part.start, part.end)
        if key in seen:
            return seen[key], part
        seen[key] = part
    return None


def _in_a_row(parts: list[_Part], last: int) -> tuple[_Part, _Part] | None:
    for node in {part.end for part in parts} - {last}:
        before = [part for part in parts if part.end == node]
        after = [part for part in parts if part.start == node]
        if len(before) == len(after) == 1:
            return before[0], after[0]
    return None


def solve_graph(problem: Problem, deadline_s: float) -> Answer:
    """Find the best plan of a graph.

    Parameters
    ----------
    problem
        What there is to choose from; ``edges`` say how the stages follow each other.
    deadline_s
        Wall time in seconds; labels give way to the mixed-integer program after ``LABELS_SHARE`` of it.

    Returns
    -------
    Answer
        For a series-parallel graph the first in the order of ties among the labels that are left, for one of
        few plans the first of all; else what HiGHS proves, where one of several tied plans may come out.
    """
    if not all(problem.options):
        return Answer(None, proven=True)
    started = time.perf_counter()
    if problem.max_cores is not None:
        free = solve_graph(replace(problem, max_cores=None), _FREE_SHARE * deadline_s)
        if free.proven and (free.choice is None or problem.fits_cores(pick_options(problem, free.choice))):
            return free
        return _without_labels(problem, started + deadline_s)
    try:
        labels = series_parallel_labels(problem, _price_of(problem), started + LABELS_SHARE * deadline_s)
    except TooManyPlansError:
        log.info("solver exact: too many labels, falling back to HiGHS")
        return _by_highs(problem, started + deadline_s, "too many labels: left to HiGHS")
    if labels is None:
        return _without_labels(problem, started + deadline_s)
    choices = [tuple(row) for row in labels.choices.tolist()]
    if not choices:
        return Answer(None, proven=True)
    values = {choice: problem.value(pick_options(problem, choice)) for choice in choices}
    best = max(values.values())
    return Answer(first_in_order(problem, (c for c, v in values.items() if v >= best - tie(best))), True)


def _price_of(problem: Problem) -> Price:
    """Return what an option costs in whole units: as fine as the sum of the dearest ones leaves room for.

    Where that is too coarse, all options too dear for any plan that is worth it get the same price.
    """
    weights, most = problem.objective, math.inf

    def price(option: Option) -> float:
        return min(most, weights.beta * option.cost_cores + weights.batch_weight * option.batch)

    def dearest() -> float:
        return sum(max(map(price, stage)) for stage in problem.options)

    if dearest() * _PRICE_GRID > _LARGEST_PRICE and (known := best_known(problem).choice) is not None:
        scores = [max(option.score for option in stage) for stage in problem.options]
        best, reached = (
            weights.alpha * weights.metric.total(scores),
            problem.value(pick_options(problem, known)),
        )
        most = 1.0 + best - reached
    grid = min(_PRICE_GRID, _LARGEST_PRICE / max(1.0, dearest()))
    return lambda option: round(price(option) * grid)


def _without_labels(problem: Problem, until: float) -> Answer:
    now = time.perf_counter()
    return solve_few_plans(problem, now + _FREE_SHARE * (until - now)) or _by_highs(problem, until)


def _by_highs(problem: Problem, until: float, why: str = "") -> Answer:
    answer = solve_highs_directly(problem, max(_LEAST_S, until - time.perf_counter()))
    return replace(answer, solver="highs", note="; ".join(text for text in (why, answer.note) if text))
