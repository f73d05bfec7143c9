"""Forecasters that see the true future: bounds, and not to be had outside an experiment.

``oracle`` knows the maximum of the coming seconds. ``near-oracle`` knows only their mean and expects Poisson
noise around it: what a perfect forecast of the load level would give.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.errors import InvalidValueError
from ipa.forecast.base import HORIZON_S, Forecast, ForecastContext
from ipa.forecast.ewma_poisson import dispersion, scaled_poisson_maximum
from ipa.forecast.window import clean_window

OVER = "the workload is over"


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Answers the true maximum of the seconds to come; it needs no warm-up.

    Parameters
    ----------
    true_rates_rps
        Requests in each second of the whole workload, shape (n_s,).
    horizon_s
        Seconds it sees.

    Examples
    --------
    >>> Oracle(np.arange(100)).forecast([], now_s=10).rate_rps
    29.0
    """

    true_rates_rps: NDArray[np.int64]
    horizon_s: int = HORIZON_S

    @property
    def name(self) -> str:
        """Name it is registered under."""
        return "oracle"

    def forecast(self, history_rps: ArrayLike, now_s: float | None = None) -> Forecast:  # noqa: ARG002
        """Look up the future, see :class:`ipa.forecast.Forecaster`; 0 once the workload is over."""
        future_rps = _future(self.true_rates_rps, now_s, self.horizon_s)
        if len(future_rps) == 0:
            return Forecast(0.0, self.name, OVER)
        return Forecast(float(future_rps.max()), self.name)


@dataclass(frozen=True, slots=True, eq=False)
class NearOracle:
    """Answers the expected maximum of Poisson noise around the true mean of the seconds to come.

    The noise takes its variance over mean from the history, as ``ewma-poisson`` does; with no history it is
    a plain Poisson process.

    Parameters
    ----------
    true_rates_rps
        Requests in each second of the whole workload, shape (n_s,).
    whole
        Round to a whole number of requests.
    horizon_s
        Seconds it sees.
    """

    true_rates_rps: NDArray[np.int64]
    whole: bool = False
    horizon_s: int = HORIZON_S

    @property
    def name(self) -> str:
        """Name it is registered under."""
        return "near-oracle-whole" if self.whole else "near-oracle"

    def forecast(self, history_rps: ArrayLike, now_s: float | None = None) -> Forecast:
        """Look up the mean of the future, see :class:`ipa.forecast.Forecaster`."""
        future_rps = _future(self.true_rates_rps, now_s, self.horizon_s)
        if len(future_rps) == 0:
            return Forecast(0.0, self.name, OVER)
        window, repair = clean_window(history_rps)
        noise = dispersion(window) if len(window) > 1 else 1.0
        rate_rps = scaled_poisson_maximum(float(future_rps.mean()), noise, self.horizon_s)
        return Forecast(float(round(rate_rps)) if self.whole else rate_rps, self.name, repair)


def _future(true_rates_rps: NDArray[np.int64], now_s: float | None, horizon_s: int) -> NDArray[np.int64]:
    if now_s is None or not math.isfinite(now_s) or now_s < 0:
        raise InvalidValueError(f"the oracle needs now_s (seconds since the workload began), got {now_s}")
    start_s = round(now_s)
    return true_rates_rps[start_s : start_s + horizon_s]


def oracle(context: ForecastContext) -> Oracle:
    """Make an oracle; it needs the true rates of the workload."""
    return Oracle(_true_rates(context), context.horizon_s)


def near_oracle(context: ForecastContext) -> NearOracle:
    """Make a near-oracle; it needs the true rates of the workload."""
    return NearOracle(_true_rates(context), horizon_s=context.horizon_s)


def near_oracle_whole(context: ForecastContext) -> NearOracle:
    """Make a near-oracle that answers whole numbers of requests."""
    return NearOracle(_true_rates(context), whole=True, horizon_s=context.horizon_s)


def _true_rates(context: ForecastContext) -> NDArray[np.int64]:
    if context.true_rates_rps is None:
        raise InvalidValueError(
            "the oracle forecaster needs the true rates, which are known in experiments only;"
            " give ForecastContext(true_rates_rps=...) or choose another forecaster"
        )
    return context.true_rates_rps
