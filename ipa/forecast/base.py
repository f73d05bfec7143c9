"""What a load forecaster is: from the requests per second of the past to the rate to plan for."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Paper, section 3: two minutes of history, decisions every ten seconds, a forecast that covers two of them.
WINDOW_S = 120
HORIZON_S = 20
STEP_S = 10


@dataclass(frozen=True, slots=True)
class Forecast:
    """The load to plan for.

    Parameters
    ----------
    rate_rps
        Predicted maximum of the requests per second over the next ``HORIZON_S`` seconds; finite, at least 0.
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
    """

    true_rates_rps: NDArray[np.int64] | None = None


class Forecaster(Protocol):
    """Predicts the maximum rate of the next ``HORIZON_S`` seconds."""

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
