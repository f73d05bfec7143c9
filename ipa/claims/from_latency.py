"""Claims about the end-to-end latency (figure 15), simulated with several seeds under a steady high load."""

from functools import cache
from typing import Any

import pandas as pd

from ipa.claims.check import CHECKS, Finding, graded
from ipa.claims.evidence import Evidence
from ipa.experiments import METHODS, PIPELINES, grid_specs
from ipa.intervals import SEEDS
from ipa.latency import latency_summary, published_latency, seed_means, with_seeds
from ipa.results import ALL_FILES
from ipa.run_spec import RunSpec

EDITION, WORKLOAD, ARRIVALS = "as-published", "steady-high", "paper-burst"
"""Arrivals as the paper's load tester sent them."""

CDF_TOLERANCE = 0.05
MEDIAN_TOLERANCE = 1.28
"""How far the published medians of ipa and fa2-low are apart."""

NEARLY = 1.05
"""Medians that differ by less than 5 % count as equal."""

Latencies = dict[tuple[str, str], dict[str, Any]]
"""Figures of figure 15 by (pipeline, method)."""


def latency_specs(trace: str, seed: int = 0, seeds: int = SEEDS) -> list[RunSpec]:
    """Return the runs behind figure 15: every pipeline and method, with several seeds."""
    grid = grid_specs([EDITION], PIPELINES, [WORKLOAD], METHODS, trace=trace, seed=seed, arrivals=ARRIVALS)
    return with_seeds(grid, seeds)


@cache
def latencies(evidence: Evidence) -> Latencies:
    """Return means over the seeds of finished runs."""
    specs = latency_specs(evidence.trace, evidence.seeds[0], len(evidence.seeds))
    for spec in specs:
        evidence.check_complete(spec, needed=ALL_FILES)
    means = seed_means(latency_summary(specs, evidence.results_dir), ("cdf_at_sla", "p50_s"))
    return _by_cell(means)


@cache
def published_latencies() -> Latencies:
    """Return what the paper's stored curves hold."""
    return _by_cell(published_latency())


def _by_cell(frame: pd.DataFrame) -> Latencies:
    rows: list[dict[Any, Any]] = frame.reset_index().to_dict("records")
    return {(row["pipeline"], row["method"]): row for row in rows if row["edition"] == EDITION}


@CHECKS.named("C16")
def nearly_as_fast_as_the_lightest(evidence: Evidence) -> Finding:
    """Compare the distribution at the SLA of ipa and fa2-low, ours and published."""
    ours, published = latencies(evidence), published_latencies()
    close = [_close(ours[pipeline, "ipa"], ours[pipeline, "fa2-low"]) for pipeline in PIPELINES]
    agreeing = [
        all(
            abs(ours[pipeline, method]["cdf_at_sla"] - published[pipeline, method]["cdf_at_sla"])
            <= CDF_TOLERANCE
            for method in ("ipa", "fa2-low")
        )
        for pipeline in PIPELINES
    ]
    shown = ", ".join(
        f"{p} {ours[p, 'ipa']['cdf_at_sla']:.3f}/{ours[p, 'fa2-low']['cdf_at_sla']:.3f}" for p in PIPELINES
    )
    interval = max(ours[p, m]["cdf_at_sla_interval"] for p in PIPELINES for m in ("ipa", "fa2-low"))
    return Finding(
        graded(all(close), partly=any(close)),
        f"CDF of per-second p99 at the SLA, ipa/fa2-low (simulated, mean of {len(evidence.seeds)} seeds,"
        f" ± at most {interval:.3f}): {shown}; within {CDF_TOLERANCE} of the published curves in"
        f" {sum(agreeing)} of {len(PIPELINES)} pipelines",
        agrees=all(agreeing),
    )


def _close(one: dict[str, float], other: dict[str, float]) -> bool:
    medians = sorted((one["p50_s"], other["p50_s"]))
    near = abs(one["cdf_at_sla"] - other["cdf_at_sla"]) <= CDF_TOLERANCE
    return near and medians[1] <= MEDIAN_TOLERANCE * medians[0]


@CHECKS.named("C17")
def only_rim_is_faster(evidence: Evidence) -> Finding:
    """Order the medians of per-second p99."""
    ours, published = latencies(evidence), published_latencies()
    holds, same = [], []
    for pipeline in PIPELINES:
        ipa_s, rim_s = (ours[pipeline, method]["p50_s"] for method in ("ipa", "rim"))
        faster = {method for method in METHODS if ours[pipeline, method]["p50_s"] * NEARLY < ipa_s}
        holds.append(faster <= {"rim"} and rim_s <= ipa_s * NEARLY)
        theirs = published[pipeline, "rim"]["p50_s"] < published[pipeline, "ipa"]["p50_s"]
        same.append((rim_s < ipa_s) == theirs)
    shown = ", ".join(f"{p} {ours[p, 'ipa']['p50_s']:.2f}/{ours[p, 'rim']['p50_s']:.2f}" for p in PIPELINES)
    interval_s = max(ours[p, method]["p50_s_interval"] for p in PIPELINES for method in ("ipa", "rim"))
    return Finding(
        graded(all(holds), partly=any(holds)),
        f"medians of per-second p99 in s, ipa/rim (simulated, mean of {len(evidence.seeds)} seeds,"
        f" ± at most {interval_s:.2f}):"
        f" {shown}; only rim is faster by more than 5 %, and it is not slower, in {sum(holds)} of"
        f" {len(PIPELINES)}; rim and ipa in the published order in {sum(same)}",
        agrees=all(same),
    )
