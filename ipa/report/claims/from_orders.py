"""Claims that put methods in an order; it counts only beyond the confidence interval, seed by seed."""

from collections.abc import Mapping
from itertools import chain

from ipa.paper import PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.pipeline.load import load_pipeline
from ipa.report.claims.check import CHECKS, Finding, Support
from ipa.report.claims.compare import Order, Orders, order
from ipa.report.claims.evidence import Evidence
from ipa.report.claims.from_runs import BOTH, COST, FIRST, REVISED, widest
from ipa.results.intervals import Interval

CELLS = [(pipeline, workload) for pipeline in PAPER_PIPELINES for workload in PAPER_WORKLOADS]
LATE = "violating_seconds_share"


@CHECKS.named("C5")
def accuracy_order(evidence: Evidence) -> Finding:
    """Order fa2-low, ipa and fa2-high by accuracy in every cell."""
    orders = Orders.of(
        order(evidence.difference(edition, cell, methods, measure))
        for edition, measure in ((FIRST, "rank_sum_mean"), (REVISED, "pas_mean"))
        for cell in CELLS
        for methods in (("ipa", "fa2-low"), ("fa2-high", "ipa"))
    )
    lighter = _pipelines_without_the_heaviest(evidence)
    support = orders.support
    return Finding(
        Support.PARTLY if support is Support.SUPPORTED and lighter else support,
        f"ipa over fa2-low and fa2-high over ipa: {orders};"
        f" fa2-high does not run the most accurate variants in {', '.join(lighter) or 'no pipeline'}",
        {"orders_above": orders.above, "orders_reversed": orders.below, "lighter_pipelines": len(lighter)},
    )


def _pipelines_without_the_heaviest(evidence: Evidence) -> list[str]:
    """Return the pipelines in which fa2-high of the revision fixes other than the most accurate variants."""
    runs = evidence.table("runs")
    fixed = runs[(runs["edition"] == "v3") & (runs["method"] == "fa2-high")]
    used: dict[str, str] = dict(fixed[["pipeline", "fixed_variants"]].itertuples(index=False))
    heaviest = {
        p: "|".join(max(s.choices, key=lambda v: v.accuracy).name for s in load_pipeline(p).stages)
        for p in PAPER_PIPELINES
    }
    return [p for p in PAPER_PIPELINES if used[p] != heaviest[p]]


@CHECKS.named("C6")
def rim_trades_accuracy(evidence: Evidence) -> Finding:
    """Find the share of steps in which rim falls below its best accuracy under the bursty load."""
    found = {p: _reduce_pct(evidence, p) for p in PAPER_PIPELINES}
    orders = Orders.of(order(share) for share in found.values())
    return Finding(
        orders.support,
        "steps at reduced accuracy: "
        + ", ".join(f"{p} {share.mean:.0f} %" for p, share in found.items())
        + f" ({widest(evidence, found.values(), '.0f')})",
        {
            "audio_qa_steps_pct": found["audio-qa"].mean,
            "nlp_steps_pct": found["nlp"].mean,
            "trading_pipelines": orders.above,
        },
    )


def _reduce_pct(evidence: Evidence, pipeline: str) -> Interval:
    def share(one: Evidence) -> float:
        pas = one.decisions(REVISED, pipeline, "bursty", "rim")["pas"].iloc[1:]
        return float((pas < pas.max() - 1e-9).mean()) * 100

    return evidence.over_seeds(share)


@CHECKS.named("C8")
def heavier_violates_more(evidence: Evidence) -> Finding:
    """Hold ipa and fa2-high against fa2-low by the share of seconds in violation under the bursty load."""
    orders = {
        (p, heavier): order(evidence.difference(REVISED, (p, "bursty"), (heavier, "fa2-low"), LATE))
        for p in PAPER_PIPELINES
        for heavier in ("ipa", "fa2-high")
    }
    counts = Orders.of(orders.values())
    shares = [
        (p, method, evidence.interval(REVISED, p, "bursty", method, LATE))
        for p in PAPER_PIPELINES
        for method in ("fa2-low", "ipa", "fa2-high")
    ]
    off = max(
        abs(100 * share.mean - evidence.published("v3", p, "bursty", method, "sla_violation_pct_of_seconds"))
        for p, method, share in shares
    )
    return Finding(
        counts.support,
        f"ipa and fa2-high against fa2-low: {counts} (simulated,"
        f" {widest(evidence, [share for *_, share in shares], '.1%')}{_pairs(orders, Order.TIED)}"
        f"{_pairs(orders, Order.BELOW)}); largest difference to a published share {off:.1f} points",
        {"orders_above": counts.above, "orders_reversed": counts.below, "largest_difference_points": off},
    )


def _pairs(orders: Mapping[tuple[str, str], Order], wanted: Order) -> str:
    named = [f"{pipeline} {method}" for (pipeline, method), found in orders.items() if found is wanted]
    return f"; {wanted.value}: {', '.join(named)}" if named else ""


@CHECKS.named("C34")
def cheaper_than_the_others(evidence: Evidence) -> Finding:
    """Count the cells in which ipa costs less than fa2-high and less than rim."""
    orders = {
        (name, other): [order(evidence.difference(edition, cell, (other, "ipa"), COST)) for cell in CELLS]
        for name, edition in BOTH.items()
        for other in ("fa2-high", "rim")
    }
    counts = {key: Orders.of(found) for key, found in orders.items()}
    return Finding(
        Orders.of(chain.from_iterable(orders.values())).support,
        ", ".join(
            f"{name}: below {other} in {count.above} of {len(CELLS)}"
            + (f" ({count.tied} tied)" if count.tied else "")
            for (name, other), count in counts.items()
        ),
        {f"{name}_below_{other.replace('-', '_')}": count.above for (name, other), count in counts.items()},
    )
