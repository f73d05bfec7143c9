"""Rows of a profile that contradict themselves: what one replica cannot do, or what looks like another unit.

A replica serves one batch after the other. So it serves at most one batch per mean latency, its mean lies
below its 99th percentile, and both are about what the throughput leaves for a batch. The 219 published rows
keep to that (throughput at most 1.001 times batch / mean; p99 at most 1.6 times batch / throughput and 5
times the mean); rows that do not were measured with several requests in flight, or are not in seconds.
"""

from collections.abc import Iterator, Sequence

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.profile_table import Measurement, ProfileSource, ProfileTable

THROUGHPUT_OVER_CAPACITY = 1.05
"""Throughput over batch / mean latency from which on a row is doubted."""

P99_OVER_BATCH_TIME = 4.0
"""p99 latency over batch / throughput from which on a row without a mean is doubted."""

P99_OVER_MEAN = 50.0
"""p99 over mean latency from which on one of them seems to be in another unit."""

OTHER_UNIT = 100.0
"""Factor from which on a contradiction looks like a unit rather than a way of measuring."""

SLA_OVER_LATENCY = 1000.0
"""SLA over the SLA of the paper's rule from which on it seems to be in milliseconds."""


def table_warnings(table: ProfileTable, source: ProfileSource, variants: Sequence[str]) -> list[str]:
    """Return the contradictions in the rows that some variants of a stage take, with file and line."""
    rows = [row for name in variants for taken in table.rows_of(source, name).values() for row in taken]
    return [
        f"{table.file}: line {row.line} ({row.variant}, {row.cores} cores): {problem}"
        for row in sorted(rows, key=lambda row: row.line)
        for problem in contradictions(row)
    ]


def sla_warnings(pipeline: Pipeline) -> list[str]:
    """Return what makes an SLA look like milliseconds."""
    rule_s = pipeline.computed_sla_s()
    if pipeline.sla_s < SLA_OVER_LATENCY * rule_s:
        return []
    times = f"{pipeline.sla_s / rule_s:.0f} times what the paper's rule gives ({rule_s:.3g} s)"
    return [f"sla_s: {pipeline.sla_s:g} s is {times}; are these milliseconds?"]


def contradictions(row: Measurement) -> Iterator[str]:
    """Yield what a row says that cannot be, with the values."""
    point, mean_s, p99_s = row.point, row.point.latency_mean_s, row.point.latency_p99_s
    batch_s = point.batch / point.throughput_rps
    if row.mean_given and mean_s > 1.001 * p99_s:
        yield f"the mean latency of {mean_s:g} s is above the p99 of {p99_s:g} s{_unit(mean_s / p99_s)}"
        return
    if row.mean_given and mean_s > THROUGHPUT_OVER_CAPACITY * batch_s:
        yield (
            f"a replica that takes {mean_s:g} s for a batch of {point.batch} on average serves at most"
            f" {point.batch / mean_s:.3g} requests/s, not {point.throughput_rps:g}{_unit(mean_s / batch_s)}"
        )
    elif not row.mean_given and p99_s > P99_OVER_BATCH_TIME * batch_s:
        yield (
            f"{point.throughput_rps:g} requests/s in batches of {point.batch} leave {batch_s:.3g} s for each,"
            f" the p99 latency is {p99_s:g} s{_unit(p99_s / batch_s)}"
        )
    if row.mean_given and p99_s > P99_OVER_MEAN * mean_s:
        times = f"{p99_s / mean_s:.0f} times the mean of {mean_s:g} s"
        yield f"the p99 latency of {p99_s:g} s is {times}; are both in seconds?"


def _unit(factor: float) -> str:
    if factor >= OTHER_UNIT:
        return "; are these milliseconds?"
    return "; was it measured with several requests in flight?"
