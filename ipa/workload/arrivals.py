"""When the requests of each second arrive.

An arrival process spreads a given number of requests over each second. A new one is one function under a name
of ``ARRIVAL_PROCESSES``.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.registry import Registry
from ipa.workload.workload import Rates, as_rates

Times = NDArray[np.float64]

ARRIVAL_PROCESSES = Registry[Callable[[Rates, np.random.Generator], Times]]("arrival process")


def arrival_times(
    rates_rps: ArrayLike, process: str = "poisson", rng: np.random.Generator | int = 0
) -> Times:
    """Draw the arrival time of every request.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,), whole numbers.
    process
        ``poisson``, ``uniform`` or ``paper-burst``; each states what it does.
    rng
        A generator, or a seed for one.

    Returns
    -------
    NDArray[np.float64]
        Seconds since the start, sorted, shape (sum of rates_rps,).

    Raises
    ------
    InvalidValueError
        If a rate is negative or not whole.
    UnknownNameError
        If there is no such process.

    Examples
    --------
    >>> arrival_times([2, 0, 1], "uniform")
    array([0.25, 0.75, 2.5 ])
    """
    return ARRIVAL_PROCESSES[process](as_rates(rates_rps), np.random.default_rng(rng))


@ARRIVAL_PROCESSES.named("poisson")
def poisson(rates_rps: Rates, rng: np.random.Generator) -> Times:
    """Place the requests of a second uniformly and independently: a Poisson process given its counts."""
    second = _second_of_request(rates_rps)
    times = second + rng.random(len(second))
    # The sum can round up to the next second, which would move a request out of its own.
    return np.sort(np.minimum(times, np.nextafter(second + 1, 0)))


@ARRIVAL_PROCESSES.named("uniform")
def uniform(rates_rps: Rates, _rng: np.random.Generator) -> Times:
    """Space the requests of a second evenly, half a gap from its ends; nothing is random."""
    second = _second_of_request(rates_rps)
    first_of_second = np.cumsum(rates_rps) - rates_rps
    place = np.arange(len(second)) - np.repeat(first_of_second, rates_rps)
    return second + (place + 0.5) / np.repeat(rates_rps, rates_rps)


@ARRIVAL_PROCESSES.named("paper-burst")
def paper_burst(rates_rps: Rates, rng: np.random.Generator) -> Times:
    """Send every request an independent exponential wait, of mean 1/rate, after its second began.

    This is what the paper's load tester does: a burst at the start of each second, not a Poisson process.
    A wait may reach into later seconds, past the end of the workload too; all times are sorted together.
    """
    second = _second_of_request(rates_rps)
    return np.sort(second + rng.exponential(1 / np.repeat(rates_rps, rates_rps)))


def _second_of_request(rates_rps: Rates) -> Times:
    return np.repeat(np.arange(len(rates_rps), dtype=np.float64), rates_rps)
