"""Workload: how many requests arrive in each second of a run, and where those numbers come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ipa.errors import InvalidValueError

Rates = NDArray[np.int64]
Source = Literal["real", "synthetic", "file"]


def as_rates(rates_rps: ArrayLike) -> Rates:
    """Check requests per second and return them as integers.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,), whole numbers of at least 0.

    Returns
    -------
    NDArray[np.int64]
        The same numbers, shape (n_s,).

    Raises
    ------
    InvalidValueError
        If the shape is another, or a value is negative or not whole.

    Examples
    --------
    >>> as_rates([3, 0, 2])
    array([3, 0, 2])
    """
    rates = np.asarray(rates_rps)
    if rates.ndim != 1 or rates.size == 0:
        raise InvalidValueError(f"rates must be a non-empty list of seconds, got shape {rates.shape}")
    if not np.issubdtype(rates.dtype, np.integer):
        raise InvalidValueError(f"rates must be whole numbers of requests per second, got {rates.dtype}")
    if rates.min() < 0:
        second = int(rates.argmin())
        raise InvalidValueError(f"rates must not be negative, got {rates[second]} in second {second}")
    return rates.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Requests per second of one run.

    Parameters
    ----------
    name
        What it is called in results, for example ``bursty``.
    rates_rps
        Requests in each second, shape (n_s,), whole numbers; kept as a read-only copy.
    source
        ``real`` (cut from the published trace), ``synthetic`` (generated) or ``file`` (given by the user).
    seed
        Seed of a random workload, else None.
    description
        One line for people.

    Examples
    --------
    >>> Workload("two-steps", [5, 5, 9], source="file").total_requests
    19
    """

    name: str
    rates_rps: Rates
    source: Source
    seed: int | None = None
    description: str = ""

    def __post_init__(self) -> None:
        rates = as_rates(self.rates_rps)
        rates.flags.writeable = False
        object.__setattr__(self, "rates_rps", rates)

    @property
    def duration_s(self) -> int:
        """Length in seconds."""
        return len(self.rates_rps)

    @property
    def total_requests(self) -> int:
        """Requests in the whole workload."""
        return int(self.rates_rps.sum())

    @property
    def mean_rps(self) -> float:
        """Mean arrival rate."""
        return float(self.rates_rps.mean())
