"""What a load forecaster is: from the requests per second of the past to the rate to plan for."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.limits import HORIZON_S as HORIZON

# Paper, section 3: two minutes of history, decisions every ten seconds, a forecast that covers two of them.
WINDOW_S = 120
STEP_S = 10
INTERVALS_AHEAD = 2
HORIZON_S = INTERVALS_AHEAD * STEP_S
"""What a forecast covers at the paper's interval; the trained forecasters were trained for it."""


def horizon_of(interval_s: float) -> int:
    """Return the seconds that a forecast covers, two intervals between decisions, in whole seconds.

    Examples
    --------
    >>> horizon_of(10.0), horizon_of(30.0), horizon_of(0.1)
    (20, 60, 1)
    """
    return max(1, round(INTERVALS_AHEAD * interval_s))


@dataclass(frozen=True, slots=True)
class Forecast:
    """The load to plan for.

    Parameters
    ----------
    rate_rps
        Predicted maximum of the requests per second over the seconds of the horizon; finite, at least 0.
    forecaster
        Name of the forecaster that made it.
    fallback
        Why it is not the forecaster's ordinary answer on clean data, else None.
    """

    rate_rps: float
    forecaster: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ForecastContext:
    """What a forecaster may know about the run beside the history.

    Parameters
    ----------
    true_rates_rps
        Requests in each second of the whole workload, shape (n_s,), for forecasters that look ahead; None
        where nobody knows the future.
    horizon_s
        Seconds that the forecast shall cover, at least 1.
    """

    true_rates_rps: NDArray[np.int64] | None = None
    horizon_s: int = HORIZON_S

    def __post_init__(self) -> None:
        HORIZON.check("horizon_s", self.horizon_s)


class Forecaster(Protocol):
    """Predicts the maximum rate of the seconds of its horizon (``ForecastContext.horizon_s``)."""

    @property
    def name(self) -> str:
        """Name it is registered under."""
        ...

    def forecast(self, history_rps: ArrayLike, now_s: float | None = None) -> Forecast:
        """Predict from the past.

        Parameters
        ----------
        history_rps
            Requests in each past second, most recent last, shape (n,). At most ``WINDOW_S`` values are used,
            so pass at least that many once they exist. A second that was not measured is NaN.
        now_s
            Seconds since the start of the workload; only forecasters that look ahead need it.

        Returns
        -------
        Forecast
            Always finite and at least 0, whatever the history holds.
        """
        ...
