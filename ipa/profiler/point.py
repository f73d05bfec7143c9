"""One measured point: a variant on some cores at one batch size."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ipa.pipeline.profiles import ProfilePoint
from ipa.profiler.closed_loop import Samples
from ipa.profiler.precision import QuantileInterval, StoppingRule, quantile_interval


@dataclass(frozen=True, slots=True, order=True)
class PointKey:
    """What a point is of.

    Parameters
    ----------
    stage, variant
        Names.
    cores
        Cores of the replica.
    batch
        Requests in a batch.
    """

    stage: str
    variant: str
    cores: int
    batch: int

    def __str__(self) -> str:
        return f"{self.stage}/{self.variant} on {self.cores} cores, batch {self.batch}"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else belongs to a point, besides its batches.

    Parameters
    ----------
    fingerprint
        Of everything that determines what was measured; see ``ipa.profiler.target``.
    start_up_s
        From asking for the replica until it was ready; NaN if it ran already.
    memory_uss_mb
        Megabytes that only the replica holds, after the batches; NaN if it is not a process of this machine.
    cpu_s_per_batch
        Seconds of processors that the replica used for a batch; NaN as above.
    notes
        What disturbed the measurement; empty if nothing did.
    """

    fingerprint: str
    start_up_s: float
    memory_uss_mb: float
    cpu_s_per_batch: float
    notes: str


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """A point and everything that is known of it: a row of the profile, whose columns are these names.

    Parameters
    ----------
    stage, variant, cores, batch
        What it is of; see ``PointKey``.
    latency_avg_s, latency_p50_s, latency_p99_s
        What a batch takes from sending to answer, in seconds.
    p99_low_s, p99_high_s
        95 % interval of the p99 (order statistics); 0 and infinity where there were too few batches.
    throughput_rps
        Requests per second.
    batches, elapsed_s
        Batches measured, and what they took together, in seconds.
    warm_up_batches
        Batches sent before, which do not count.
    budget_s
        What they might have taken.
    start_up_s, memory_uss_mb, cpu_s_per_batch, notes, fingerprint
        See ``Circumstances``.
    measured
        When, in UTC.
    """

    stage: str
    variant: str
    cores: int
    batch: int
    latency_avg_s: float
    latency_p50_s: float
    latency_p99_s: float
    p99_low_s: float
    p99_high_s: float
    throughput_rps: float
    batches: int
    elapsed_s: float
    warm_up_batches: int
    budget_s: float
    start_up_s: float
    memory_uss_mb: float
    cpu_s_per_batch: float
    notes: str
    fingerprint: str
    measured: str

    @property
    def key(self) -> PointKey:
        """What it is of."""
        return PointKey(self.stage, self.variant, self.cores, self.batch)

    @property
    def p99_interval(self) -> QuantileInterval:
        """The p99 and how well it is known."""
        return QuantileInterval(self.latency_p99_s, self.p99_low_s, self.p99_high_s, self.batches)

    @property
    def point(self) -> ProfilePoint:
        """What a decision needs of it."""
        return ProfilePoint(self.batch, self.latency_p99_s, self.latency_avg_s, self.throughput_rps)

    def satisfies(self, rule: StoppingRule, fingerprint: str) -> bool:
        """Whether measuring again under this rule could not end better: same thing, precise or as long."""
        return self.fingerprint == fingerprint and (
            rule.is_precise(self.p99_interval) or self.budget_s >= rule.budget_s
        )


def measured_point(
    key: PointKey, samples: Samples, rule: StoppingRule, circumstances: Circumstances
) -> MeasuredPoint:
    """Return the point that some batches give."""
    latencies_s = samples.latencies_s
    interval = quantile_interval(latencies_s)
    return MeasuredPoint(
        stage=key.stage,
        variant=key.variant,
        cores=key.cores,
        batch=key.batch,
        latency_avg_s=float(np.mean(latencies_s)),
        latency_p50_s=float(np.median(latencies_s)),
        latency_p99_s=interval.value,
        p99_low_s=interval.low,
        p99_high_s=interval.high,
        throughput_rps=key.batch * len(latencies_s) / samples.elapsed_s,
        batches=len(latencies_s),
        elapsed_s=samples.elapsed_s,
        warm_up_batches=samples.warm_up_batches,
        budget_s=rule.budget_s,
        start_up_s=circumstances.start_up_s,
        memory_uss_mb=circumstances.memory_uss_mb,
        cpu_s_per_batch=circumstances.cpu_s_per_batch,
        notes=circumstances.notes,
        fingerprint=circumstances.fingerprint,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )
