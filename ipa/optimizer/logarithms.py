"""Products as sums: where options have but scores, the best product has the best sum of logarithms.

With a gain g that every choice has and the product P₀ of the best choice known, the objective g + α·P grows
with g + α·P₀·(1 + log(P / P₀)), which is additive and, near P₀, nearly the same number. Bounds on it are far
tighter than those on the product, which is convex in its logarithm.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ipa.optimizer.columns import Columns, on_grid
from ipa.optimizer.reduction import Reduction
from ipa.optimizer.relaxation import tightest


@dataclass(frozen=True, slots=True)
class Scale:
    """How objectives of the sum and of the product correspond.

    Parameters
    ----------
    gain
        Gain that every choice has.
    weight
        α times the product at which both have the same value and slope; 0 if they are the same anyway.
    """

    gain: float = 0.0
    weight: float = 0.0

    def inward(self, objective: float) -> float:
        """Return what the sum is where the objective is this."""
        if not self.weight:
            return objective
        share = max((objective - self.gain) / self.weight, math.ulp(0.0))
        return self.gain + self.weight * (1 + math.log(share))

    def outward(self, total: float) -> float:
        """Return what the objective is where the sum is this."""
        if not self.weight:
            return total
        return self.gain + self.weight * math.exp((total - self.gain) / self.weight - 1)


def as_sum(reduction: Reduction) -> tuple[Reduction, Scale]:
    """Return the reduction as a sum of logarithms, and its scale; as it is if it is no pure product."""
    columns = reduction.columns
    if columns.additive or not _is_pure_product(columns):
        return reduction, Scale()
    gain = float(columns.gain[:, 0].sum())
    product = float(columns.factor[columns.rows, reduction.best].prod())
    scale = Scale(gain, columns.alpha * product)
    share = 1 / len(columns.sizes)
    logs = np.log(columns.factor, where=columns.present, out=np.zeros_like(columns.factor))
    worth = scale.weight * (logs + (1 - math.log(product)) * share) + gain * share
    gains = np.where(columns.present, on_grid(worth, len(columns.sizes)), -np.inf)
    added = replace(columns, gain=gains, factor=np.ones((1, 1)), alpha=0.0)
    bound = tightest(added, reduction.limit)
    return replace(reduction, columns=added, bound=bound), scale


def _is_pure_product(columns: Columns) -> bool:
    """Whether all options of a stage have the same gain, and a score above 0."""
    present = columns.present
    alike = np.where(present, columns.gain, columns.gain[:, :1]) == columns.gain[:, :1]
    return bool(alike.all() and (columns.factor[present] > 0).all())
