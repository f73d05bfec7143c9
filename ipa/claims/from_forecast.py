"""Claims about the load forecaster (figure 16), from what is stored of the real trace."""

from ipa.bench.forecast import FIGURE_16
from ipa.claims.check import CHECKS, Finding, graded
from ipa.claims.evidence import Evidence
from ipa.errors import ConfigError, ResultsError
from ipa.experiments import PIPELINES, WORKLOADS
from ipa.forecast.evaluation import PUBLISHED_SMAPE_PCT, TEST_WEEK, stored_table
from ipa.forecast.weights import load_record, weights_path

WITHOUT_MARGINS = "corrected"


def _closed_loop(edition: str, forecaster: str, measure: str) -> dict[str, float]:
    table = stored_table("closed-loop")
    rows = table[(table["edition"] == edition) & (table["forecaster"] == forecaster)]
    found = rows.set_index("pipeline")[measure]
    missing = [pipeline for pipeline in PIPELINES if pipeline not in found.index]
    if missing:
        raise ResultsError(
            f"forecast-closed-loop.csv lacks {edition}, {forecaster}, {', '.join(missing)};"
            " with the real trace, run: ipa forecast compare --store"
        )
    return {pipeline: float(found[pipeline]) for pipeline in PIPELINES}


@CHECKS.named("C18")
def lstm_against_reactive(evidence: Evidence) -> Finding:  # noqa: ARG001 (the signature of a check)
    """Compare violations and cost under the LSTM and the maximum of the last 20 s."""
    dropped = [max(_closed_loop(FIGURE_16, name, "dropped_pct").values()) for name in ("max", "lstm")]
    reactive, lstm = (_closed_loop(WITHOUT_MARGINS, name, "violation_pct") for name in ("max", "lstm"))
    costs = [_closed_loop(WITHOUT_MARGINS, name, "cost_cores") for name in ("max", "lstm")]
    ratios = {p: reactive[p] / lstm[p] for p in PIPELINES if lstm[p] > 0}
    ratios |= {p: float("inf") for p in PIPELINES if lstm[p] == 0 < reactive[p]}
    cheap = {p for p in ratios if costs[1][p] <= 1.05 * costs[0][p]}
    best = max((ratios[p] for p in cheap), default=0.0)
    shown = ", ".join(f"{p} {reactive[p]:.2f} % / {lstm[p]:.2f} %" for p in PIPELINES if p in ratios)
    return Finding(
        graded(best >= 10, partly=best > 1.5),
        f"at the settings of figure 16 at most {max(dropped):.2f} % are dropped under either; without the"
        f" margins, late or lost requests reactive / lstm: {shown or 'none'}; none elsewhere",
        agrees=all(ratios.get(p, 0.0) > 1.5 for p in PIPELINES),
    )


@CHECKS.named("C19")
def lstm_error(evidence: Evidence) -> Finding:  # noqa: ARG001 (the signature of a check)
    """Read the error of the LSTM trained here on the whole test week and on the four windows."""
    scores = stored_table("scores")
    found = scores[scores["forecaster"] == "lstm"].set_index("series")["smape_pct"]
    if missing := [name for name in (TEST_WEEK, *WORKLOADS) if name not in found.index]:
        raise ResultsError(
            f"forecast-scores.csv lacks the LSTM on {', '.join(missing)};"
            " with the real trace, run: ipa forecast evaluate --store"
        )
    windows = {name: float(found[name]) for name in WORKLOADS}
    mean, week = sum(windows.values()) / len(windows), float(found[TEST_WEEK])
    return Finding(
        graded(week <= PUBLISHED_SMAPE_PCT, partly=min(windows.values()) <= PUBLISHED_SMAPE_PCT),
        f"{week:.1f} % on the whole test week; "
        + ", ".join(f"{name} {value:.1f} %" for name, value in windows.items())
        + f" (mean {mean:.1f} %)",
        agrees=7 <= mean <= 10,
    )


@CHECKS.named("C20")
def lstm_training_time(evidence: Evidence) -> Finding:  # noqa: ARG001 (the signature of a check)
    """Read how long the training of the committed weights took."""
    try:
        record = load_record(weights_path("lstm").with_suffix(".json"))
    except ConfigError as error:
        raise ResultsError(f"{error}; run: ipa forecast train") from error
    return Finding(
        graded(record.wall_s < 600, partly=False),
        f"{record.wall_s:.0f} s for {record.settings.epochs} epochs of {record.n_samples} samples on one core"
        f" (days {record.first_day} to {record.end_day} of the trace)",
    )
