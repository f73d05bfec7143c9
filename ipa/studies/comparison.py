"""What every comparison with published averages has in common: limits, exact ties, columns, and its file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

COST_TOLERANCE_PCT = 5.0
ACCURACY_TOLERANCE_PCT = 2.0

EXACT_TIES = "exact ties: another choice among equally good plans is within the limits"
"""Why a run misses that would not with other choices among tied optima."""


@dataclass(frozen=True, slots=True)
class Averages:
    """Average cost in cores and accuracy in published units of one run."""

    cost: float
    accuracy: float


def deviation_pct(ours: float, published: float) -> float:
    """Return the deviation from a published value in percent of it; 0 if both are 0."""
    if published == 0:
        return 0.0 if abs(ours) < 1e-9 else float("inf")
    return (ours / published - 1) * 100


def within(ours: Averages, published: Averages) -> bool:
    """Whether cost and accuracy lie within the tolerances."""
    return (
        abs(deviation_pct(ours.cost, published.cost)) <= COST_TOLERANCE_PCT
        and abs(deviation_pct(ours.accuracy, published.accuracy)) <= ACCURACY_TOLERANCE_PCT
    )


def within_with_ties(chosen: Averages, other: Averages, published: Averages) -> bool:
    """Whether some choice among exact ties lies within the tolerances.

    Choosing the one plan at some tied steps and the other at the rest moves both averages along the line
    between the two extremes.
    """
    shares = np.linspace(0, 1, 1001)
    return any(
        within(
            Averages(
                chosen.cost + share * (other.cost - chosen.cost),
                chosen.accuracy + share * (other.accuracy - chosen.accuracy),
            ),
            published,
        )
        for share in shares
    )


def compared_columns(chosen: Averages, other_ties: Averages, published: Averages) -> dict[str, object]:
    """Return the columns that compare averages with published ones.

    Parameters
    ----------
    chosen
        With the plans that the solvers choose.
    other_ties
        With the other plan at every exact tie.
    published
        NaN where nothing was published: that is never within the limits.
    """
    return {
        "published_cost_cores": published.cost,
        "cost_cores": round(chosen.cost, 4),
        "cost_other_ties_cores": round(other_ties.cost, 4),
        "cost_deviation_pct": _round_pct(deviation_pct(chosen.cost, published.cost)),
        "published_accuracy": published.accuracy,
        "accuracy": round(chosen.accuracy, 4),
        "accuracy_other_ties": round(other_ties.accuracy, 4),
        "accuracy_deviation_pct": _round_pct(deviation_pct(chosen.accuracy, published.accuracy)),
        "within": within(chosen, published),
        "within_with_ties": within_with_ties(chosen, other_ties, published),
    }


def _round_pct(deviation_pct: float) -> float:
    """Round without a negative zero."""
    return round(deviation_pct, 2) + 0.0


def write_comparison(frame: pd.DataFrame, file: Path) -> None:
    """Store a comparison as CSV, one line per run, sorted as the published table."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(file, index=False, lineterminator="\n")
