"""Training and test data of the paper's forecaster, cut from the 21-day trace.

Trained on the first 14 days, tested on the 7 that follow; every second divided by 8 and rounded down, seconds
without a request left out (the trace has a gap at the end of each day).
"""

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.forecast.base import HORIZON_S, STEP_S, WINDOW_S

DAY_S = 86_400
TRAINING_DAYS = (0, 14)
TEST_DAYS = (14, 21)
DAMPING_DIVISOR = 8
N_INPUTS = WINDOW_S // STEP_S

Rates = NDArray[np.int64]
Samples = NDArray[np.float64]


def training_rates(trace_rps: Rates) -> Rates:
    """Return the damped, gapless requests per second of the training days."""
    return days(trace_rps, *TRAINING_DAYS)


def held_out_rates(trace_rps: Rates) -> Rates:
    """Return the damped, gapless requests per second of the test week."""
    return days(trace_rps, *TEST_DAYS)


def days(trace_rps: Rates, first: int, end: int, damping_divisor: int = DAMPING_DIVISOR) -> Rates:
    """Cut whole days from the trace, damp them and leave out seconds without a request.

    Parameters
    ----------
    trace_rps
        Requests in each second, shape (n_s,).
    first, end
        First day (from 0) and the day after the last.
    damping_divisor
        Every second is divided by this, rounded down.

    Returns
    -------
    NDArray[np.int64]
        Damped requests in each remaining second.

    Raises
    ------
    InvalidValueError
        If the trace is shorter than that.
    """
    if len(trace_rps) < end * DAY_S:
        raise InvalidValueError(
            f"days {first} to {end} need a trace of {end * DAY_S} seconds, this one has {len(trace_rps)}"
        )
    damped = np.asarray(trace_rps[first * DAY_S : end * DAY_S]) // damping_divisor
    return damped[damped > 0]


def samples(rates_rps: Rates) -> tuple[Samples, Samples]:
    """Cut a series into what a forecaster sees and what it shall predict, every ``STEP_S`` seconds.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,).

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        Inputs, shape (n, 12): the ten-second maxima of the past 120 s, oldest first. Targets, shape (n,): the
        maximum of the next 20 s.

    Raises
    ------
    InvalidValueError
        If the series is too short for one sample.

    Examples
    --------
    >>> inputs, targets = samples(np.arange(160))
    >>> inputs.shape, targets
    ((3, 12), array([139., 149., 159.]))
    """
    ahead = HORIZON_S // STEP_S
    maxima = step_maxima(np.asarray(rates_rps[: len(rates_rps) // STEP_S * STEP_S], dtype=np.float64))
    if len(maxima) < N_INPUTS + ahead:
        raise InvalidValueError(
            f"{len(rates_rps)} seconds are too few: one sample needs {WINDOW_S + HORIZON_S}"
        )
    views = np.lib.stride_tricks.sliding_window_view(maxima, N_INPUTS + ahead)
    return views[:, :N_INPUTS].copy(), views[:, N_INPUTS:].max(axis=1)


def windows(rates_rps: Rates, every_s: int = STEP_S) -> tuple[Samples, Samples]:
    """Cut a series into windows of seconds and what comes after each.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,), at least ``WINDOW_S + HORIZON_S`` of them.
    every_s
        Seconds from one window to the next.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        The past 120 s, shape (n, 120), and the next 20 s, shape (n, 20).
    """
    rates = np.asarray(rates_rps, dtype=np.float64)
    views = np.lib.stride_tricks.sliding_window_view(rates, WINDOW_S + HORIZON_S)[::every_s]
    return views[:, :WINDOW_S], views[:, WINDOW_S:]


def step_maxima(rates_rps: Samples) -> Samples:
    """Return the maximum of every ``STEP_S`` seconds, shape (n_s / STEP_S,)."""
    maxima: Samples = rates_rps.reshape(-1, STEP_S).max(axis=1)
    return maxima
