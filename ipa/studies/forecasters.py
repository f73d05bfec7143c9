"""What a forecaster is worth in the closed loop: cost and violations of whole runs."""

from collections.abc import Sequence

import pandas as pd

from ipa.errors import ResultsError
from ipa.experiments.resolved import resolve
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_PIPELINES, published_table
from ipa.results.intervals import mean_interval
from ipa.workload.catalogue import TraceChoice

FIGURE_16 = "as-published-v1"
"""Edition with the settings of figure 16: both versions of it maximise the sum of ranks."""

ABLATION = ("lstm", "max", "oracle", "mlp", "quantile-0.9")
"""Forecasters of figure 16: the paper's three (``max`` is its reactive one), then ours."""

QUANTILES = tuple(f"quantile-{level}" for level in ("0.3", "0.5", "0.7", "0.8", "0.9", "0.95"))
REFERENCES = ("max", "linear", "ewma-poisson", "lstm", "mlp", "oracle")
PUBLISHED_NAMES = {"lstm": "lstm", "max": "reactive", "oracle": "oracle"}
"""Our names and those of ``data/paper/fig16_predictor.csv``."""


def closed_loop_specs(
    edition: str,
    workloads: Sequence[str],
    forecasters: Sequence[str],
    *,
    pipelines: Sequence[str] = PAPER_PIPELINES,
    seeds: Sequence[int] = (0,),
    trace: TraceChoice = "auto",
) -> list[RunSpec]:
    """Return the resolved specs of method ipa under every combination of the given values."""
    return [
        resolve(
            RunSpec(
                pipeline=pipeline,
                workload=workload,
                edition=edition,
                trace=trace,
                seed=seed,
                forecaster=forecaster,
            )
        )
        for pipeline in pipelines
        for forecaster in forecasters
        for workload in workloads
        for seed in seeds
    ]


def closed_loop_table(summaries: pd.DataFrame) -> pd.DataFrame:
    """Average runs over workloads, then over seeds.

    Parameters
    ----------
    summaries
        Rows of ``ipa.experiments.grid.summaries``.

    Returns
    -------
    pandas.DataFrame
        One row per edition, pipeline and forecaster: cost in cores, share of requests late or lost (SLA
        violations), share dropped and share of seconds in violation in percent, PAS x 100, switches per hour,
        share of steps that change the plan in percent, number of runs;
        ``cost_interval`` and ``violation_interval`` are half the widths of the 95 % confidence intervals over
        the seeds, NaN for a single one.
    """
    percent = summaries.assign(
        cost_cores=summaries["cost_mean_cores"],
        violation_pct=100 * summaries["violation_share"],
        dropped_pct=100 * summaries["dropped"] / summaries["requests"],
        violating_seconds_pct=100 * summaries["violating_seconds_share"],
        pas_pct=100 * summaries["pas_mean"],
        changed_steps_pct=100 * summaries["changed_steps_share"],
    )
    keys = ["edition", "trace", "pipeline", "forecaster"]
    measures = [
        *("cost_cores", "violation_pct", "dropped_pct", "violating_seconds_pct", "pas_pct"),
        *("switches_per_hour", "changed_steps_pct"),
    ]
    by_seed = percent.groupby([*keys, "seed"], sort=False)[measures].mean()
    grouped = by_seed.groupby(level=keys, sort=False)
    return (
        grouped.mean()
        .assign(
            cost_interval=grouped["cost_cores"].agg(_half_width),
            violation_interval=grouped["violation_pct"].agg(_half_width),
            runs=percent.groupby(keys, sort=False).size(),
        )
        .reset_index()
    )


def _half_width(values: pd.Series) -> float:
    """Return half the width of the confidence interval of a mean, NaN for a single value."""
    # Equal values differ in the last bit once they are averages.
    return round(mean_interval(values.to_numpy()).spread, 9)


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Add the published cost and dropped share of figure 16 to rows of ``closed_loop_table``.

    Parameters
    ----------
    table
        Closed-loop averages; rows of the edition ``FIGURE_16`` get published values.
    """
    published = published_table("fig16_predictor").set_index(["edition", "pipeline", "predictor"])

    def value(edition: str, pipeline: str, forecaster: str, column: str) -> float:
        # The oracle came with the revision, whose figure 16 still has the settings of the first submission.
        for version in ("v1", "v3") if edition == FIGURE_16 else ():
            key = (version, pipeline, PUBLISHED_NAMES.get(forecaster, ""))
            if key in published.index:
                return float(str(published.loc[key, column]))
        return float("nan")

    keys = list(zip(table["edition"], table["pipeline"], table["forecaster"], strict=True))
    return table.assign(
        published_cost_cores=[value(*key, "avg_cost_cores") for key in keys],
        published_dropped_pct=[value(*key, "dropped_pct") for key in keys],
    )


def format_closed_loop(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``closed_loop_table``, published values beside ours where there are any, as printed."""
    columns = {
        "cost": table["cost_cores"],
        "cost ±": table.get("cost_interval"),
        "published cost": table.get("published_cost_cores"),
        "late or lost (%)": table["violation_pct"],
        "late ±": table.get("violation_interval"),
        "dropped (%)": table["dropped_pct"],
        "published dropped (%)": table.get("published_dropped_pct"),
        "late seconds (%)": table["violating_seconds_pct"],
        "PAS": table["pas_pct"],
        "switches per hour": table.get("switches_per_hour"),
        "steps that change the plan (%)": table.get("changed_steps_pct"),
    }
    keys = pd.MultiIndex.from_frame(table[["edition", "pipeline", "forecaster"]])
    values = {name: column.to_numpy() for name, column in columns.items() if column is not None}
    return pd.DataFrame(values, index=keys).dropna(axis="columns", how="all").round(2)


def quantile_gains(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Compare the quantile forecasters with another one, per pipeline.

    Parameters
    ----------
    table
        Rows of ``closed_loop_table`` of one edition.
    reference
        Name of the other forecaster.

    Returns
    -------
    pandas.DataFrame
        One row per pipeline: cost and violations of the reference; the quantile with the fewest violations
        that costs no more; the cheapest quantile that violates no more. Empty where there is none.
    """
    rows = []
    for pipeline, group in table.groupby("pipeline", sort=False):
        found = group[group["forecaster"] == reference]
        if found.empty:
            raise ResultsError(f"no run of pipeline {pipeline} with the forecaster {reference}")
        cost, violation = (float(found.iloc[0][name]) for name in ("cost_cores", "violation_pct"))
        own = group[group["forecaster"].str.startswith("quantile-")]
        no_dearer = own[own["cost_cores"] <= cost].sort_values(["violation_pct", "cost_cores"])
        no_worse = own[own["violation_pct"] <= violation].sort_values(["cost_cores", "violation_pct"])
        rows.append(
            {
                "pipeline": pipeline,
                "cost_cores": cost,
                "violation_pct": violation,
                **_choice("no dearer", no_dearer),
                **_choice("no worse", no_worse),
            }
        )
    return pd.DataFrame(rows)


def _choice(title: str, candidates: pd.DataFrame) -> dict[str, object]:
    names = {"forecaster": title, "cost_cores": f"{title}: cost", "violation_pct": f"{title}: violation_pct"}
    if candidates.empty:
        return dict.fromkeys(names.values(), None)
    return {shown: candidates.iloc[0][column] for column, shown in names.items()}
