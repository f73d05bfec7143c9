"""Measured latency and throughput of a variant, the quadratic fit, base allocation and SLA."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from ipa.errors import InvalidValueError

SLA_FACTOR = 5.0
"""Stage SLA over mean batch-1 latency (paper, section 4.2)."""


@dataclass(frozen=True, slots=True)
class ProfilePoint:
    """One measurement of a variant on a fixed number of cores.

    Parameters
    ----------
    batch
        Requests in a batch.
    latency_p99_s
        99th percentile of the time a batch takes, in seconds.
    latency_mean_s
        Mean of the same, in seconds.
    throughput_rps
        Requests per second that one replica sustains at this batch size.
    """

    batch: int
    latency_p99_s: float
    latency_mean_s: float
    throughput_rps: float


@dataclass(frozen=True)
class Profile:
    """What one replica of a variant does on ``cores`` cores, per batch size.

    Batch sizes between the smallest and the largest measured one are interpolated with the quadratic
    l(b) = αb² + βb + γ of the paper (section 4.2), which needs three measurements (two give a line). The fit
    is never extrapolated: beyond the largest measured batch it is wrong by orders of magnitude.

    Parameters
    ----------
    cores
        Cores of the replica.
    points
        Measurements, in ascending batch size.
    """

    cores: int
    points: tuple[ProfilePoint, ...]

    def __post_init__(self) -> None:
        batches = [point.batch for point in self.points]
        if not batches or batches != sorted(set(batches)):
            raise InvalidValueError(f"profile points need distinct ascending batch sizes, got {batches}")

    @property
    def max_batch(self) -> int:
        """Largest batch size measured."""
        return self.points[-1].batch

    @cached_property
    def measured(self) -> dict[int, ProfilePoint]:
        """Measurements by batch size."""
        return {point.batch: point for point in self.points}

    def supports(self, batch: int) -> bool:
        """Whether ``batch`` was measured or lies where the fit may be used."""
        return batch in self.measured or (
            len(self.points) > 1 and self.points[0].batch < batch < self.max_batch
        )

    def at(self, batch: int) -> ProfilePoint:
        """Return the measurement for a batch size, or the fit's estimate.

        Parameters
        ----------
        batch
            Requests in a batch.

        Raises
        ------
        InvalidValueError
            If the batch size lies outside the measured range.

        Examples
        --------
        >>> measured = [(1, 0.1, 0.08, 12.0), (2, 0.15, 0.12, 16.0), (8, 0.6, 0.5, 16.0)]
        >>> profile = Profile(cores=1, points=tuple(ProfilePoint(*m) for m in measured))
        >>> round(profile.at(4).latency_p99_s, 3)
        0.271
        """
        if batch in self.measured:
            return self.measured[batch]
        if not self.supports(batch):
            raise InvalidValueError(
                f"batch size {batch} lies outside the measured {self.points[0].batch}..{self.max_batch}"
            )
        if batch not in self._estimates:
            self._estimates[batch] = self._estimate(batch)
        return self._estimates[batch]

    @cached_property
    def _estimates(self) -> dict[int, ProfilePoint]:
        return {}

    def _estimate(self, batch: int) -> ProfilePoint:
        below = max((p for p in self.points if p.batch < batch), key=lambda p: p.batch)
        above = min((p for p in self.points if p.batch > batch), key=lambda p: p.batch)
        mean, p99 = (
            # Noise can make the parabola overshoot; a larger batch never takes less time than a smaller one.
            min(max(float(np.polyval(fit, batch)), low), max(low, high))
            for fit, low, high in (
                (self._fit_mean, below.latency_mean_s, above.latency_mean_s),
                (self._fit_p99, below.latency_p99_s, above.latency_p99_s),
            )
        )
        return ProfilePoint(batch, p99, mean, batch / self._busy_s(batch, below, above))

    def _busy_s(self, batch: int, below: ProfilePoint, above: ProfilePoint) -> float:
        """Estimate the time a batch occupies the replica, which is what limits its throughput."""
        low, high = below.batch / below.throughput_rps, above.batch / above.throughput_rps
        return min(max(float(np.polyval(self._fit_busy, batch)), low), max(low, high))

    @cached_property
    def _fit_p99(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return self._fit([point.latency_p99_s for point in self.points])

    @cached_property
    def _fit_mean(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return self._fit([point.latency_mean_s for point in self.points])

    @cached_property
    def _fit_busy(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return self._fit([point.batch / point.throughput_rps for point in self.points])

    def _fit(self, values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return quadratic_fit([point.batch for point in self.points], values)


def quadratic_fit(
    batches: Sequence[int], latencies_s: Sequence[float]
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Fit l(b) = αb² + βb + γ by least squares (a line through two points, a constant through one).

    Parameters
    ----------
    batches
        Batch sizes, shape (n,).
    latencies_s
        Latency at each batch size in seconds, shape (n,).

    Returns
    -------
    numpy.ndarray
        Coefficients, highest power first, shape (min(n, 3),).

    Notes
    -----
    Source: paper, section 4.2.
    """
    return np.asarray(np.polyfit(batches, latencies_s, min(2, len(batches) - 1)), dtype=np.float64)


def base_allocation(profiles: Iterable[Profile], threshold_rps: float, stage_sla_s: float) -> int | None:
    """Return the fewest cores that sustain the threshold rate within the stage SLA.

    Parameters
    ----------
    profiles
        Profiles of one variant on different numbers of cores.
    threshold_rps
        Rate that one replica has to sustain.
    stage_sla_s
        Latency that a batch of that size may take.

    Returns
    -------
    int or None
        Cores; None if no measured allocation is enough.

    Notes
    -----
    Source: paper, Eq. 1. As in the published runs, an allocation counts when any measured batch size meets
    both conditions.
    """
    enough = (
        profile.cores
        for profile in profiles
        if any(p.throughput_rps >= threshold_rps and p.latency_p99_s <= stage_sla_s for p in profile.points)
    )
    return min(enough, default=None)


def stage_sla_s(batch1_latencies_s: Iterable[float], factor: float = SLA_FACTOR) -> float:
    """Return the SLA of a stage: a multiple of the mean batch-1 latency of its variants.

    Parameters
    ----------
    batch1_latencies_s
        Latency of each variant at batch size 1 on its base allocation, in seconds.
    factor
        Multiple; 5 in the paper.

    Notes
    -----
    Source: paper, section 4.2. The published SLAs (Table 6) follow another rule and are kept as data.
    """
    return factor * fmean(batch1_latencies_s)
