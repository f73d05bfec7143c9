"""The published averages beside ours: deviation, verdict, exact ties and the likely cause of every miss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from ipa.experiments.finished import FinishedRun, finished_runs
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.answer import pick_options
from ipa.optimizer.solvers.brute_force import tied_choices
from ipa.paper import VERSION_OF_EDITION, published_result
from ipa.studies.comparison import (
    EXACT_TIES,
    Averages,
    compared_columns,
    deviation_pct,
    within,
    within_with_ties,
)

LOAD_NOISE_PCT = 2.0
"""A run whose mean decided load differs by more than this from ours was decided for another load."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Our averages of one run.

    Parameters
    ----------
    chosen
        With the most accurate plan at every exact tie, which is what the solvers choose.
    other_ties
        With the least accurate plan at every exact tie.
    mean_rate_rps
        Mean arrival rate decided for.
    """

    chosen: Averages
    other_ties: Averages
    mean_rate_rps: float


def compare(specs: Sequence[RunSpec], results_dir: Path) -> pd.DataFrame:
    """Compare as-published runs with the published averages.

    Parameters
    ----------
    specs
        Resolved specs of editions in ``VERSION_OF_EDITION``; their results exist.
    results_dir
        Where the results lie.

    Returns
    -------
    pandas.DataFrame
        One row per run. ``within`` compares the chosen plans; ``within_with_ties`` accepts any choice among
        exactly tied optima. Deviations are in percent of the published value.
    """
    return pd.DataFrame([_compare_run(run) for run in finished_runs(specs, results_dir)])


def _compare_run(run: FinishedRun) -> dict[str, object]:
    spec = run.spec
    edition = VERSION_OF_EDITION[spec.edition]
    row = published_result(edition, spec.pipeline, spec.workload, spec.method)
    published = Averages(float(row["avg_cost_cores"]), float(row["avg_accuracy"]))
    ours = reproduction(run)
    return {
        "edition": edition,
        "pipeline": spec.pipeline,
        "workload": spec.workload,
        "method": spec.method,
        **compared_columns(ours.chosen, ours.other_ties, published),
        "cause": _cause(row, published, ours),
    }


def reproduction(run: FinishedRun) -> Reproduction:
    """Return the averages of a finished run, with and without the other choice at exact ties."""
    spec, decisions, summary = run.spec, run.decisions(), run.summary()
    unit = _accuracy_column(spec)
    scale = 1.0 if unit == "rank_sum" else 100.0
    gaps = [_tie_gap(spec, rate) for rate in decisions.loc[decisions["status"] == "optimal", "rate_rps"]]
    cost_gap, accuracy_gap = np.sum(gaps, axis=0) / len(decisions) if gaps else (0.0, 0.0)
    chosen = Averages(summary["cost_mean_cores"], summary[f"{unit}_mean"] * scale)
    return Reproduction(
        chosen=chosen,
        other_ties=Averages(chosen.cost + cost_gap, chosen.accuracy + accuracy_gap * scale),
        mean_rate_rps=float(decisions["rate_rps"].mean()),
    )


def _accuracy_column(spec: RunSpec) -> str:
    return "rank_sum" if VERSION_OF_EDITION[spec.edition] == "v1" else "pas"


@cache
def _tie_gap(spec: RunSpec, rate_rps: float) -> tuple[float, float]:
    """Return how much cost and accuracy change from the first to the least accurate of the tied optima."""
    problem = planner_for(spec).problem(rate_rps)
    rank_sum = _accuracy_column(spec) == "rank_sum"
    outcomes = [
        (
            sum(option.score for option in options)
            if rank_sum
            else float(np.prod([option.accuracy for option in options])),
            sum(option.cost_cores for option in options),
        )
        for options in (pick_options(problem, choice) for choice in tied_choices(problem))
    ]
    if len(outcomes) < 2:
        return 0.0, 0.0
    most, least = max(outcomes), min(outcomes)
    return least[1] - most[1], least[0] - most[0]


def _cause(row: "pd.Series[str]", published: Averages, ours: Reproduction) -> str:
    """Say why a run misses, from what the tables hold; empty for a run within the tolerances."""
    if within(ours.chosen, published):
        return ""
    if within_with_ties(ours.chosen, ours.other_ties, published):
        return EXACT_TIES
    if not row["mean_arrival_rate_recovered_rps"]:
        return "the load this run was decided for is not recoverable from its plans"
    theirs = float(row["mean_arrival_rate_recovered_rps"])
    gap_pct = deviation_pct(theirs, ours.mean_rate_rps)
    if abs(gap_pct) > LOAD_NOISE_PCT:
        return (
            f"decided for another load: {theirs:.2f} requests/s on average, recovered from its plans,"
            f" against {ours.mean_rate_rps:.2f} here ({gap_pct:+.1f} %)"
        )
    return (
        f"same mean load ({theirs:.2f} against {ours.mean_rate_rps:.2f} requests/s), other steps: plans flip"
        " at certain rates, and the published forecasts scatter from step to step"
    )
