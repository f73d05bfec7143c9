"""Histories as a broken monitor or a strange load would give them, to see that forecasts stay safe."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ipa.forecast.base import WINDOW_S, ForecastContext
from ipa.forecast.catalogue import make_forecaster


def damaged_histories(rate_rps: int = 8) -> dict[str, list[float]]:
    """Return histories of up to two minutes around a rate, each with one fault, by name.

    Examples
    --------
    >>> damaged_histories()["shorter than the window"]
    [8.0, 8.0, 8.0]
    """
    rate = float(rate_rps)
    half = WINDOW_S // 2
    return {
        "steady, no fault": [rate] * WINDOW_S,
        "nothing seen yet": [],
        "shorter than the window": [rate] * 3,
        "only zeros": [0.0] * WINDOW_S,
        "zeros in the second half": [rate] * half + [0.0] * half,
        "gap of 30 s (NaN)": [rate] * 60 + [math.nan] * 30 + [rate] * 30,
        "only NaN": [math.nan] * WINDOW_S,
        "infinite and negative seconds": [rate] * 100 + [math.inf, -1.0] * 10,
        "100 x in the last second": [rate] * (WINDOW_S - 1) + [100 * rate],
        "100 x in one second, 15 s ago": [rate] * 104 + [100 * rate] + [rate] * 15,
        "100 x for good, since 60 s": [rate] * half + [100 * rate] * half,
        "1000 rps, far beyond the training data": [1000.0] * WINDOW_S,
    }


def fault_table(forecasters: Sequence[str], rate_rps: int = 8) -> pd.DataFrame:
    """Ask forecasters about damaged histories.

    Returns
    -------
    pandas.DataFrame
        One row per history and forecaster: ``history``, ``forecaster``, ``forecast_rps`` and ``fallback``,
        what the record of a decision says beside the forecast.
    """
    context = ForecastContext(np.full(WINDOW_S, rate_rps))
    rows = []
    for history, seconds in damaged_histories(rate_rps).items():
        for name in forecasters:
            made = make_forecaster(name, context).forecast(seconds, now_s=0)
            content = {"history": history, "forecaster": name, "forecast_rps": round(made.rate_rps, 1)}
            rows.append(content | {"fallback": made.fallback or ""})
    return pd.DataFrame(rows)
