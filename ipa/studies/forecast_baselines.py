"""Our forecasters beside what production planners use (extra ``forecast-baselines``).

All predict the highest rate of the next 20 s on the same moments of the test week. Those that are fitted anew
for every forecast see ten-second maxima: 12 of them, the two minutes that ours see, or 60, ten minutes.
"""

import importlib
import logging
import time
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.errors import MissingExtraError
from ipa.forecast.base import HORIZON_S, INTERVALS_AHEAD, STEP_S, WINDOW_S
from ipa.forecast.catalogue import make_forecaster
from ipa.forecast.dataset import Rates, held_out_rates, step_maxima, training_rates, windows
from ipa.forecast.metrics import smape_pct

BASELINES = "baselines"
"""Name of the stored table."""

FORECASTS = 250
"""Moments that are measured; those that fit anew take up to a second each."""

OURS = ("quantile-0.5", "ewma-poisson", "lstm", "max")
"""Forecasters that they are held against; ``mlp`` is ``quantile-0.5``, rounded."""

LONG_S = 600
"""The longer history that planners are given."""

TREES = 200

Predict = Callable[[Floats], float]
"""From the requests in each past second to the highest rate of the next 20 s."""


def baseline_table(
    trace_rps: Rates, forecasts: int = FORECASTS, progress: Callable[[int, int, str], None] | None = None
) -> pd.DataFrame:
    """Measure all on the same moments, spread evenly over the test week.

    Parameters
    ----------
    trace_rps
        Requests in each second of the whole trace, shape (n_s,), undamped.
    forecasts
        How many moments.
    progress
        Called with (measured, in all, what was measured).

    Returns
    -------
    pandas.DataFrame
        One row per forecaster: ``history_s`` that it sees, ``forecasts`` made, SMAPE before and after
        rounding to whole requests in percent, by how much the former lies above that of the first one, half
        the width of the 95 % interval of this difference, and ``cpu_ms``, the median processor time of a
        forecast. NaN for what is not installed, with the install line in ``missing``.
    """
    rates_rps = held_out_rates(trace_rps).astype(np.float64)
    moments_s = np.linspace(LONG_S, len(rates_rps) - HORIZON_S, forecasts).astype(int)
    truth = np.array([rates_rps[now_s : now_s + HORIZON_S].max() for now_s in moments_s])
    rows: list[dict[str, object]] = []
    first_pct: list[float] = []
    compared = _list_compared(trace_rps)
    for done, (name, history_s, make) in enumerate(compared, 1):
        row: dict[str, object] = {"forecaster": name, "history_s": history_s}
        try:
            predict = make()
        except MissingExtraError as error:
            rows.append(row | {"missing": str(error)})
            continue
        pasts = [rates_rps[now_s - history_s : now_s] for now_s in moments_s]
        rows.append(row | _measure(predict, pasts, truth, first_pct) | {"missing": ""})
        if progress is not None:
            progress(done, len(compared), name)
    return pd.DataFrame(rows)


def _measure(
    predict: Predict, pasts: list[Floats], truth: Floats, first_pct: list[float]
) -> dict[str, object]:
    """Return the measures of one forecaster; ``first_pct`` takes the errors of the first one."""
    predict(pasts[0])
    found, times_s = [], []
    for past in pasts:
        began_s = time.process_time()
        found.append(max(0.0, predict(past)))
        times_s.append(time.process_time() - began_s)
    answers = np.array(found)
    each_pct = [smape_pct(answers[i : i + 1], truth[i : i + 1]) for i in range(len(truth))]
    if not first_pct:
        first_pct += each_pct
    behind = np.array(each_pct) - np.array(first_pct)
    return {
        "forecasts": len(truth),
        "smape_unrounded_pct": smape_pct(answers, truth),
        "smape_rounded_pct": smape_pct(np.round(answers), truth),
        "behind_pct": float(behind.mean()),
        "behind_interval_pct": 1.96 * float(behind.std()) / len(truth) ** 0.5,
        "cpu_ms": 1000 * float(np.median(times_s)),
    }


def _list_compared(trace_rps: Rates) -> list[tuple[str, int, Callable[[], Predict]]]:
    """Return what is measured: a name, the history that it sees, and how to make it."""
    return [
        *((name, WINDOW_S, _ours(name)) for name in OURS),
        ("LightGBM (L1)", WINDOW_S, lambda: lightgbm(trace_rps)),
        *(("ARIMA(1,1,1)", history_s, arima) for history_s in (WINDOW_S, LONG_S)),
        *(("ETS, damped trend", history_s, ets) for history_s in (WINDOW_S, LONG_S)),
        ("Prophet", LONG_S, prophet),
    ]


def _ours(name: str) -> Callable[[], Predict]:
    forecaster = make_forecaster(name)
    return lambda: lambda past_rps: forecaster.forecast(past_rps).rate_rps


def _library(name: str, feature: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(feature, "forecast-baselines") from error


def lightgbm(trace_rps: Rates, every_s: int = STEP_S, trees: int = TREES) -> Predict:
    """Train boosted trees on the seconds of the window, by absolute error, on the training days."""
    library = _library("lightgbm", "LightGBM")
    past_rps, coming_rps = windows(training_rates(trace_rps), every_s)
    settings = {"objective": "regression_l1", "num_threads": 1, "seed": 0, "verbose": -1}
    model = library.train(settings, library.Dataset(past_rps, coming_rps.max(axis=1)), trees)
    return lambda past: float(model.predict(past[None], num_threads=1)[0])


def arima() -> Predict:
    """Fit an ARIMA(1,1,1) to the ten-second maxima and take the higher of the next two."""
    library = _library("statsmodels.tsa.arima.model", "statsmodels, which has ARIMA and ETS,")
    return lambda past: _quietly(lambda: library.ARIMA(step_maxima(past), order=(1, 1, 1)).fit())


def ets() -> Predict:
    """Fit exponential smoothing with a damped trend to the ten-second maxima, and take the same."""
    library = _library("statsmodels.tsa.holtwinters", "statsmodels, which has ARIMA and ETS,")
    return lambda past: _quietly(
        lambda: library.ExponentialSmoothing(step_maxima(past), trend="add", damped_trend=True).fit()
    )


class _Fitted(Protocol):
    def forecast(self, steps: int, /) -> Floats: ...


def _quietly(fit: Callable[[], _Fitted]) -> float:
    """Predict with a fit, whose warnings about short series are known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(np.max(fit().forecast(INTERVALS_AHEAD)))


def prophet() -> Predict:
    """Fit Prophet to the ten-second maxima, without seasons, and take the higher of the next two."""
    library = _library("prophet", "Prophet")
    # It reports every fit, at a level that it sets itself.
    logging.getLogger("cmdstanpy").disabled = True

    def predict(past: Floats) -> float:
        maxima = step_maxima(past)
        times = pd.date_range("2000-01-01", periods=len(maxima) + INTERVALS_AHEAD, freq=f"{STEP_S}s")
        model = library.Prophet(
            daily_seasonality=False, weekly_seasonality=False, yearly_seasonality=False, uncertainty_samples=0
        )
        model.fit(pd.DataFrame({"ds": times[: len(maxima)], "y": maxima}))
        return float(model.predict(pd.DataFrame({"ds": times[len(maxima) :]}))["yhat"].max())

    return predict
