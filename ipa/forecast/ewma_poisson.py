"""``ewma-poisson``: a fast moving average plus the expected maximum of the Poisson noise around it."""

import math
from dataclasses import dataclass

import numpy as np

from ipa.forecast.base import HORIZON_S, WINDOW_S, ForecastContext
from ipa.forecast.window import Window, WindowForecaster, falling

# The best of 3, 5, 8, 10, 12, 15, 20, 30 and 60 s on the 14 training days.
HALF_LIFE_S = 8.0

LARGEST_DISPERSION = 4.0
"""A single spike in the window would otherwise pass for enormous noise, for as long as it is seen."""


def expected_poisson_maximum(mean: float, draws: int) -> float:
    """Return the expected maximum of independent Poisson numbers, from their distribution function.

    Parameters
    ----------
    mean
        Mean of each, at least 0.
    draws
        How many, at least 1.

    Returns
    -------
    float
        Sum over x of P(max > x) = 1 - F(x)^draws; the tail left out is below rounding.

    Examples
    --------
    >>> round(expected_poisson_maximum(44.0, 1), 6), round(expected_poisson_maximum(44.0, 20), 2)
    (44.0, 56.82)
    """
    if mean <= 0:
        return 0.0
    reach = 12 * math.sqrt(mean) + 30
    low, high = max(0, math.floor(mean - reach)), math.ceil(mean + reach)
    # Ratios of neighbouring probabilities need no factorials and cannot overflow.
    log_ratio = math.log(mean) - np.log(np.arange(low + 1, high + 1))
    log_weight = np.concatenate(([0.0], np.cumsum(log_ratio)))
    weight = np.exp(log_weight - log_weight.max())
    below = np.cumsum(weight) / weight.sum()
    return low + float((1 - below**draws).sum())


@dataclass(frozen=True, slots=True)
class EwmaPoisson:
    """The rule of ``ewma-poisson``.

    Requests per second are taken as ``dispersion`` times a Poisson number, with the moving average as mean. A
    plain Poisson process has dispersion 1; load that was scaled down, as the paper's trace is, has less.

    Parameters
    ----------
    half_life_s
        Age at which a second has half the weight of the newest.
    dispersion
        Variance over mean; None estimates it from the differences of neighbouring seconds in the window.
    draws
        Seconds over which the maximum is expected.
    """

    half_life_s: float = HALF_LIFE_S
    dispersion: float | None = None
    draws: int = HORIZON_S

    def __call__(self, window: Window) -> float:
        """Return the predicted maximum rate."""
        noise = dispersion(window) if self.dispersion is None else self.dispersion
        rate_rps = scaled_poisson_maximum(moving_average(window, self.half_life_s), noise, self.draws)
        # The edge of a fall passes for noise.
        return min(rate_rps, float(window.max())) if falling(window) else rate_rps


_AGE_S = np.arange(WINDOW_S - 1, -1, -1, dtype=np.float64)


def moving_average(window: Window, half_life_s: float = HALF_LIFE_S) -> float:
    """Return the mean of a window in which a second ``half_life_s`` older has half the weight."""
    weight = 0.5 ** (_AGE_S / half_life_s)
    return float(window @ weight / weight.sum())


def scaled_poisson_maximum(mean_rps: float, noise: float, draws: int) -> float:
    """Return the expected maximum of independent numbers that are ``noise`` times a Poisson number.

    Parameters
    ----------
    mean_rps
        Mean of each.
    noise
        Variance over mean.
    draws
        How many.
    """
    if mean_rps == 0 or noise == 0:
        return mean_rps
    return noise * expected_poisson_maximum(mean_rps / noise, draws)


def dispersion(window: Window) -> float:
    """Return variance over mean of the noise in some seconds, at least two; 0 if there is no load."""
    mean_rps = float(window.mean())
    if mean_rps == 0:
        return 0.0
    difference = window[1:] - window[:-1]
    # Differences see the noise and hardly the trend: their mean square is twice the variance.
    return min(float(difference @ difference) / (2 * len(difference) * mean_rps), LARGEST_DISPERSION)


def ewma_poisson(context: ForecastContext) -> WindowForecaster:
    """Predict the expected maximum of the noise around a moving average."""
    return WindowForecaster("ewma-poisson", EwmaPoisson(draws=context.horizon_s))
