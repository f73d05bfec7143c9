"""How good a forecaster is on a series whose future is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.forecast.base import HORIZON_S, STEP_S, WINDOW_S, Forecaster

PINBALL_LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """Errors of a forecaster; f is the forecast, a the true maximum of the next ``HORIZON_S`` seconds.

    The symmetric mean absolute percentage error is the mean of 100 · abs(f - a) / ((abs(f) + abs(a)) / 2).
    The pinball loss is the mean of ``PINBALL_LEVEL`` · (a - f) where the forecast is too low and of
    (1 - ``PINBALL_LEVEL``) · (f - a) where it is too high: here too low costs nine times as much.

    Parameters
    ----------
    smape_pct
        Symmetric mean absolute percentage error, 0 to 200; a pair of zeros counts as 0.
    mae_rps
        Mean of abs(f - a).
    bias_rps
        Mean of f - a; positive if the load is over-estimated.
    under_forecast_share
        Share of forecasts below the truth, 0 to 1.
    pinball_rps
        Pinball loss.
    n
        Forecasts made.
    """

    smape_pct: float
    mae_rps: float
    bias_rps: float
    under_forecast_share: float
    pinball_rps: float
    n: int


def score(forecast_rps: NDArray[np.float64], true_rps: NDArray[np.float64]) -> ForecastScore:
    """Compare forecasts with the truth.

    Parameters
    ----------
    forecast_rps, true_rps
        Both shape (n,), at least 0.

    Returns
    -------
    ForecastScore
        The errors.

    Examples
    --------
    >>> score(np.array([8.0, 12.0]), np.array([12.0, 12.0])).smape_pct
    20.0
    """
    error_rps = forecast_rps - true_rps
    return ForecastScore(
        smape_pct=smape_pct(forecast_rps, true_rps),
        mae_rps=float(np.abs(error_rps).mean()),
        bias_rps=float(error_rps.mean()),
        under_forecast_share=float((error_rps < 0).mean()),
        pinball_rps=float(np.maximum((1 - PINBALL_LEVEL) * error_rps, -PINBALL_LEVEL * error_rps).mean()),
        n=len(error_rps),
    )


def smape_pct(forecast_rps: NDArray[np.float64], true_rps: NDArray[np.float64]) -> float:
    """Return the symmetric mean absolute percentage error of two arrays that NumPy can broadcast.

    Examples
    --------
    >>> smape_pct(np.array([8.0, 12.0]), np.array([12.0, 8.0]))
    40.0
    """
    error_rps, scale_rps = np.abs(forecast_rps - true_rps), (np.abs(forecast_rps) + np.abs(true_rps)) / 2
    relative = np.divide(error_rps, scale_rps, out=np.zeros_like(error_rps), where=scale_rps > 0)
    return 100 * float(relative.mean())


def broadcast_smape_pct(forecast_rps: NDArray[np.float64], true_rps: NDArray[np.float64]) -> float:
    """Return what the published evaluation computed: every forecast against every truth.

    Its forecasts have the shape (n, 1) and its truths the shape (n,), which NumPy widens to (n, n). The
    result hardly depends on the forecaster: it measures how much the load varies within the window.

    Examples
    --------
    >>> broadcast_smape_pct(np.array([8.0, 12.0]), np.array([8.0, 12.0]))
    20.0
    """
    return smape_pct(forecast_rps[:, None], true_rps)


def evaluate(forecaster: Forecaster, rates_rps: NDArray[np.int64]) -> ForecastScore:
    """Run a forecaster over a series, a forecast every ``STEP_S`` seconds, and compare with what came.

    The first forecast is made after ``WINDOW_S`` seconds (warm-up answers are not judged), the last one
    ``HORIZON_S`` seconds before the end.

    Parameters
    ----------
    forecaster
        Any forecaster; an oracle must know this series.
    rates_rps
        Requests in each second, shape (n_s,).

    Returns
    -------
    ForecastScore
        Its errors.

    Raises
    ------
    InvalidValueError
        If the series is too short for one forecast.
    """
    return score(*forecasts_and_truth(forecaster, rates_rps))


def forecasts_and_truth(
    forecaster: Forecaster, rates_rps: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the forecasts that ``evaluate`` judges and the true maxima, both shape (n,)."""
    rates = np.asarray(rates_rps, dtype=np.float64)
    if len(rates) < WINDOW_S + HORIZON_S:
        raise InvalidValueError(
            f"{len(rates)} seconds are too few to judge a forecaster, the least is {WINDOW_S + HORIZON_S}"
        )
    times_s = range(WINDOW_S, len(rates) - HORIZON_S + 1, STEP_S)
    forecasts = [forecaster.forecast(rates[t - WINDOW_S : t], now_s=t).rate_rps for t in times_s]
    truth = [rates[t : t + HORIZON_S].max() for t in times_s]
    return np.array(forecasts), np.array(truth)
