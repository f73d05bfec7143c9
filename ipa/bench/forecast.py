"""What a forecaster is worth in the closed loop: cost and violations of whole runs."""

from collections.abc import Sequence

import pandas as pd

from ipa.editions import published_table
from ipa.errors import ResultsError
from ipa.experiments import PIPELINES, RunSpec, resolve
from ipa.workload.catalogue import TraceChoice

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
    pipelines: Sequence[str] = PIPELINES,
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
    """Average runs over workloads and seeds.

    Parameters
    ----------
    summaries
        Rows of ``ipa.grid.summaries``.

    Returns
    -------
    pandas.DataFrame
        One row per edition, pipeline and forecaster: cost in cores, share of requests late or lost (SLA
        violations), share dropped and share of seconds in violation in percent, PAS x 100, number of runs.
    """
    percent = summaries.assign(
        cost_cores=summaries["cost_mean_cores"],
        violation_pct=100 * summaries["violation_share"],
        dropped_pct=100 * summaries["dropped"] / summaries["requests"],
        violating_seconds_pct=100 * summaries["violating_seconds_share"],
        pas_pct=100 * summaries["pas_mean"],
    )
    keys = ["edition", "trace", "pipeline", "forecaster"]
    measures = ["cost_cores", "violation_pct", "dropped_pct", "violating_seconds_pct", "pas_pct"]
    grouped = percent.groupby(keys, sort=False)
    return grouped[measures].mean().assign(runs=grouped.size()).reset_index()


def beside_published(table: pd.DataFrame, version: str = "v1") -> pd.DataFrame:
    """Add the published cost and dropped share of figure 16 to rows of ``closed_loop_table``.

    Parameters
    ----------
    table
        Closed-loop averages of one edition.
    version
        Edition of the paper; v1 has the LSTM and the reactive forecaster, v3 the oracle too.
    """
    published = published_table("fig16_predictor")
    rows = published[published["edition"] == version].set_index(["pipeline", "predictor"])

    def value(pipeline: str, forecaster: str, column: str) -> float:
        key = (pipeline, PUBLISHED_NAMES.get(forecaster, ""))
        return float(str(rows.loc[key, column])) if key in rows.index else float("nan")

    pairs = list(zip(table["pipeline"], table["forecaster"], strict=True))
    return table.assign(
        published_cost_cores=[value(*pair, "avg_cost_cores") for pair in pairs],
        published_dropped_pct=[value(*pair, "dropped_pct") for pair in pairs],
    )


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
