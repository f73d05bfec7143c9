"""A forecaster that applies a rule to a clean window; warm-up and damaged histories are dealt with here."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.errors import InvalidValueError
from ipa.forecast.base import STEP_S, WINDOW_S, Forecast

Window = NDArray[np.float64]

WARM_UP = "warm-up: maximum so far"
NO_HISTORY = "no usable history"

LARGEST_RISE = 2.0
"""A guarded prediction is at most this times the maximum of the window."""

CLEAR_FALL = 3.0
"""A load falls if its mean drops by more than this many standard deviations of Poisson noise."""

LONE_PEAK = 3.0
"""A guarded rule sees a single second at most this many times as high as the next highest one."""

LARGEST_RPS = 1e9
"""Beyond this a measurement is not a rate."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a rule answers where there is something to say about it.

    Parameters
    ----------
    rate_rps
        The predicted rate.
    note
        Why it is not the rule's ordinary answer, else None.
    """

    rate_rps: float
    note: str | None = None

    @classmethod
    def of(cls, answer: "float | Prediction") -> "Prediction":
        """Return what a rule answered as a prediction."""
        return answer if isinstance(answer, Prediction) else cls(answer)


Rule = Callable[[Window], float | Prediction]


@dataclass(frozen=True, slots=True)
class WindowForecaster:
    """Applies a rule to the last ``WINDOW_S`` seconds.

    Until that many have been seen it answers the maximum so far. Seconds that are not numbers from 0 to
    ``LARGEST_RPS`` count as unmeasured and repeat the measured second before them (at the start: the one
    after them). A rule with trained weights should be guarded: far from its training data it can answer
    anything, and a prediction below the load that is there, or far above all that was seen, is never
    sensible. Nor is one second, which may be a slip of the monitor, evidence for minutes of load.

    Parameters
    ----------
    name
        Name it is registered under.
    rule
        From a clean window, shape (WINDOW_S,), to the predicted rate.
    guarded
        Keep the prediction between the median of the last ``STEP_S`` seconds and ``LARGEST_RISE`` times the
        maximum of the window, or that maximum itself while the load is ``falling``. A lone peak in the window
        is limited to ``LONE_PEAK`` times the next highest second.

    Examples
    --------
    >>> average = WindowForecaster("average", lambda window: float(window.mean()))
    >>> average.forecast([2, 4] * 60)
    Forecast(rate_rps=3.0, forecaster='average', fallback=None)
    >>> average.forecast([2, 4])
    Forecast(rate_rps=4.0, forecaster='average', fallback='warm-up: maximum so far')
    """

    name: str
    rule: Rule
    guarded: bool = False

    def forecast(self, history_rps: ArrayLike, now_s: float | None = None) -> Forecast:  # noqa: ARG002
        """Predict the maximum of the seconds to come, see :class:`ipa.forecast.Forecaster`."""
        window, repair = clean_window(history_rps)
        if len(window) == 0:
            return Forecast(0.0, self.name, NO_HISTORY if repair else WARM_UP)
        if len(window) < WINDOW_S:
            return Forecast(float(window.max()), self.name, _join(WARM_UP, repair))
        window, peak = _without_lone_peak(window) if self.guarded else (window, None)
        answer = Prediction.of(self.rule(window))
        rate_rps, limited = self._limit(answer.rate_rps, window)
        return Forecast(rate_rps, self.name, _join(limited, answer.note, peak, repair))

    def _limit(self, rate_rps: float, window: Window) -> tuple[float, str | None]:
        if not math.isfinite(rate_rps):
            return float(window.max()), "rule gave no number: maximum"
        if self.guarded:
            least_rps, seen_rps = float(np.median(window[-STEP_S:])), float(window.max())
            if rate_rps < least_rps:
                return least_rps, f"prediction {rate_rps:.4g} raised to the median of the last {STEP_S} s"
            if rate_rps > LARGEST_RISE * seen_rps and not falling(window):
                cut = f"prediction {rate_rps:.4g} cut to {LARGEST_RISE:g} times the maximum seen"
                return LARGEST_RISE * seen_rps, cut
            if rate_rps > seen_rps and falling(window):
                return seen_rps, f"prediction {rate_rps:.4g} cut to the maximum seen: the load falls"
        if rate_rps < 0:
            return 0.0, "negative prediction raised to 0"
        return rate_rps, None


def falling(window: Window) -> bool:
    """Whether the load of a window falls: clearly in the mean, or at some second once and for all.

    Parameters
    ----------
    window
        Requests in each past second, shape (n,), more than ``STEP_S`` of them.

    Examples
    --------
    >>> falling(np.repeat([40.0, 0.0], [110, 10])), falling(np.repeat([40.0, 39.0], [119, 1]))
    (True, True)
    >>> falling(np.full(120, 40.0)), falling(np.tile([40.0, 41.0, 39.0], 40))
    (False, False)
    """
    before_rps, last_rps = float(window[:-STEP_S].mean()), float(window[-STEP_S:].mean())
    if last_rps < before_rps - CLEAR_FALL * math.sqrt(before_rps / STEP_S):
        return True
    lowest_until = np.minimum.accumulate(window)[:-1]
    highest_from = np.maximum.accumulate(window[::-1])[-2::-1]
    return bool((highest_from < lowest_until).any())


def clean_window(history_rps: ArrayLike) -> tuple[Window, str | None]:
    """Take the last ``WINDOW_S`` seconds of a history and repair what is not a rate.

    Parameters
    ----------
    history_rps
        Requests in each past second, most recent last, shape (n,).

    Returns
    -------
    tuple[NDArray[np.float64], str or None]
        The window, empty if no second is usable, and what was repaired.

    Raises
    ------
    InvalidValueError
        If the history is not a flat list of numbers.
    """
    try:
        window = np.asarray(history_rps, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"the history must be a list of numbers: {error}") from error
    if window.ndim != 1:
        raise InvalidValueError(f"the history must be a list of seconds, got shape {window.shape}")
    window = window[-WINDOW_S:]
    # NaN fails both comparisons, so one look at the extremes finds every kind of damage.
    if len(window) == 0 or (window.min() >= 0 and window.max() <= LARGEST_RPS):
        return window, None
    return _repair(window)


def _without_lone_peak(window: Window) -> tuple[Window, str | None]:
    next_rps, highest_rps = np.partition(window, -2)[-2:]
    limit_rps = LONE_PEAK * max(float(next_rps), 1.0)
    if highest_rps <= limit_rps:
        return window, None
    return np.minimum(window, limit_rps), f"one second of {highest_rps:.4g} rps taken for {limit_rps:.4g}"


def _repair(window: Window) -> tuple[Window, str]:
    usable = (window >= 0) & (window <= LARGEST_RPS)
    if not usable.any():
        return window[:0], NO_HISTORY
    source = np.maximum.accumulate(np.where(usable, np.arange(len(window)), -1))
    repaired = window[np.where(source < 0, usable.argmax(), source)]
    return repaired, f"{int((~usable).sum())} unusable seconds repaired"


def _join(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
