"""How long a batch takes: a log-normal through the profile's mean and p99."""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from ipa.arrays import Floats
from ipa.errors import InvalidValueError
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.simulator.settings import IDEAL, ClusterSettings, Service

Z99 = NormalDist().inv_cdf(0.99)
"""Standard normal quantile of 99 %."""

BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Time of a batch of k requests: ``scale_s[k] * exp(spread[k] * z) + dispatch_s``.

    z is a random number of the stage: standard normal, or for exponential service the logarithm of a standard
    exponential.

    Parameters
    ----------
    scale_s
        Median in seconds per batch size, shape (max batch + 1,); the entry at 0 is unused.
    spread
        Standard deviation of the logarithm per batch size, same shape; 0 is a constant service time, and 1
        an exponential one.
    dispatch_s
        What every batch takes in addition, in seconds.
    """

    scale_s: tuple[float, ...]
    spread: tuple[float, ...]
    dispatch_s: float = 0.0
    scales: Floats = field(init=False, repr=False, compare=False)
    spreads: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # The same numbers as arrays, for the compiled engine.
        object.__setattr__(self, "scales", np.array(self.scale_s))
        object.__setattr__(self, "spreads", np.array(self.spread))


def lognormal_spread(mean_s: float, p99_s: float) -> float:
    """Return σ of the log-normal with a given mean and 99th percentile.

    With μ = ln(mean) - σ²/2, p99/mean = exp(zσ - σ²/2), whose smaller root is taken. No log-normal has a p99
    above exp(z²/2) ≈ 15 times its mean; such a profile gets the largest ratio there is. A p99 that does not
    exceed the mean gives 0, a constant.

    Parameters
    ----------
    mean_s
        Mean in seconds.
    p99_s
        99th percentile in seconds.

    Examples
    --------
    >>> spread = lognormal_spread(0.1, 0.2)
    >>> round(0.1 * math.exp(spread * Z99 - spread**2 / 2), 12)
    0.2
    """
    if p99_s <= mean_s:
        return 0.0
    return Z99 - math.sqrt(max(Z99**2 - 2 * math.log(p99_s / mean_s), 0.0))


@lru_cache(maxsize=1024)
def service_times(
    points: tuple[ProfilePoint, ...], batch: int, service: Service, cluster: ClusterSettings = IDEAL
) -> ServiceTimes:
    """Return the service times of all batches up to a size.

    Parameters
    ----------
    points
        Measurements of the profile; batches below the smallest measured one take as long as that one.
    batch
        Largest batch size.
    service
        Kind of service, see ``SimulationSettings``.
    cluster
        By how much the profile errs, and what dispatching takes.

    Raises
    ------
    InvalidValueError
        If the profile does not reach ``batch``, or a mean latency is not a positive number.
    """
    profile = Profile(cores=1, points=points)
    scale_s, spread = [0.0], [0.0]
    for size in range(1, batch + 1):
        point = profile.at(max(size, points[0].batch))
        if not 0 < point.latency_mean_s < math.inf:
            raise InvalidValueError(
                f"mean latency at batch {point.batch} is {point.latency_mean_s} s; it must be positive"
            )
        mean_s, sigma = point.latency_mean_s * cluster.profile_error, 0.0
        if service == "lognormal":
            sigma = lognormal_spread(point.latency_mean_s, point.latency_p99_s)
        scale_s.append(mean_s * math.exp(-(sigma**2) / 2))
        spread.append(1.0 if service == "exponential" else sigma)
    return ServiceTimes(tuple(scale_s), tuple(spread), cluster.dispatch_s)


class RandomStream:
    """The random numbers of one stage, drawn in blocks.

    The values depend on the seed and the stage only, never on how the simulation is cut into steps.

    Parameters
    ----------
    seed
        Seed of the simulation.
    stage
        Index of the stage.
    service
        Kind of service: standard normals, or logarithms of standard exponentials for ``exponential``.
    """

    def __init__(self, seed: int, stage: int, service: Service) -> None:
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stage,))))
        self._exponential = service == "exponential"
        self._drawn: Floats = np.empty(0)
        self._used = 0

    def peek(self, count: int) -> Floats:
        """Return an array whose first ``count`` values come next."""
        left = len(self._drawn) - self._used
        missing = count - left
        if missing > 0:
            # At least in proportion to what is copied, so that a queue that grows costs its length, not more.
            size = -(-max(missing, left // 4) // BLOCK) * BLOCK
            self._drawn = np.concatenate((self._drawn[self._used :], self._block(size)))
            self._used = 0
        return self._drawn[self._used :]

    def consume(self, count: int) -> None:
        """Move on past the first ``count`` values."""
        self._used += count

    def _block(self, size: int) -> Floats:
        if self._exponential:
            # The inverse of the distribution, so that the values do not depend on how they are drawn.
            return np.log(-np.log1p(-self._rng.random(size)))
        return self._rng.standard_normal(size)
