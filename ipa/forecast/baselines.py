"""Forecasters that only look back: ``last``, ``max`` and ``mean``."""

from functools import partial

from ipa.forecast.base import HORIZON_S, WINDOW_S, ForecastContext
from ipa.forecast.window import Window, WindowForecaster


def last_second(window: Window) -> float:
    """Return the most recent second."""
    return float(window[-1])


def recent_maximum(window: Window, span_s: int = HORIZON_S) -> float:
    """Return the maximum of the last ``span_s`` seconds; at 20 s this is the paper's reactive baseline."""
    return float(window[-span_s:].max())


def recent_mean(window: Window, span_s: int = WINDOW_S) -> float:
    """Return the mean of the last ``span_s`` seconds."""
    return float(window[-span_s:].mean())


def last(_context: ForecastContext) -> WindowForecaster:
    """Predict that the next seconds are like the last one."""
    return WindowForecaster("last", last_second)


def maximum(context: ForecastContext, span_s: int | None = None) -> WindowForecaster:
    """Predict the maximum of the last ``span_s`` seconds, by default of as many as the forecast covers."""
    return WindowForecaster("max", partial(recent_maximum, span_s=span_s or context.horizon_s))


def mean(_context: ForecastContext, span_s: int = WINDOW_S) -> WindowForecaster:
    """Predict the mean of the last ``span_s`` seconds; under-forecasts the maximum by design."""
    return WindowForecaster("mean", partial(recent_mean, span_s=span_s))
