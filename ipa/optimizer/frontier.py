"""The whole trade-off of a decision: every plan that is worth its cost, and the weights that choose it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ipa.errors import InvalidValueError
from ipa.optimizer.answer import Choice, pick_options
from ipa.optimizer.labels import pareto
from ipa.optimizer.labels.pareto import PartialPlans, TooManyPlansError, join, stage_labels, tie_rank
from ipa.optimizer.measured.cheapest import cheapest_choices
from ipa.optimizer.problem import Option, Problem
from ipa.optimizer.solvers.exact import solve_exact
from ipa.optimizer.solvers.graph import series_parallel_labels
from ipa.optimizer.ticks import OUT_OF_REACH
from ipa.optimizer.ties import inaccuracy, order_key
from ipa.optimizer.tolerance import ACCURACY, TIE, tie
from ipa.pipeline.plan import Plan

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """A plan that no cheaper plan matches in accuracy.

    Parameters
    ----------
    plan
        The plan.
    choice
        Option index of each stage.
    accuracy
        Accuracy under the metric of the problem.
    cost_cores
        Cores of the plan.
    latency_s
        What the plan uses of the SLA in seconds.
    inaccuracy
        Minus the logarithm of its PAS, in the units in which ties are compared.
    ratios
        The smallest and the largest α/β for which no other plan is better; infinity where there is no
        largest. None if there is no such α/β: the plan lies below a line between two others.
    """

    plan: Plan
    choice: Choice
    accuracy: float
    cost_cores: int
    latency_s: float
    inaccuracy: int
    ratios: Interval | None = None

    @property
    def supported(self) -> bool:
        """Whether some weights choose this plan."""
        return self.ratios is not None


@dataclass(frozen=True, slots=True)
class Frontier:
    """Every Pareto-optimal plan of a problem.

    Parameters
    ----------
    points
        Ascending in cost and in accuracy; none if no plan keeps the limits.
    problem
        What there was to choose from.
    """

    points: tuple[FrontierPoint, ...]
    problem: Problem

    @property
    def supported(self) -> tuple[FrontierPoint, ...]:
        """The points that some weights choose."""
        return tuple(point for point in self.points if point.supported)

    def tied_at(self, alpha: float, beta: float) -> tuple[FrontierPoint, ...]:
        """Return the points whose α·A - β·C lies within ``tie`` of the best, the cheapest first.

        Raises
        ------
        InvalidValueError
            If there is no plan.
        """
        if not self.points:
            raise InvalidValueError(
                f"no plan carries {self.problem.rate_rps:g} requests per second within"
                f" {self.problem.sla_s:g} s"
            )
        values = [alpha * point.accuracy - beta * point.cost_cores for point in self.points]
        least = max(values) - tie(max(values))
        return tuple(point for point, value in zip(self.points, values, strict=True) if value >= least)

    def at(self, alpha: float, beta: float) -> FrontierPoint:
        """Return the point that the weights choose; of those tied, the one with the highest PAS.

        The weight δ of batch sizes decides between plans of equal accuracy and cost only. With β = 0, where
        cores are free, a solver weighs batches before cores and may choose a dearer plan.
        """
        return min(self.tied_at(alpha, beta), key=lambda point: (point.inaccuracy, point.cost_cores))

    def cheapest_with(self, accuracy: float) -> FrontierPoint | None:
        """Return the cheapest plan that is at least as accurate; None if there is none."""
        return next((point for point in self.points if point.accuracy >= accuracy - ACCURACY), None)


def frontier(problem: Problem) -> Frontier:
    """Find every plan within the limits that no other one beats in accuracy or cost without losing elsewhere.

    Parameters
    ----------
    problem
        What there is to choose from; the weights of its objective do not matter, except that δ > 0 prefers
        small batches among equals.

    Returns
    -------
    Frontier
        One point per pair of cost and accuracy. A dearer plan is a point only if it is more accurate by more
        than ``ACCURACY``. Of the plans of one pair, the point is the first one in the order of all solvers:
        smallest batches (if δ > 0), highest PAS, lowest latency, smallest tuple of option indices.

    Raises
    ------
    InvalidValueError
        If there are too many partial plans (``ipa.optimizer.labels.pareto.MAX_PARTIAL_PLANS``), or the stages
        form a graph that is not series-parallel (``ipa.optimizer.solvers.graph``).

    Notes
    -----
    Label setting over (latency, cost, accuracy): stages are added one by one, and a partial plan is dropped
    if another one is no slower, no dearer and no less accurate, and better in cost or accuracy (or first
    among equals). That loses no point, since cost, latency and accuracy all add up (PAS as a logarithm).
    Measured accuracies of combinations do not: there the cheapest plan of every combination is looked for
    (``ipa.optimizer.measured.cheapest``), in a graph of any form.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> from ipa.optimizer.build import build_problem
    >>> from ipa.optimizer.problem import Constraints, Objective
    >>> problem = build_problem(load_pipeline("video"), 20.0, Objective(), Constraints())
    >>> for point in frontier(problem).points[:3]:
    ...     print(point.cost_cores, round(point.accuracy, 4), point.supported)
    4 0.3479 True
    5 0.3536 False
    6 0.4324 True
    """
    if not all(problem.options):
        return Frontier((), problem)
    try:
        candidates = _find_measured(problem) if problem.objective.metric.tabular else _find_by_labels(problem)
    except TooManyPlansError as error:
        raise InvalidValueError(
            f"the frontier has more than {pareto.MAX_PARTIAL_PLANS:,} partial plans;"
            " use fewer stages, variants or batch sizes"
        ) from error
    points: list[FrontierPoint] = []
    for point in candidates:
        if not points or point.accuracy > points[-1].accuracy + ACCURACY:
            points.append(point)
    return Frontier(tuple(_add_ratios(points)) if points else (), problem)


def _find_measured(problem: Problem) -> list[FrontierPoint]:
    """Return what may be a point where combinations of variants have measured accuracies, in order."""
    weighs_batches = problem.objective.batch_weight > 0

    def place(point: FrontierPoint) -> tuple[object, ...]:
        batches = sum(stage.batch for stage in point.plan.stages) * weighs_batches
        return point.cost_cores, -point.accuracy, batches, order_key(problem, point.choice)

    return sorted((_point(problem, choice) for choice in cheapest_choices(problem, solve_exact)), key=place)


def _find_by_labels(problem: Problem) -> list[FrontierPoint]:
    """Return what may be a point where the scores of the stages add up or multiply, in order."""
    labels = _all_labels(problem)
    if problem.max_cores is not None:
        labels = labels.at((labels.price <= problem.max_cores).nonzero()[0])
    order = np.lexsort((tie_rank(labels), -labels.score, labels.price))
    return [_point(problem, tuple(labels.choices[place].tolist())) for place in order]


def _all_labels(problem: Problem) -> PartialPlans:
    """Put the stages together."""
    if problem.edges:
        labels = series_parallel_labels(problem, _cost_cores)
        if labels is None:
            raise InvalidValueError(
                "the frontier of a graph that is not series-parallel is not supported; decide with weights"
            )
        return labels
    limit = problem.ticks.limit
    stages = [stage_labels(problem, stage, _cost_cores) for stage in range(len(problem.options))]
    fastest = [int(labels.latency.min(initial=OUT_OF_REACH)) for labels in stages]
    labels = stages[0].at((stages[0].latency <= limit - sum(fastest[1:])).nonzero()[0])
    for number, added in enumerate(stages[1:], start=1):
        labels = join(labels, added, limit - sum(fastest[number + 1 :]))
    return labels


def _cost_cores(option: Option) -> int:
    return option.cost_cores


def _point(problem: Problem, choice: Choice) -> FrontierPoint:
    options = pick_options(problem, choice)
    return FrontierPoint(
        plan=problem.plan(options),
        choice=choice,
        accuracy=problem.accuracy(options),
        cost_cores=sum(option.cost_cores for option in options),
        latency_s=problem.latency_s(options),
        inaccuracy=sum(inaccuracy(option.accuracy) for option in options),
    )


def _add_ratios(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """Give every point on the upper hull of accuracy over cost its interval of α/β."""
    hull = _upper_hull(points)
    limits = [0.0, *(_ratio(one, other) for one, other in pairwise(hull)), math.inf]
    # On a line between three points rounding may put the upper end below the lower one.
    ends = [(low, max(low, high)) for low, high in pairwise(limits)]
    intervals = dict(zip((point.choice for point in hull), ends, strict=True))
    return [replace(point, ratios=intervals.get(point.choice)) for point in points]


def _ratio(cheap: FrontierPoint, dear: FrontierPoint) -> float:
    """Return the α/β at which two plans are equally good."""
    return (dear.cost_cores - cheap.cost_cores) / (dear.accuracy - cheap.accuracy)


def _upper_hull(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """Return the points that maximise α·A - β·C for some α/β; those on a line between others included."""
    hull: list[FrontierPoint] = []
    for point in points:
        while len(hull) > 1 and _ratio(hull[-2], hull[-1]) > _ratio(hull[-1], point) * (1 + TIE):
            hull.pop()
        hull.append(point)
    return hull
