"""Claims that the runs of the grid bear out or contradict (figures 8 to 12)."""

from collections.abc import Iterable

import numpy as np

from ipa.claims.check import CHECKS, Finding, Support, graded
from ipa.claims.evidence import Evidence
from ipa.config import load_pipeline
from ipa.experiments import PIPELINES, WORKLOADS
from ipa.intervals import Interval

REVISED, FIRST = "as-published", "as-published-v1"
CELLS = [(pipeline, workload) for pipeline in PIPELINES for workload in WORKLOADS]


def _over(
    evidence: Evidence, edition: str, cell: tuple[str, str], methods: tuple[str, str], measure: str
) -> Interval:
    """Return a measure of a method over that of another in one cell, compared seed by seed."""
    return evidence.over_seeds(
        lambda one: (
            one.value(edition, *cell, methods[0], measure) / one.value(edition, *cell, methods[1], measure)
        )
    )


def _ratio(evidence: Evidence, edition: str, cell: tuple[str, str], method: str, other: str) -> Interval:
    """Return the cost of a method over that of another in one cell."""
    return _over(evidence, edition, cell, (method, other), "cost_mean_cores")


def _mean_change_pct(evidence: Evidence, edition: str, pipeline: str, measure: str) -> Interval:
    """Return by how much ipa exceeds fa2-low, both averaged over the four workloads, in percent."""

    def change(one: Evidence) -> float:
        ipa = one.load_mean(edition, pipeline, "ipa", measure)
        return (ipa / one.load_mean(edition, pipeline, "fa2-low", measure) - 1) * 100

    return evidence.over_seeds(change)


def _mean_rim_ratio(evidence: Evidence, edition: str, pipeline: str) -> Interval:
    """Return the cost of rim over that of ipa, averaged over the four workloads."""
    return evidence.over_seeds(
        lambda one: float(
            np.mean([_ratio(one, edition, (pipeline, load), "rim", "ipa").mean for load in WORKLOADS])
        )
    )


def _reduced_pct(evidence: Evidence, pipeline: str) -> Interval:
    """Return the share of steps in which rim falls below its best accuracy under the bursty load."""

    def share(one: Evidence) -> float:
        pas = one.decisions(REVISED, pipeline, "bursty", "rim")["pas"].iloc[1:]
        return float((pas < pas.max() - 1e-9).mean()) * 100

    return evidence.over_seeds(share)


def _normalised_gain(evidence: Evidence, pipeline: str) -> Interval:
    """Return the accuracy that ipa gains as a share of the span between fa2-low and fa2-high."""

    def gain(one: Evidence) -> float:
        low, ipa, high = (
            one.load_mean(FIRST, pipeline, method, "rank_sum_mean")
            for method in ("fa2-low", "ipa", "fa2-high")
        )
        return (ipa - low) / (high - low)

    return evidence.over_seeds(gain)


def _at_most(evidence: Evidence, intervals: Iterable[Interval], spec: str) -> str:
    """Return how far means over seeds may be off, as text."""
    if len(evidence.seeds) == 1:
        return "one seed"
    widest = max(interval.half_width for interval in intervals)
    return f"mean of {len(evidence.seeds)} seeds, ± at most {widest:{spec}}".replace("%", " %")


@CHECKS.named("C1")
def normalised_gain(evidence: Evidence) -> Finding:
    """Compare the gain on the span between fa2-low and fa2-high with the added cost, per pipeline."""
    costs_pct = {p: _mean_change_pct(evidence, FIRST, p, "cost_mean_cores") for p in PIPELINES}
    gains = {p: _normalised_gain(evidence, p) for p in PIPELINES if costs_pct[p].mean < 5}
    if not gains:
        return Finding(Support.CONTRADICTED, "no pipeline gains for less than 5 % more cost", agrees=False)
    best = max(gains, key=lambda pipeline: gains[pipeline].mean)
    return Finding(
        graded(full=gains[best].mean >= 0.35, partly=False),
        f"largest gain for less than 5 % more cost: {best} {gains[best]:+.2f} of the span"
        f" at {costs_pct[best]:+.1f} %",
        agrees=abs(gains[best].mean - 0.305) <= 0.05,
    )


@CHECKS.named("C2")
def revised_gain(evidence: Evidence) -> Finding:
    """Compare gain and cost of audio-sent against fa2-low over the four workloads."""
    gain_pct = _mean_change_pct(evidence, REVISED, "audio-sent", "pas_mean")
    cost_pct = _mean_change_pct(evidence, REVISED, "audio-sent", "cost_mean_cores")
    return Finding(
        graded(full=gain_pct.mean >= 19 and cost_pct.mean <= 5, partly=gain_pct.mean >= 19),
        f"audio-sent: accuracy {gain_pct:+.1f} %, cost {cost_pct:+.1f} %",
        agrees=abs(gain_pct.mean - 21.08) <= 2 and abs(cost_pct.mean - 30.8) <= 5,
    )


@CHECKS.named("C3")
def video_costs_like_the_lightest(evidence: Evidence) -> Finding:
    """Compare the cost of ipa and fa2-low in the video pipeline."""
    ratios = [
        _ratio(evidence, edition, ("video", load), "ipa", "fa2-low")
        for edition in (FIRST, REVISED)
        for load in WORKLOADS
    ]
    means = [ratio.mean for ratio in ratios]
    close = all(abs(mean - 1) <= 0.05 + 0.005 for mean in means)
    return Finding(
        graded(close, partly=float(np.mean(means)) <= 1.05),
        f"cost ratio {min(means):.2f} to {max(means):.2f} over both editions and four loads"
        f" ({_at_most(evidence, ratios, '.2f')})",
        agrees=close,
    )


@CHECKS.named("C4")
def steady_high_falls_back(evidence: Evidence) -> Finding:
    """Compare ipa with fa2-low under the steady high load."""
    ratios = {
        measure: {
            p: _over(evidence, REVISED, (p, "steady-high"), ("ipa", "fa2-low"), measure) for p in PIPELINES
        }
        for measure in ("pas_mean", "cost_mean_cores")
    }
    gaps, cost_gaps = ({p: 100 * ratio.mean - 100 for p, ratio in found.items()} for found in ratios.values())
    lightest = [p for p, gap in gaps.items() if abs(gap) <= 2]
    every = [ratio for found in ratios.values() for ratio in found.values()]
    return Finding(
        graded(len(lightest) == len(PIPELINES), partly="video" in lightest),
        "accuracy above fa2-low: "
        + ", ".join(f"{p} {gaps[p]:+.1f} % (cost {cost_gaps[p]:+.1f} %)" for p in PIPELINES)
        + f" ({_at_most(evidence, every, '.1%')})",
        agrees="video" in lightest and all(abs(gap) <= 5 for p, gap in cost_gaps.items() if p != "nlp"),
    )


@CHECKS.named("C5")
def accuracy_order(evidence: Evidence) -> Finding:
    """Count the cells in which fa2-low ≤ ipa ≤ fa2-high in accuracy."""
    ordered = sum(
        evidence.value(edition, *cell, "fa2-low", measure)
        <= evidence.value(edition, *cell, "ipa", measure) + 1e-9
        and evidence.value(edition, *cell, "ipa", measure)
        <= evidence.value(edition, *cell, "fa2-high", measure) + 1e-9
        for edition, measure in ((FIRST, "rank_sum_mean"), (REVISED, "pas_mean"))
        for cell in CELLS
    )
    total = 2 * len(CELLS)
    lighter = _pipelines_without_the_heaviest(evidence)
    return Finding(
        graded(ordered == total and not lighter, partly=ordered == total),
        f"the order holds in {ordered} of {total} cells;"
        f" fa2-high does not run the most accurate variants in {', '.join(lighter) or 'no pipeline'}",
        agrees=ordered == total,
    )


def _pipelines_without_the_heaviest(evidence: Evidence) -> list[str]:
    """Return the pipelines in which fa2-high of the revision fixes other than the most accurate variants."""
    runs = evidence.table("runs")
    fixed = runs[(runs["edition"] == "v3") & (runs["method"] == "fa2-high")]
    used: dict[str, str] = dict(fixed[["pipeline", "fixed_variants"]].itertuples(index=False))
    heaviest = {
        p: "|".join(max(s.choices, key=lambda v: v.accuracy).name for s in load_pipeline(p).stages)
        for p in PIPELINES
    }
    return [p for p in PIPELINES if used[p] != heaviest[p]]


@CHECKS.named("C6")
def rim_trades_accuracy(evidence: Evidence) -> Finding:
    """Find the share of steps in which rim falls below its best accuracy under the bursty load."""
    found = {p: _reduced_pct(evidence, p) for p in PIPELINES}
    shares = {p: interval.mean for p, interval in found.items()}
    trading = [pipeline for pipeline, share in shares.items() if share > 0]
    return Finding(
        graded(len(trading) == len(PIPELINES), partly=bool(trading)),
        "steps at reduced accuracy: "
        + ", ".join(f"{p} {share:.0f} %" for p, share in shares.items())
        + f" ({_at_most(evidence, found.values(), '.0f')})",
        agrees=abs(shares["audio-qa"] - 25) <= 5 and shares["nlp"] == 0,
    )


@CHECKS.named("C7")
def rim_overprovisions(evidence: Evidence) -> Finding:
    """Compare the cost of rim and ipa in audio-qa."""
    ratios = {
        name: _mean_rim_ratio(evidence, edition, "audio-qa")
        for name, edition in (("v1", FIRST), ("v3", REVISED))
    }
    means = {name: ratio.mean for name, ratio in ratios.items()}
    return Finding(
        graded(min(means.values()) >= 2.7, partly=False),
        f"rim / ipa, mean of four loads: {ratios['v1']:.2f} (v1), {ratios['v3']:.2f} (v3)",
        agrees=_published_rim_ratio_agrees(evidence, means),
    )


def _published_rim_ratio_agrees(evidence: Evidence, means: dict[str, float]) -> bool:
    """Whether our mean ratios lie within 10 % of those of the published averages."""
    for edition, ours in means.items():
        published = float(
            np.mean(
                [
                    evidence.published(edition, "audio-qa", load, "rim", "avg_cost_cores")
                    / evidence.published(edition, "audio-qa", load, "ipa", "avg_cost_cores")
                    for load in WORKLOADS
                ]
            )
        )
        if abs(ours / published - 1) > 0.10:
            return False
    return True


@CHECKS.named("C8")
def heavier_violates_more(evidence: Evidence) -> Finding:
    """Order the methods by the share of seconds in violation under the bursty load."""
    found = {
        p: [
            evidence.interval(REVISED, p, "bursty", method, "violating_seconds_share")
            for method in ("fa2-low", "ipa", "fa2-high")
        ]
        for p in PIPELINES
    }
    shares = {p: [100 * share.mean for share in by_method] for p, by_method in found.items()}
    every = [share for by_method in found.values() for share in by_method]
    published = {
        p: [
            evidence.published("v3", p, "bursty", method, "sla_violation_pct_of_seconds")
            for method in ("fa2-low", "ipa", "fa2-high")
        ]
        for p in PIPELINES
    }
    ordered = [p for p, share in shares.items() if share == sorted(share)]
    off = max(
        abs(ours - theirs) for p in PIPELINES for ours, theirs in zip(shares[p], published[p], strict=True)
    )
    return Finding(
        graded(len(ordered) == len(PIPELINES), partly=len(ordered) > len(PIPELINES) // 2),
        f"fa2-low ≤ ipa ≤ fa2-high in {len(ordered)} of {len(PIPELINES)} pipelines (simulated,"
        f" {_at_most(evidence, every, '.1%')});"
        f" largest difference to a published share {off:.1f} points",
        agrees=off <= 3,
    )


@CHECKS.named("C9")
def cost_ratio_to_the_heaviest(evidence: Evidence) -> Finding:
    """Compare cost and accuracy of ipa and fa2-high under the bursty load (first submission)."""
    ratios = {p: _ratio(evidence, FIRST, (p, "bursty"), "fa2-high", "ipa") for p in ("sum-qa", "nlp")}
    losses = {
        p: evidence.value(FIRST, p, "bursty", "fa2-high", "rank_sum_mean")
        - evidence.value(FIRST, p, "bursty", "ipa", "rank_sum_mean")
        for p in ratios
    }
    means = {p: ratio.mean for p, ratio in ratios.items()}
    cheap = means["sum-qa"] >= 2.7 and means["nlp"] >= 3.6
    return Finding(
        graded(cheap and max(losses.values()) <= 0.55, partly=cheap or losses["sum-qa"] <= 0.55),
        ", ".join(f"{p}: {ratios[p]:.2f} times cheaper for {losses[p]:.2f} less accuracy" for p in ratios),
        agrees=abs(means["sum-qa"] / 3.45 - 1) <= 0.1 and abs(means["nlp"] / 3.78 - 1) <= 0.1,
    )


@CHECKS.named("C10")
def largest_system(evidence: Evidence) -> Finding:
    """Find the peak cost of the nlp pipeline under the bursty load."""
    found = {
        method: evidence.interval(REVISED, "nlp", "bursty", method, "cost_max_cores")
        for method in ("ipa", "fa2-high")
    }
    peaks = {method: interval.mean for method, interval in found.items()}
    return Finding(
        graded(peaks["ipa"] >= 450, partly=peaks["fa2-high"] >= 450),
        f"peak of nlp bursty: fa2-high {found['fa2-high']:.0f} cores, ipa {found['ipa']:.0f} cores",
        agrees=abs(peaks["fa2-high"] / 519 - 1) <= 0.1 and abs(peaks["ipa"] / 276 - 1) <= 0.1,
    )


@CHECKS.named("C34")
def cheaper_than_the_others(evidence: Evidence) -> Finding:
    """Count the cells in which ipa costs less than fa2-high and less than rim."""
    counts = {
        (name, other): sum(_ratio(evidence, edition, cell, "ipa", other).mean < 1 for cell in CELLS)
        for name, edition in (("v1", FIRST), ("v3", REVISED))
        for other in ("fa2-high", "rim")
    }
    everywhere = all(count == len(CELLS) for count in counts.values())
    return Finding(
        graded(everywhere, partly=all(count > len(CELLS) / 2 for count in counts.values())),
        ", ".join(
            f"{name}: below {other} in {count} of {len(CELLS)}" for (name, other), count in counts.items()
        ),
        agrees=all(
            counts[name, other] == expected
            for (name, other), expected in {
                ("v1", "fa2-high"): 20,
                ("v3", "fa2-high"): 20,
                ("v1", "rim"): 17,
                ("v3", "rim"): 17,
            }.items()
        ),
    )


@CHECKS.named("C35")
def video_rerun(evidence: Evidence) -> Finding:
    """Compare our deviation from the published video costs with that of the authors' own re-runs."""
    editions = (("v1", FIRST), ("v3", REVISED))
    ours = [
        abs(
            evidence.value(edition, "video", load, method, "cost_mean_cores")
            / evidence.published(name, "video", load, method, "avg_cost_cores")
            - 1
        )
        * 100
        for name, edition in editions
        for load in WORKLOADS
        for method in ("ipa", "fa2-low", "fa2-high", "rim")
    ]
    theirs = evidence.table("reruns")["cost_difference_pct"].astype(float).abs()
    close, their_close = sum(gap <= 5 for gap in ours), int((theirs <= 5).sum())
    return Finding(
        Support.SUPPORTED if close >= their_close - 3 else Support.PARTLY,
        f"cost within 5 % in {close} of {len(ours)} video cells;"
        f" the authors' re-runs: {their_close} of {len(theirs)}",
        agrees=close >= their_close - 3,
    )
