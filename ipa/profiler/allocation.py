"""What follows from measured profiles: the fit over the batch size, base allocations, SLAs.

Base allocation and SLA depend on each other: an allocation is enough if it sustains the threshold rate within
the SLA of the stage (Eq. 1), and the SLA is five times the mean latency on these allocations (section 4.2).
The paper does not say how it cuts the circle. Here the allocations grow from the smallest ones, under which
the SLA is the widest, until they are enough under the SLA that they imply.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ipa.errors import InvalidValueError
from ipa.pipeline.profiles import Profile, base_allocation, quadratic_fit, stage_sla_s


@dataclass(frozen=True, slots=True)
class LatencyFit:
    """The quadratic l(b) = αb² + βb + γ through the latencies of one profile (paper, section 4.2).

    Parameters
    ----------
    alpha_s, beta_s, gamma_s
        Coefficients in seconds; α is 0 for two points, β too for one.
    r_squared
        Share of the variance over the batch sizes that the fit explains; NaN where all latencies are equal.
    worst_error
        Largest deviation of a measured latency from the fit, relative to the latency.
    """

    alpha_s: float
    beta_s: float
    gamma_s: float
    r_squared: float
    worst_error: float


@dataclass(frozen=True, slots=True)
class StageAllocation:
    """What the measurements of a stage imply.

    Parameters
    ----------
    cores
        Base allocation of each variant; None if no measured one sustains the threshold within the SLA.
    largest
        Most cores that each was measured on.
    sla_s
        SLA of the stage in seconds.
    """

    cores: Mapping[str, int | None]
    largest: Mapping[str, int]
    sla_s: float

    @property
    def feasible(self) -> tuple[str, ...]:
        """The variants that sustain the threshold."""
        return tuple(name for name, cores in self.cores.items() if cores is not None)


def fit_latency(profile: Profile) -> LatencyFit:
    """Fit the p99 latency of a profile over its batch sizes.

    Examples
    --------
    >>> from ipa.pipeline.profiles import ProfilePoint
    >>> measured = [(1, 0.11, 0.1, 9.0), (2, 0.19, 0.1, 9.0), (4, 0.41, 0.1, 9.0), (8, 1.09, 0.1, 9.0)]
    >>> fit = fit_latency(Profile(1, tuple(ProfilePoint(*point) for point in measured)))
    >>> round(fit.alpha_s, 6), round(fit.beta_s, 6), round(fit.gamma_s, 6), round(fit.r_squared, 6)
    (0.01, 0.05, 0.05, 1.0)
    """
    batches = np.array([point.batch for point in profile.points], dtype=np.float64)
    latencies_s = np.array([point.latency_p99_s for point in profile.points])
    found = quadratic_fit(batches.tolist(), latencies_s.tolist())
    alpha_s, beta_s, gamma_s = (0.0,) * (3 - len(found)) + tuple(map(float, found))
    error_s = np.polyval(found, batches) - latencies_s
    spread = float(np.sum((latencies_s - latencies_s.mean()) ** 2))
    return LatencyFit(
        alpha_s,
        beta_s,
        gamma_s,
        r_squared=1 - float(np.sum(error_s**2)) / spread if spread > 0 else math.nan,
        worst_error=float(np.max(np.abs(error_s) / latencies_s)),
    )


def allocate(profiles: Mapping[str, Sequence[Profile]], threshold_rps: float) -> StageAllocation:
    """Return base allocations and the SLA of a stage that go with each other.

    Parameters
    ----------
    profiles
        Profiles of each variant on different numbers of cores, each with batch size 1.
    threshold_rps
        Rate that one replica has to sustain.

    Returns
    -------
    StageAllocation
        A variant that no measured allocation is enough for counts in the SLA with its largest one.

    Raises
    ------
    InvalidValueError
        If there is no variant, or one without a profile.
    """
    if not profiles or not all(profiles.values()):
        raise InvalidValueError("base allocations need at least one profile of every variant")
    cores = {name: min(profile.cores for profile in those) for name, those in profiles.items()}
    largest = {name: max(profile.cores for profile in those) for name, those in profiles.items()}
    while True:
        sla_s = stage_sla_s(_batch1_p99_s(profiles[name], on) for name, on in cores.items())
        enough = {
            name: base_allocation(
                [profile for profile in those if profile.cores >= cores[name]], threshold_rps, sla_s
            )
            for name, those in profiles.items()
        }
        grown = {name: enough[name] or largest[name] for name in profiles}
        if grown == cores:
            return StageAllocation(enough, largest, sla_s)
        cores = grown


def _batch1_p99_s(profiles: Sequence[Profile], cores: int) -> float:
    (profile,) = (profile for profile in profiles if profile.cores == cores)
    return profile.at(1).latency_p99_s
