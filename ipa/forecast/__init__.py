"""Load forecasting: from the requests per second of the past two minutes to the rate to plan for.

:func:`make_forecaster` makes one of ``FORECASTERS`` (last, max, mean, linear, ewma-poisson, lstm, mlp,
quantile-LEVEL, oracle, near-oracle); all answer ``forecast(history_rps, now_s)`` with a :class:`Forecast`,
the predicted maximum of the next ``HORIZON_S`` seconds, or of as many as its :class:`ForecastContext` asks
for; the context also carries what only some may know, such as the true future for the oracle. A new one is
usually a rule on a clean window wrapped in :class:`WindowForecaster` and registered under a name.
:func:`evaluate` measures any of them on a series.
"""

from ipa.forecast.base import (
    HORIZON_S,
    STEP_S,
    WINDOW_S,
    Forecast,
    ForecastContext,
    Forecaster,
)
from ipa.forecast.catalogue import FORECASTERS, make_forecaster
from ipa.forecast.metrics import ForecastScore, evaluate
from ipa.forecast.window import WindowForecaster

__all__ = [
    "FORECASTERS",
    "HORIZON_S",
    "STEP_S",
    "WINDOW_S",
    "Forecast",
    "ForecastContext",
    "ForecastScore",
    "Forecaster",
    "WindowForecaster",
    "evaluate",
    "make_forecaster",
]
