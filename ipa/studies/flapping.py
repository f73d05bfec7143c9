"""How often the plan changes under a load of constant mean, where it need not change at all."""

from collections.abc import Sequence

import pandas as pd

from ipa.experiments.resolved import resolve
from ipa.experiments.spec import RunSpec
from ipa.paper import PAPER_PIPELINES

RATES_RPS = (5, 10, 20, 30)
"""Means of the loads; within the published excerpts."""

DURATION_S = 3600
FORECASTERS = ("max", "linear", "lstm", "mlp", "ewma-poisson", "quantile-0.5", "quantile-0.9", "oracle")
METHODS = ("fa2-low", "fa2-high", "rim")
"""Methods beside ipa, compared with it under the edition's own forecaster."""

SWITCHES = {
    "switches_per_hour": "switches per hour",
    "variant_switches_per_hour": "of variants",
    "replica_switches_per_hour": "of replicas",
    "batch_switches_per_hour": "of batch sizes",
}
"""Measures of switches, and how they are printed."""

SEEDS = 2
FLAPPING = "flapping"
"""Name of the stored table."""


def flapping_specs(
    *,
    pipelines: Sequence[str] = PAPER_PIPELINES,
    rates_rps: Sequence[int] = RATES_RPS,
    forecasters: Sequence[str] = FORECASTERS,
    seeds: int = SEEDS,
    duration_s: int = DURATION_S,
) -> list[RunSpec]:
    """Return the resolved specs of the study: ipa under every forecaster, then the other methods."""
    edition = RunSpec().parameters().forecaster
    subjects = [("ipa", name) for name in forecasters] + [(method, edition) for method in METHODS]
    return [
        resolve(
            RunSpec(
                pipeline=pipeline,
                workload=f"poisson-{rate_rps}",
                method=method,
                trace="synthetic",
                seed=seed,
                duration_s=duration_s,
                forecaster=forecaster,
            )
        )
        for pipeline in pipelines
        for method, forecaster in subjects
        for rate_rps in rates_rps
        for seed in range(seeds)
    ]


def flapping_table(summaries: pd.DataFrame) -> pd.DataFrame:
    """Average runs over seeds.

    Parameters
    ----------
    summaries
        Rows of ``ipa.experiments.grid.summaries``.

    Returns
    -------
    pandas.DataFrame
        One row per pipeline, method, forecaster and mean rate: share of the steps that change the plan in
        percent; switches per hour in total and by kind; cores of the decided plan and cores that ran, the
        overlap of switches included; share of requests late or lost in percent; number of runs.
    """
    table = summaries[["pipeline", "method", "forecaster"]].assign(
        rate_rps=summaries["workload"].str.removeprefix("poisson-").astype(int),
        changed_steps_pct=100 * summaries["changed_steps_share"],
        **{name: summaries[name] for name in SWITCHES},
        decided_cores=summaries["cost_mean_cores"],
        running_cores=summaries["running_mean_cores"],
        violation_pct=100 * summaries["violation_share"],
    )
    grouped = table.groupby(["pipeline", "method", "forecaster", "rate_rps"], sort=False)
    return grouped.mean().assign(runs=grouped.size()).reset_index()


def format_flapping(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return means over the rates, per method and forecaster, as printed.

    Parameters
    ----------
    table
        Rows of ``flapping_table``.

    Returns
    -------
    tuple of pandas.DataFrame
        Share of steps that change the plan in percent, per pipeline and the mean of all. And means over the
        pipelines: switches per hour, cores decided and running, share of requests late or lost.
    """
    keys = ["method", "forecaster"]
    changed = table.pivot_table("changed_steps_pct", keys, "pipeline", sort=False)
    changed.insert(0, "mean", changed.mean(axis=1))
    others = {
        **SWITCHES,
        "decided_cores": "cores decided",
        "running_cores": "cores running",
        "violation_pct": "late or lost (%)",
    }
    means = table.groupby(keys, sort=False)[list(others)].mean().rename(columns=others)
    return changed.round(1).reset_index(), means.round(2).reset_index()
