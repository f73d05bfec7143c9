"""Products as sums: where options differ in hardly anything but scores, add up the logarithms of the scores.

With the gain G of a choice and the product P₀ of the best choice known, the objective G + α·P lies close
above G + α·P₀·(1 + log(P / P₀)), which is additive. Bounds on it are far tighter than those on the product,
which is convex in its logarithm.

Invariant: if all choices had the same G, both objectives would order them alike. Gains that differ by E at
most (batches weigh a little) can turn the order of two choices around only by ``Scale.error``, which is added
to what the objective of a label may be off by.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ipa.optimizer.answer import Choice, pick_options
from ipa.optimizer.labels.columns import Columns, Floats, on_grid
from ipa.optimizer.labels.reduction import Reduction
from ipa.optimizer.labels.relaxation import tightest
from ipa.optimizer.problem import Problem

_LARGEST_LOG = 100.0

_MOST_SPREAD = 1e-4
"""Most by which gains may differ, as a share of α·P₀."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the sum and the objective correspond.

    Parameters
    ----------
    low, high
        Least and largest gain of a choice.
    product
        P₀; 0 if sum and objective are the same.
    weight
        α·P₀.
    """

    low: float = 0.0
    high: float = 0.0
    product: float = 0.0
    weight: float = 0.0

    def total(self, problem: Problem, choice: Choice) -> float:
        """Return the sum of a choice."""
        options = pick_options(problem, choice)
        value = problem.value(options)
        if not self.product:
            return value
        product = problem.objective.metric.total([option.score for option in options])
        gain = value - problem.objective.alpha * product
        return gain + self.weight * (1 + math.log(product / self.product))

    def objective(self, total: float) -> float:
        """Return the most that the objective can be where the sum is no more than this."""
        if not self.product:
            return total
        ends = (self.low, self.high)
        return max(gain + self.weight * math.exp((total - gain) / self.weight - 1) for gain in ends)

    def error(self, *totals: float) -> float:
        """Return by how much the order of sums may be wrong that lie between some.

        The slope of the objective over the sum is P / P₀, and gains move a choice by their spread at most.
        """
        if not self.product:
            return 0.0
        logs = [(total - gain) / self.weight - 1 for total in totals for gain in (self.low, self.high)]
        return (self.high - self.low) * math.expm1(min(_LARGEST_LOG, max(map(abs, logs))))


def as_sum(reduction: Reduction) -> tuple[Reduction, Scale]:
    """Return the reduction as a sum of logarithms, and its scale; as it is if gains differ too much."""
    columns = reduction.columns
    if columns.additive or not (columns.factor[columns.present] > 0).all():
        return reduction, Scale()
    reduction = _with_better_product(reduction)
    low = float(np.where(columns.present, columns.gain, np.inf).min(axis=1).sum())
    high = float(columns.gain.max(axis=1).sum())
    product = float(columns.factor[columns.rows, reduction.best].prod())
    scale = Scale(low, high, product, columns.alpha * product)
    if high - low > _MOST_SPREAD * scale.weight:
        return reduction, Scale()
    logs = _logs(columns)
    share = (1 - math.log(product)) / len(columns.sizes)
    worth = np.where(columns.present, columns.gain, 0.0) + scale.weight * (logs + share)
    gains = np.where(columns.present, on_grid(worth, len(columns.sizes)), -np.inf)
    added = replace(columns, gain=gains, factor=np.ones((1, 1)), alpha=0.0)
    bound = tightest(added, reduction.limit)
    return replace(reduction, columns=added, bound=bound), scale


def _logs(columns: Columns) -> Floats:
    """Return the logarithms of the scores, 0 where there is no option."""
    logs: Floats = np.log(columns.factor, where=columns.present, out=np.zeros_like(columns.factor))
    return logs


def _with_better_product(reduction: Reduction) -> Reduction:
    """Return the reduction with the choice of a large product that pricing finds, if that is better."""
    columns = reduction.columns
    logs = np.where(columns.present, _logs(columns), -np.inf)
    fast = tightest(replace(columns, gain=logs, factor=np.ones((1, 1)), alpha=0.0), reduction.limit).fast
    return replace(reduction, best=max(reduction.best, fast, key=columns.value))
