"""Seeded synthetic twins of the paper's excerpts, for machines without the real trace.

Each twin follows straight lines between a few levels, draws the undamped requests of every second around them
and damps by the same integer division as the paper. The levels lie in ``data/workloads/synthetic.yaml``.
"""

import zlib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.file_stamps import cached_by_content
from ipa.limits import DURATION_S, REQUESTS_PER_SECOND, Range
from ipa.paths import data_dir
from ipa.strict_yaml import Real, Whole, read_model, within
from ipa.workload.workload import Rates, Workload

Level = tuple[
    Annotated[Real, within(Range(0.0, DURATION_S.high, "s"))],
    Annotated[Real, within(Range(0.0, REQUESTS_PER_SECOND.high, "requests/s"))],
]


class SyntheticShape(BaseModel):
    """The few numbers a synthetic workload is made from.

    Parameters
    ----------
    levels
        Pairs (second, mean requests per second before damping), joined by straight lines; the first second is
        0, the last is the length.
    dispersion
        Variance over mean of the undamped requests per second; 1 is Poisson.
    damping_divisor
        Integer division of every second.
    repeats
        How often the same seconds are played.

    Examples
    --------
    >>> shape = SyntheticShape(levels=[(0, 80), (3, 80)], damping_divisor=8)
    >>> shape.mean_raw_rps()
    array([80., 80., 80.])
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Annotated[tuple[Level, ...], Field(min_length=2)]
    dispersion: Annotated[Real, within(Range(1.0, 1e6))] = 1.0
    damping_divisor: Annotated[Whole, within(Range(1, REQUESTS_PER_SECOND.high, whole=True))] = 1
    repeats: Annotated[Whole, within(Range(1, 1000, whole=True))] = 1

    @model_validator(mode="after")
    def _seconds_rise(self) -> Self:
        seconds = [second for second, _ in self.levels]
        if seconds[-1] % 1:
            raise ValueError("the last second of the levels is the length and must be a whole number")
        if seconds[0] != 0 or any(b <= a for a, b in pairwise(seconds)):
            raise ValueError("the seconds of the levels must start at 0 and rise")
        if seconds[-1] * self.repeats > DURATION_S.high:
            raise ValueError(f"the seconds times repeats must be at most {DURATION_S.high:,}")
        return self

    def mean_raw_rps(self) -> NDArray[np.float64]:
        """Return the mean undamped rate in the middle of each second, shape (n_s / repeats,)."""
        seconds, raw_rps = np.array(self.levels).T
        middle = np.arange(int(seconds[-1])) + 0.5
        mean_raw_rps: NDArray[np.float64] = np.interp(middle, seconds, raw_rps)
        return mean_raw_rps

    def draw(self, rng: np.random.Generator) -> Rates:
        """Draw the damped requests of each second.

        Parameters
        ----------
        rng
            Source of randomness.

        Returns
        -------
        NDArray[np.int64]
            Requests in each second, shape (n_s,).
        """
        mean_raw_rps = self.mean_raw_rps()
        excess = self.dispersion - 1
        # A Poisson count whose mean is gamma distributed has variance = mean x dispersion.
        if excess > 0:
            mean_raw_rps = rng.gamma(mean_raw_rps / excess, excess)
        damped = rng.poisson(mean_raw_rps) // self.damping_divisor
        return np.tile(damped, self.repeats).astype(np.int64)


def shapes() -> dict[str, SyntheticShape]:
    """Return the shapes of the synthetic twins by workload name."""
    return _read(data_dir() / "workloads" / "synthetic.yaml")


@cached_by_content
def _read(path: Path) -> dict[str, SyntheticShape]:
    return read_model(path, dict[str, SyntheticShape])


def synthetic_workload(name: str, *, seed: int = 0) -> Workload:
    """Generate the synthetic twin of an excerpt.

    Parameters
    ----------
    name
        One of :func:`shapes`.
    seed
        Whole number of at least 0; the same seed gives the same requests, each workload has its own stream.

    Returns
    -------
    Workload
        Its ``source`` is ``synthetic``.

    Raises
    ------
    UnknownNameError
        If there is no such twin.
    InvalidValueError
        If the seed is negative.

    Examples
    --------
    >>> synthetic_workload("steady-low", seed=1).duration_s
    1200
    """
    table = shapes()
    if name not in table:
        raise UnknownNameError("synthetic workload", name, table)
    if seed < 0:
        raise InvalidValueError(f"the seed must be a whole number of at least 0, got {seed}")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    description = f"synthetic twin of the paper's {name} excerpt"
    return Workload(name, table[name].draw(rng), "synthetic", seed, description)
