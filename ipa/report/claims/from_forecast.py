"""Claims about the load forecaster (figure 16), from what is stored of the real trace."""

import math
from typing import Any

from ipa.errors import ConfigError, ResultsError
from ipa.forecast.networks.weights import load_record, weights_path
from ipa.paper import PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.report.claims.check import CHECKS, Finding, own
from ipa.report.claims.compare import Order, Orders, at_most, every, grade, order, some
from ipa.report.claims.evidence import Evidence
from ipa.results.intervals import Interval
from ipa.studies.forecast_errors import TEST_WEEK, stored_table
from ipa.studies.forecasters import FIGURE_16

WITHOUT_MARGINS = "corrected"


def _closed_loop(edition: str, forecaster: str, measure: str, interval: str = "") -> dict[str, Interval]:
    """Return a measure of the stored closed loop by pipeline, exact where the table has no interval."""
    table = stored_table("closed-loop")
    found: list[dict[Any, Any]] = table[
        (table["edition"] == edition) & (table["forecaster"] == forecaster)
    ].to_dict("records")
    rows = {row["pipeline"]: row for row in found}
    missing = [pipeline for pipeline in PAPER_PIPELINES if pipeline not in rows]
    if missing:
        raise ResultsError(
            f"forecast-closed-loop.csv lacks {edition}, {forecaster}, {', '.join(missing)};"
            " with the real trace, run: ipa forecast compare --store"
        )
    return {
        pipeline: Interval(
            rows[pipeline][measure],
            rows[pipeline][interval] if interval else 0.0,
            0.95,
            int(rows[pipeline]["runs"]),
        )
        for pipeline in PAPER_PIPELINES
    }


@CHECKS.named("C18")
def lstm_against_reactive(evidence: Evidence) -> Finding:
    """Compare violations and cost under the LSTM and the maximum of the last 20 s."""
    claimed, names = evidence.claim("C18").claimed, ("max", "lstm")
    dropped = [_closed_loop(FIGURE_16, name, "dropped_pct") for name in names]
    reactive, lstm = (
        _closed_loop(WITHOUT_MARGINS, name, "violation_pct", "violation_interval") for name in names
    )
    costs = [_closed_loop(WITHOUT_MARGINS, name, "cost_cores", "cost_interval") for name in names]
    orders = {p: order(_minus(reactive[p], lstm[p])) for p in PAPER_PIPELINES}
    counts = Orders.of(orders.values())
    far = some(
        [
            every(
                [
                    _at_most_over(lstm[p], reactive[p], 1 / claimed["ratio"]),
                    _at_most_over(costs[1][p], costs[0][p], 1 + claimed["cost_pct"] / 100),
                ]
            )
            for p in PAPER_PIPELINES
            if orders[p] is Order.ABOVE
        ]
    )
    highest = max(one.mean for loop in dropped for one in loop.values())
    shown = [
        f"{p} {reactive[p].mean:.2f} % / {lstm[p].mean:.2f} %"
        for p in PAPER_PIPELINES
        if orders[p] is not Order.TIED
    ]
    return Finding(
        counts.support if counts.above == counts.below == 0 else grade(far, counts.above > counts.below),
        f"at the settings of figure 16 at most {highest:.2f} % are dropped under either; without the"
        f" margins, late or lost requests reactive / lstm: {', '.join(shown) or 'no difference'};"
        f" fewer in {counts.above} of {len(PAPER_PIPELINES)} pipelines, more in {counts.below}, no effect in"
        f" {counts.tied}",
        {"pipelines_with_fewer": counts.above},
    )


def _minus(one: Interval, other: Interval) -> Interval:
    """Return the difference of two averages, taken as independent."""
    return Interval(
        one.mean - other.mean,
        math.hypot(one.half_width, other.half_width),
        one.level,
        min(one.count, other.count),
    )


def _at_most_over(one: Interval, other: Interval, factor: float) -> bool | None:
    """Whether an average is at most a factor times another."""
    scaled = Interval(other.mean * factor, other.half_width * factor, other.level, other.count)
    return at_most(_minus(one, scaled), 0)


@CHECKS.named("C19")
def lstm_error(evidence: Evidence) -> Finding:
    """Read the error of the LSTM trained here on the whole test week and on the four windows."""
    scores = stored_table("scores")
    found = scores[scores["forecaster"] == "lstm"].set_index("series")["smape_pct"]
    if missing := [name for name in (TEST_WEEK, *PAPER_WORKLOADS) if name not in found.index]:
        raise ResultsError(
            f"forecast-scores.csv lacks the LSTM on {', '.join(missing)};"
            " with the real trace, run: ipa forecast evaluate --store"
        )
    windows = {name: float(found[name]) for name in PAPER_WORKLOADS}
    mean, week = sum(windows.values()) / len(windows), float(found[TEST_WEEK])
    claimed_pct = evidence.claim("C19").claimed["smape_pct"]
    return Finding(
        grade(week <= claimed_pct, partly=min(windows.values()) <= claimed_pct),
        f"{week:.1f} % on the whole test week; "
        + ", ".join(f"{name} {value:.1f} %" for name, value in windows.items())
        + f" (mean {mean:.1f} %)",
        {"windows_smape_pct": mean},
    )


@CHECKS.named("C20")
def lstm_training_time(evidence: Evidence) -> Finding:  # noqa: ARG001 (the signature of a check)
    """Read how long the training of the committed weights took."""
    try:
        record = load_record(weights_path("lstm").with_suffix(".json"))
    except ConfigError as error:
        raise ResultsError(f"{error}; run: ipa forecast train") from error
    return own(
        f"{record.wall_s:.0f} s for {record.settings.epochs} epochs of {record.n_samples} samples on one core"
        f" (days {record.first_day} to {record.end_day} of the trace)",
        seconds=record.wall_s,
    )
