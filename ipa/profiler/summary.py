"""What was measured, and what follows from it, as rows of tables."""

import math
from collections.abc import Iterable
from typing import Any

from ipa.profiler.allocation import fit_latency
from ipa.profiler.pipeline_file import profiles_by_variant
from ipa.profiler.point import MeasuredPoint
from ipa.profiler.profile import ProfileReport


def point_rows(points: Iterable[MeasuredPoint]) -> list[dict[str, Any]]:
    """Return a row per point: times in milliseconds, memory in megabytes."""
    return [
        {
            "stage": point.stage,
            "variant": point.variant,
            "cores": point.cores,
            "batch": point.batch,
            "mean ms": 1000 * point.latency_avg_s,
            "p50 ms": 1000 * point.latency_p50_s,
            "p99 ms": 1000 * point.latency_p99_s,
            "p99 from": 1000 * point.p99_low_s,
            "p99 to": 1000 * point.p99_high_s if math.isfinite(point.p99_high_s) else math.nan,
            "requests/s": point.throughput_rps,
            "CPU ms": 1000 * point.cpu_s_per_batch,
            "memory MB": point.memory_uss_mb,
            "batches": point.batches,
            "disturbed by": point.notes,
        }
        for point in points
    ]


def allocation_rows(report: ProfileReport) -> list[dict[str, Any]]:
    """Return a row per variant and cores: the fit, and whether these are its base allocation."""
    rows = []
    for stage, found in report.allocations.items():
        for variant, profiles in profiles_by_variant(report.points, stage).items():
            for profile in profiles:
                fit = fit_latency(profile)
                rows.append(
                    {
                        "stage": stage,
                        "stage SLA s": found.sla_s,
                        "variant": variant,
                        "cores": profile.cores,
                        "base allocation": "yes" if found.cores.get(variant) == profile.cores else "",
                        "requests/s": max(point.throughput_rps for point in profile.points),
                        "α": 1000 * fit.alpha_s,
                        "β": 1000 * fit.beta_s,
                        "γ": 1000 * fit.gamma_s,
                        "R²": fit.r_squared,
                        "worst error %": 100 * fit.worst_error,
                    }
                )
    return rows
