"""Claims about the end-to-end latency (figure 15), simulated with several seeds under a steady high load."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES
from ipa.report.claims.check import CHECKS, Finding
from ipa.report.claims.compare import Orders, every, grade, near, order, some
from ipa.report.claims.evidence import Evidence
from ipa.results.folder import ALL_FILES
from ipa.results.intervals import SEEDS, Interval, mean_interval, paired_interval
from ipa.studies.latency import latency_summary, published_latency, with_seeds

EDITION, WORKLOAD, ARRIVALS = "as-published", "steady-high", "paper-burst"
"""Arrivals as the paper's load tester sent them."""

Values = dict[tuple[str, str], dict[str, list[float]]]
"""Figures of figure 15 by (pipeline, method): one value per seed."""

MEASURES = ("cdf_at_sla", "p50_s")


def latency_specs(trace: str, seed: int = 0, seeds: int = SEEDS) -> list[RunSpec]:
    """Return the runs behind figure 15: every pipeline and method, with several seeds."""
    grid = grid_specs(
        [EDITION], PAPER_PIPELINES, [WORKLOAD], PAPER_METHODS, trace=trace, seed=seed, arrivals=ARRIVALS
    )
    return with_seeds(grid, seeds)


@cache
def latencies(evidence: Evidence) -> Values:
    """Return the figures of finished runs."""
    specs = latency_specs(evidence.trace, evidence.seeds[0], len(evidence.seeds))
    for spec in specs:
        evidence.check_complete(spec, needed=ALL_FILES)
    summary = latency_summary(specs, evidence.results_dir)
    return {
        (str(pipeline), str(method)): {name: group[name].tolist() for name in MEASURES}
        for (pipeline, method), group in summary.groupby(["pipeline", "method"])
    }


@cache
def published_latencies() -> dict[tuple[str, str], dict[str, float]]:
    """Return what the paper's stored curves hold."""
    frame = published_latency().reset_index()
    rows: list[dict[Any, Any]] = frame[frame["edition"] == EDITION].to_dict("records")
    return {(row["pipeline"], row["method"]): {name: row[name] for name in MEASURES} for row in rows}


@CHECKS.named("C16")
def nearly_as_fast_as_the_lightest(evidence: Evidence) -> Finding:
    """Compare the distribution at the SLA and the medians of ipa and fa2-low, ours and published."""
    claimed = evidence.claim("C16").claimed
    ours, published = latencies(evidence), published_latencies()
    near_each_other = [_near(ours[p, "ipa"], ours[p, "fa2-low"], claimed) for p in PAPER_PIPELINES]
    means = {key: {name: mean_interval(values[name]) for name in MEASURES} for key, values in ours.items()}
    compared = [(p, method) for p in PAPER_PIPELINES for method in ("ipa", "fa2-low")]
    off = max(abs(means[key]["cdf_at_sla"].mean - published[key]["cdf_at_sla"]) for key in compared)
    factor = max(_factor(means[key]["p50_s"].mean, published[key]["p50_s"]) for key in compared)
    shown = ", ".join(
        f"{p} {means[p, 'ipa']['cdf_at_sla'].mean:.3f}/{means[p, 'fa2-low']['cdf_at_sla'].mean:.3f}"
        for p in PAPER_PIPELINES
    )
    widest = max(means[key]["cdf_at_sla"].half_width for key in compared)
    return Finding(
        grade(every(near_each_other), partly=some(near_each_other)),
        f"CDF of per-second p99 at the SLA, ipa/fa2-low (simulated, {len(evidence.seeds)} seeds,"
        f" ± at most {widest:.3f}): {shown}; ipa is near fa2-low in {near_each_other.count(True)} of"
        f" {len(PAPER_PIPELINES)} pipelines; up to {off:.3f} from the published curves,"
        f" medians up to {factor:.1f} times off",
        {"largest_cdf_difference": off, "largest_median_factor": factor},
    )


def _near(
    one: dict[str, list[float]], other: dict[str, list[float]], claimed: Mapping[str, float]
) -> bool | None:
    share = claimed["median_pct"] / 100
    ratio = mean_interval([a / b for a, b in zip(one["p50_s"], other["p50_s"], strict=True)])
    return every(
        [
            near(paired_interval(one["cdf_at_sla"], other["cdf_at_sla"]), 0, claimed["cdf"]),
            near(ratio, 1, share),
        ]
    )


def _factor(one: float, other: float) -> float:
    """Return by what factor two values differ, whichever is larger."""
    return max(one / other, other / one)


@CHECKS.named("C17")
def only_rim_is_faster(evidence: Evidence) -> Finding:
    """Order the medians of per-second p99: rim below ipa, and ipa below all others."""
    ours = latencies(evidence)
    slower = {
        (p, method): paired_interval(ours[p, method]["p50_s"], ours[p, "ipa"]["p50_s"])
        for p in PAPER_PIPELINES
        for method in PAPER_METHODS
        if method != "ipa"
    }
    faster_rim = [_negative(slower[p, "rim"]) for p in PAPER_PIPELINES]
    others = [found for (_, method), found in slower.items() if method != "rim"]
    rim, rest = Orders.of(map(order, faster_rim)), Orders.of(map(order, others))
    means_s = {key: mean_interval(values["p50_s"]).mean for key, values in ours.items()}
    factor = max(_factor(means_s[key], theirs["p50_s"]) for key, theirs in published_latencies().items())
    shown = ", ".join(f"{p} {means_s[p, 'ipa']:.2f}/{means_s[p, 'rim']:.2f}" for p in PAPER_PIPELINES)
    return Finding(
        Orders.of(map(order, [*faster_rim, *others])).support,
        f"medians of per-second p99 in s, ipa/rim (simulated, {len(evidence.seeds)} seeds): {shown};"
        f" rim is faster in {rim.above}, slower in {rim.below} of {len(PAPER_PIPELINES)};"
        f" of fa2-low and fa2-high {rest.above} are slower than ipa, {rest.below} faster, {rest.tied} tied;"
        f" medians up to {factor:.1f} times off the published ones",
        {"rim_faster": rim.above, "largest_median_factor": factor},
    )


def _negative(one: Interval) -> Interval:
    return Interval(-one.mean, one.half_width, one.level, one.count)
