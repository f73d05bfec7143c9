"""What the quantile network looks at: a window in square roots, relative to a moving average."""

import numpy as np
from numpy.typing import NDArray

from ipa.forecast.base import STEP_S, WINDOW_S

SHIFT_RPS = 3 / 8
"""Added before the square root is taken, as Anscombe does, for the same noise at small counts too."""

LEVEL_HALF_LIFE_S = 8
HALF_LIVES_S = (2, 4, 15, 30, 60, 120)
N_STEP_MEANS, N_LAST_SECONDS = 6, 3
MAXIMUM_SPANS_S = (5, 10, 20, 40, 60, 120)
MINIMUM_SPANS_S = (10, 20, 60)
DEVIATION_SPANS_S = (10, 20, 60, 120)

Batch = NDArray[np.float64]


def to_root(rates_rps: Batch) -> Batch:
    """Return square roots, whose noise does not grow with the load."""
    root: Batch = np.sqrt(rates_rps + SHIFT_RPS)
    return root


def from_root(root: Batch) -> Batch:
    """Undo :func:`to_root`; never below 0."""
    rates: Batch = np.maximum(np.maximum(root, 0) ** 2 - SHIFT_RPS, 0)
    return rates


def features(windows_rps: Batch) -> tuple[Batch, Batch]:
    """Compute the features of some windows.

    Parameters
    ----------
    windows_rps
        Requests in each of the past 120 s, shape (n, 120).

    Returns
    -------
    tuple of NDArray[np.float64]
        Features, shape (n, N_FEATURES): averages, maxima and minima relative to the level, deviations, the
        level itself. And the level, a moving average of the square roots, shape (n,).
    """
    root = to_root(windows_rps)
    averages = root @ _AVERAGES
    level = averages[:, :1]
    jumps = np.diff(root, axis=1)
    columns = [
        averages[:, 1:] - level,
        *(root[:, -span:].max(axis=1, keepdims=True) - level for span in MAXIMUM_SPANS_S),
        *(root[:, -span:].min(axis=1, keepdims=True) - level for span in MINIMUM_SPANS_S),
        *(root[:, -span:].std(axis=1, keepdims=True) for span in DEVIATION_SPANS_S),
        np.sqrt((jumps * jumps).mean(axis=1, keepdims=True) / 2),
        level,
    ]
    return np.concatenate(columns, axis=1), level[:, 0]


def _averages() -> Batch:
    """Return the weights of all moving averages, ten-second means and last seconds, shape (120, k)."""
    age_s = np.arange(WINDOW_S - 1, -1, -1, dtype=np.float64)
    columns = [0.5 ** (age_s / half_life) for half_life in (LEVEL_HALF_LIFE_S, *HALF_LIVES_S)]
    columns += [
        ((age_s >= k * STEP_S) & (age_s < (k + 1) * STEP_S)).astype(float) for k in range(N_STEP_MEANS)
    ]
    columns += [(age_s == k).astype(float) for k in range(N_LAST_SECONDS)]
    weights = np.column_stack(columns)
    normalised: Batch = weights / weights.sum(axis=0)
    return normalised


_AVERAGES = _averages()
N_FEATURES = features(np.ones((1, WINDOW_S)))[0].shape[1]
