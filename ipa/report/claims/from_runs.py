"""Claims about cost and accuracy in the runs of the grid (figures 8 to 12).

How it works
------------
A claim compares methods, so a check is made of three parts:

1. a ratio or difference of two methods, taken within every seed (``_over`` in one cell of the grid,
   ``_mean_over`` over the four workloads): the same requests meet both, so their noise cancels;
2. the mean and confidence interval of that over the seeds, held against what the paper says and how far it
   may be off (``at_least``, ``at_most``, ``near``), which gives yes, no or undecided;
3. the verdict (``grade``) of all cells together, the sentence a reader sees, and the numbers behind it.

An average over the four workloads is a ratio of means throughout: what the one method costs in all of them
over what the other costs in all of them. What is claimed and tolerated stands in ``data/paper/claims.csv``,
not here.
"""

from collections.abc import Iterable

from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.report.claims.check import CHECKS, Finding, Support
from ipa.report.claims.compare import at_least, at_most, every, grade, near, some
from ipa.report.claims.evidence import Evidence
from ipa.results.intervals import Interval

REVISED, FIRST = "as-published", "as-published-v1"
BOTH = {"v1": FIRST, "v3": REVISED}
COST = "cost_mean_cores"


def _over(
    evidence: Evidence, edition: str, cell: tuple[str, str], methods: tuple[str, str], measure: str = COST
) -> Interval:
    """Return a measure of a method over that of another in one cell, seed by seed."""
    return evidence.over_seeds(
        lambda one: (
            one.value(edition, *cell, methods[0], measure) / one.value(edition, *cell, methods[1], measure)
        )
    )


def _mean_over(
    evidence: Evidence, edition: str, pipeline: str, methods: tuple[str, str], measure: str = COST
) -> Interval:
    """Return a measure of a method over that of another, both averaged over the four workloads."""
    return evidence.over_seeds(
        lambda one: (
            one.load_mean(edition, pipeline, methods[0], measure)
            / one.load_mean(edition, pipeline, methods[1], measure)
        )
    )


def _excess_pct(ratio: Interval) -> Interval:
    """Return a ratio as an excess over one in percent."""
    return Interval(100 * ratio.mean - 100, 100 * ratio.half_width, ratio.level, ratio.count)


def _normalised_gain(evidence: Evidence, pipeline: str) -> Interval:
    """Return the accuracy that ipa gains as a share of the span between fa2-low and fa2-high."""

    def gain(one: Evidence) -> float:
        low, ipa, high = (
            one.load_mean(FIRST, pipeline, method, "rank_sum_mean")
            for method in ("fa2-low", "ipa", "fa2-high")
        )
        return (ipa - low) / (high - low)

    return evidence.over_seeds(gain)


def widest(evidence: Evidence, intervals: Iterable[Interval], spec: str) -> str:
    """Return how far means over seeds may be off, as text."""
    if len(evidence.seeds) == 1:
        return "one seed"
    return (
        f"mean of {len(evidence.seeds)} seeds, ± at most {max(i.half_width for i in intervals):{spec}}"
    ).replace("%", " %")


@CHECKS.named("C1")
def normalised_gain(evidence: Evidence) -> Finding:
    """Compare the gain on the span between fa2-low and fa2-high with the added cost, per pipeline."""
    claimed = evidence.claim("C1").claimed
    costs_pct = {p: _excess_pct(_mean_over(evidence, FIRST, p, ("ipa", "fa2-low"))) for p in PAPER_PIPELINES}
    cheap = [p for p in PAPER_PIPELINES if costs_pct[p].mean < claimed["cost_pct"]]
    if not cheap:
        return Finding(
            Support.CONTRADICTED,
            f"no pipeline gains for less than {claimed['cost_pct']:g} % more cost",
            {"gain": 0.0, "cost_pct": min(cost.mean for cost in costs_pct.values())},
        )
    gains = {p: _normalised_gain(evidence, p) for p in cheap}
    best = max(gains, key=lambda pipeline: gains[pipeline].mean)
    reached = [
        every([at_least(gains[p], claimed["gain"]), at_most(costs_pct[p], claimed["cost_pct"])])
        for p in cheap
    ]
    return Finding(
        grade(some(reached)),
        f"largest gain for less than {claimed['cost_pct']:g} % more cost: {best} {gains[best]:+.2f} of the"
        f" span at {costs_pct[best]:+.1f} %",
        {"gain": gains[best].mean, "cost_pct": costs_pct[best].mean},
    )


@CHECKS.named("C2")
def revised_gain(evidence: Evidence) -> Finding:
    """Compare gain and cost of audio-sent against fa2-low over the four workloads."""
    claim, methods = evidence.claim("C2"), ("ipa", "fa2-low")
    gain_pct = _excess_pct(_mean_over(evidence, REVISED, "audio-sent", methods, "pas_mean"))
    cost_pct = _excess_pct(_mean_over(evidence, REVISED, "audio-sent", methods))
    gained = at_least(gain_pct, claim.claimed["gain_pct"] - claim.tolerance["gain_pct"])
    return Finding(
        grade(every([gained, at_most(cost_pct, claim.claimed["cost_pct"])]), partly=gained),
        f"audio-sent: accuracy {gain_pct:+.1f} %, cost {cost_pct:+.1f} %",
        {"gain_pct": gain_pct.mean, "cost_pct": cost_pct.mean},
    )


@CHECKS.named("C3")
def video_costs_like_the_lightest(evidence: Evidence) -> Finding:
    """Compare the cost of ipa and fa2-low in the video pipeline."""
    gap = evidence.claim("C3").claimed["gap"]
    ratios = [
        _over(evidence, edition, ("video", load), ("ipa", "fa2-low"))
        for edition in BOTH.values()
        for load in PAPER_WORKLOADS
    ]
    close = [near(ratio, 1, gap) for ratio in ratios]
    means = [ratio.mean for ratio in ratios]
    return Finding(
        grade(every(close), partly=close.count(True) > len(close) / 2),
        f"cost ratio {min(means):.2f} to {max(means):.2f} over both editions and four loads, within {gap:g}"
        f" of 1 in {close.count(True)} of {len(close)} ({widest(evidence, ratios, '.2f')})",
        {"lowest_ratio": min(means), "highest_ratio": max(means)},
    )


@CHECKS.named("C4")
def steady_high_falls_back(evidence: Evidence) -> Finding:
    """Compare ipa with fa2-low under the steady high load."""
    claimed = evidence.claim("C4").claimed
    gaps, costs = (
        {
            p: _excess_pct(_over(evidence, REVISED, (p, "steady-high"), ("ipa", "fa2-low"), measure))
            for p in PAPER_PIPELINES
        }
        for measure in ("pas_mean", COST)
    )
    fallen = {
        p: every([near(gaps[p], 0, claimed["accuracy_pct"]), near(costs[p], 0, claimed["cost_pct"])])
        for p in PAPER_PIPELINES
    }
    return Finding(
        grade(every(list(fallen.values())), partly=some(list(fallen.values()))),
        f"on the lightest variants in {', '.join(p for p in PAPER_PIPELINES if fallen[p]) or 'no pipeline'};"
        " accuracy above fa2-low: "
        + ", ".join(f"{p} {gaps[p].mean:+.1f} % (cost {costs[p].mean:+.1f} %)" for p in PAPER_PIPELINES)
        + f" ({widest(evidence, [*gaps.values(), *costs.values()], '.1f')})",
        {
            "video_accuracy_pct": gaps["video"].mean,
            "largest_cost_pct_but_nlp": max(abs(costs[p].mean) for p in PAPER_PIPELINES if p != "nlp"),
            "lightest_pipelines": sum(abs(gaps[p].mean) <= claimed["accuracy_pct"] for p in PAPER_PIPELINES),
        },
    )


@CHECKS.named("C7")
def rim_overprovisions(evidence: Evidence) -> Finding:
    """Compare the cost of rim and ipa in audio-qa."""
    claimed = evidence.claim("C7").claimed
    ratios = {
        name: _mean_over(evidence, edition, "audio-qa", ("rim", "ipa")) for name, edition in BOTH.items()
    }
    least = claimed["ratio"] * (1 - claimed["within_pct"] / 100)
    return Finding(
        grade(every([at_least(ratio, least) for ratio in ratios.values()])),
        f"rim / ipa over the four loads: {ratios['v1']:.2f} (v1), {ratios['v3']:.2f} (v3)",
        {f"{name}_ratio": ratio.mean for name, ratio in ratios.items()},
    )


@CHECKS.named("C9")
def cost_ratio_to_the_heaviest(evidence: Evidence) -> Finding:
    """Compare cost and accuracy of ipa and fa2-high under the bursty load (first submission)."""
    claimed, pipelines = evidence.claim("C9").claimed, {"sum_qa": "sum-qa", "nlp": "nlp"}
    ratios = {n: _over(evidence, FIRST, (p, "bursty"), ("fa2-high", "ipa")) for n, p in pipelines.items()}
    losses = {
        n: evidence.difference(FIRST, (p, "bursty"), ("fa2-high", "ipa"), "rank_sum_mean")
        for n, p in pipelines.items()
    }
    slack = claimed["within_pct"] / 100
    cheap = every([at_least(ratios[n], claimed[f"{n}_ratio"] * (1 - slack)) for n in pipelines])
    small = [at_most(losses[n], claimed["loss"] * (1 + slack)) for n in pipelines]
    return Finding(
        grade(every([cheap, *small]), partly=some([cheap, *small])),
        ", ".join(
            f"{p}: {ratios[n]:.2f} times cheaper for {losses[n].mean:.2f} less accuracy"
            for n, p in pipelines.items()
        ),
        {f"{n}_ratio": ratios[n].mean for n in pipelines} | {f"{n}_loss": losses[n].mean for n in pipelines},
    )


@CHECKS.named("C10")
def largest_system(evidence: Evidence) -> Finding:
    """Find the peak cost of the nlp pipeline under the bursty load."""
    claimed = evidence.claim("C10").claimed
    peaks = {
        method: evidence.interval(REVISED, "nlp", "bursty", method, "cost_max_cores")
        for method in ("ipa", "fa2-high")
    }
    least = claimed["cores"] * (1 - claimed["within_pct"] / 100)
    return Finding(
        grade(at_least(peaks["ipa"], least), partly=at_least(peaks["fa2-high"], least)),
        f"peak of nlp bursty: fa2-high {peaks['fa2-high']:.0f} cores, ipa {peaks['ipa']:.0f} cores",
        {"fa2_high_cores": peaks["fa2-high"].mean, "ipa_cores": peaks["ipa"].mean},
    )


@CHECKS.named("C35")
def video_rerun(evidence: Evidence) -> Finding:
    """Compare our deviation from the published video costs with that of the authors' own re-runs."""
    claim = evidence.claim("C35")
    limit_pct = claim.claimed["within_pct"]
    ours_pct = [
        100
        * abs(
            evidence.value(edition, "video", load, method, COST)
            / evidence.published(name, "video", load, method, "avg_cost_cores")
            - 1
        )
        for name, edition in BOTH.items()
        for load in PAPER_WORKLOADS
        for method in PAPER_METHODS
    ]
    theirs_pct = evidence.table("reruns")["cost_difference_pct"].astype(float).abs()
    close, their_close = sum(gap <= limit_pct for gap in ours_pct), int((theirs_pct <= limit_pct).sum())
    return Finding(
        grade(close >= their_close - claim.tolerance["close_cells"], partly=close > len(ours_pct) / 2),
        f"cost within {limit_pct:g} % in {close} of {len(ours_pct)} video cells;"
        f" the authors' re-runs: {their_close} of {len(theirs_pct)}",
        {"close_cells": float(close)},
    )
