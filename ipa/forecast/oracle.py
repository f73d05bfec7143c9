"""``oracle``: sees the true future; the bound that no forecaster can beat."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.errors import InvalidValueError
from ipa.forecast.base import HORIZON_S, Forecast, ForecastContext


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Answers the true maximum of the next ``HORIZON_S`` seconds; it needs no warm-up.

    Parameters
    ----------
    true_rates_rps
        Requests in each second of the whole workload, shape (n_s,).

    Examples
    --------
    >>> Oracle(np.arange(100)).forecast([], now_s=10).rate_rps
    29.0
    """

    true_rates_rps: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Name it is registered under."""
        return "oracle"

    def forecast(self, history_rps: ArrayLike, now_s: float | None = None) -> Forecast:  # noqa: ARG002
        """Look up the future, see :class:`ipa.forecast.Forecaster`; 0 once the workload is over."""
        if now_s is None or not math.isfinite(now_s) or now_s < 0:
            raise InvalidValueError(f"the oracle needs now_s (seconds since the workload began), got {now_s}")
        start_s = round(now_s)
        future_rps = self.true_rates_rps[start_s : start_s + HORIZON_S]
        if len(future_rps) == 0:
            return Forecast(0.0, self.name, "the workload is over")
        return Forecast(float(future_rps.max()), self.name)


def oracle(context: ForecastContext) -> Oracle:
    """Make an oracle; it needs the true rates of the workload."""
    if context.true_rates_rps is None:
        raise InvalidValueError(
            "the oracle forecaster needs the true rates, which are known in experiments only;"
            " give ForecastContext(true_rates_rps=...) or choose another forecaster"
        )
    return Oracle(context.true_rates_rps)
