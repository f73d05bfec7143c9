"""Figure 14: what accuracy-first, balanced and resource-first weights decide over a workload.

Decisions only, as the paper made them: the load is forecast every 10 s from the trace and decided for; no
pipeline runs. ``python -m ipa.studies.preferences`` stores the comparison with the published points on the
real trace.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from ipa.errors import ResultsError, UnknownNameError
from ipa.experiments.editions import EDITIONS, published_pipeline
from ipa.forecast import WINDOW_S, make_forecaster
from ipa.optimizer.answer import pick_options
from ipa.optimizer.decision import Status
from ipa.optimizer.frontier import Frontier, frontier
from ipa.optimizer.planner import Planner
from ipa.optimizer.solvers.brute_force import tied_choices
from ipa.paper import PAPER_PIPELINES, PUBLISHED_METRICS, published_table
from ipa.paths import stored_results_dir
from ipa.pipeline.accuracy import METRICS, AccuracyMetric
from ipa.pipeline.plan import Plan
from ipa.studies.comparison import (
    ACCURACY_TOLERANCE_PCT,
    COST_TOLERANCE_PCT,
    EXACT_TIES,
    Averages,
    compared_columns,
    deviation_pct,
    within,
    within_with_ties,
)
from ipa.workload import Workload

PREFERENCES = {"accuracy": "accuracy first", "balance": "balanced", "resource": "resources first"}
DRAWN_EDITIONS = {"as-published": "v3", "as-published-v1": "v1", "corrected": "v3"}
"""Editions, and which one of the paper has their weights."""

WORKLOAD = "bursty"
STEP_S = 10


@dataclass(frozen=True)
class Setting:
    """One point of the figure.

    Parameters
    ----------
    edition, pipeline, preference
        Which point.
    planner
        Decides.
    shown
        Accuracy metric of the figure's axis, which is not always the one that is maximised.
    scale
        Factor from that metric to the printed unit.
    published
        The published point; None in the edition ``corrected``.
    """

    edition: str
    pipeline: str
    preference: str
    planner: Planner
    shown: AccuracyMetric
    scale: float
    published: Averages | None


def preference_settings(
    editions: Sequence[str] = ("as-published", "as-published-v1"), pipelines: Sequence[str] = PAPER_PIPELINES
) -> list[Setting]:
    """Return the points of the figure: every edition, pipeline and preference.

    Parameters
    ----------
    editions
        Names in ``DRAWN_EDITIONS``. ``corrected`` maximises PAS within the SLA of the paper, without hidden
        margins, under the weights that the revised paper prints.
    pipelines
        Names of the paper's pipelines.
    """
    for edition in editions:
        if edition not in DRAWN_EDITIONS:
            raise UnknownNameError("edition of figure 14", edition, DRAWN_EDITIONS)
    table = published_table("fig14_preference")
    return [
        _setting(edition, row)
        for edition in editions
        for pipeline in pipelines
        for preference in PREFERENCES
        for _, row in table[
            (table["edition"] == DRAWN_EDITIONS[edition])
            & (table["pipeline"] == pipeline)
            & (table["preference"] == preference)
        ].iterrows()
    ]


def _setting(edition: str, row: "pd.Series[str]") -> Setting:
    parameters = EDITIONS[edition](row["pipeline"], WORKLOAD, "ipa")
    objective = replace(parameters.objective, alpha=float(row["alpha"]), beta=float(row["beta"]))
    constraints, pipeline, published = parameters.constraints, parameters.pipeline, None
    if edition != "corrected":
        metric = METRICS[PUBLISHED_METRICS[row["accuracy_objective"]]]
        if row["accuracy_floor"]:
            metric = metric.with_floor(float(row["accuracy_floor"]))
        objective = replace(objective, metric=metric)
        constraints = replace(
            constraints,
            latency_margin=float(row["latency_margin_pct"]) / 100,
            throughput_margin=float(row["throughput_margin_pct"]) / 100,
        )
        pipeline = published_pipeline(
            row["edition"], row["pipeline"], float(row["threshold_rps"]), row["throughput_margin_pct"]
        )
        published = Averages(float(row["avg_cost_cores"]), float(row["avg_accuracy"]))
    ranks = row["accuracy_unit"] == "rank-sum"
    return Setting(
        edition=edition,
        pipeline=row["pipeline"],
        preference=row["preference"],
        planner=Planner(pipeline, objective, constraints),
        shown=METRICS["rank-sum" if ranks else "pas"],
        scale=1.0 if ranks else 100.0,
        published=published,
    )


def decided_rates_rps(workload: Workload) -> list[float]:
    """Return the arrival rate of every decision over a workload, the first and the last instant left out.

    Every 10 s the linear forecaster sees the past 120 s; its forecast is rounded to a whole number, as in
    the published decisions (119 of them in 20 minutes).
    """
    forecaster = make_forecaster("linear")
    return [
        float(round(forecaster.forecast(workload.rates_rps[max(0, now_s - WINDOW_S) : now_s]).rate_rps))
        for now_s in range(STEP_S, workload.duration_s, STEP_S)
    ]


def averages(setting: Setting, rates_rps: Sequence[float]) -> tuple[Averages, Averages]:
    """Return the averages over all decisions: as the solvers choose, and the least accurate of exact ties.

    Where no plan is feasible, the one before stays.
    """
    plans = _plans(setting.planner, set(rates_rps))
    ties = {rate: _tie_gap(setting, rate, plan) for rate, plan in plans.items() if plan is not None}
    costs, accuracies, gaps = [], [], []
    known = setting.planner.decide(min(rates_rps)).plan
    for rate in rates_rps:
        plan = plans[rate]
        known = plan or known
        costs.append(known.cost_cores)
        accuracies.append(setting.scale * known.accuracy(setting.planner.pipeline, setting.shown))
        gaps.append(ties[rate] if plan is not None else (0.0, 0.0))
    chosen = Averages(float(np.mean(costs)), float(np.mean(accuracies)))
    cost_gap, accuracy_gap = np.mean(gaps, axis=0)
    return chosen, Averages(chosen.cost + float(cost_gap), chosen.accuracy + float(accuracy_gap))


def _plans(planner: Planner, rates_rps: Iterable[float]) -> dict[float, Plan | None]:
    decisions = {rate: planner.decide(rate) for rate in rates_rps}
    return {
        rate: None if decision.status is Status.INFEASIBLE else decision.plan
        for rate, decision in decisions.items()
    }


def _tie_gap(setting: Setting, rate_rps: float, plan: Plan) -> tuple[float, float]:
    """Return how cost and accuracy change from a plan to the least accurate of those tied with it."""
    if setting.published is None:
        return 0.0, 0.0
    problem, pipeline = setting.planner.problem(rate_rps), setting.planner.pipeline
    outcomes = [
        (tied.accuracy(pipeline, setting.shown), tied.cost_cores)
        for tied in (problem.plan(pick_options(problem, choice)) for choice in tied_choices(problem))
    ]
    accuracy, cost = min(outcomes)
    own = plan.accuracy(pipeline, setting.shown)
    return float(cost - plan.cost_cores), setting.scale * (accuracy - own)


def reachable(setting: Setting, rates_rps: Sequence[float]) -> pd.DataFrame:
    """Return the averages that any weights would give: the frontiers of all decisions together.

    Parameters
    ----------
    setting
        Pipeline and constraints; its weights do not matter.
    rates_rps
        Arrival rate of every decision.

    Returns
    -------
    pandas.DataFrame
        One row per interval of α/β (``ratio_from``, ``ratio_to``) within which no decision changes: average
        ``cost`` in cores and ``accuracy`` in printed units. Rates that no plan carries are left out.
    """
    counts = pd.Series(rates_rps).value_counts()
    found = {rate: frontier(setting.planner.problem(float(rate))) for rate in counts.index}
    found = {rate: front for rate, front in found.items() if front.points}
    weights = counts[list(found)] / counts[list(found)].sum()
    ends = sorted({end for front in found.values() for p in front.supported if p.ratios for end in p.ratios})
    rows = []
    for low, high in pairwise(ends):
        inside = low + 1.0 if math.isinf(high) else (low + high) / 2
        outcomes = np.array([_outcome(setting, front, inside) for front in found.values()])
        cost, accuracy = weights.to_numpy() @ outcomes
        rows.append({"ratio_from": low, "ratio_to": high, "cost": cost, "accuracy": accuracy})
    return pd.DataFrame(rows)


def reachable_table(settings: Sequence[Setting], workload: Workload) -> pd.DataFrame:
    """Return ``reachable`` of every edition and pipeline in some settings, with these two columns."""
    rates_rps = decided_rates_rps(workload)
    once = {(setting.edition, setting.pipeline): setting for setting in settings}
    return pd.concat(
        [
            reachable(setting, rates_rps).assign(edition=edition, pipeline=pipeline)
            for (edition, pipeline), setting in once.items()
        ],
        ignore_index=True,
    )


def _outcome(setting: Setting, front: Frontier, ratio: float) -> tuple[float, float]:
    point = front.at(ratio, 1.0)
    accuracy = point.plan.accuracy(setting.planner.pipeline, setting.shown)
    return float(point.cost_cores), setting.scale * accuracy


def preference_table(settings: Sequence[Setting], workload: Workload) -> pd.DataFrame:
    """Return the points of the figure, published ones beside ours.

    Parameters
    ----------
    settings
        What to decide with (``preference_settings``).
    workload
        The load.

    Returns
    -------
    pandas.DataFrame
        One row per point: averages over all decisions, the same with the other choice among exact ties, the
        published point (NaN in the edition ``corrected``), deviations in percent of it, whether it is met
        within 5 % of cost and 2 % of accuracy (also accepting any choice among exact ties), and the cause
        where it is not.
    """
    rates_rps = decided_rates_rps(workload)
    return pd.DataFrame([_row(setting, rates_rps) for setting in settings])


def _row(setting: Setting, rates_rps: Sequence[float]) -> dict[str, object]:
    chosen, other = averages(setting, rates_rps)
    published = setting.published or Averages(math.nan, math.nan)
    return {
        "edition": setting.edition,
        "pipeline": setting.pipeline,
        "preference": setting.preference,
        "alpha": setting.planner.objective.alpha,
        "beta": setting.planner.objective.beta,
        **compared_columns(chosen, other, published),
        "cause": _cause(setting, rates_rps, chosen, other),
    }


def _cause(setting: Setting, rates_rps: Sequence[float], chosen: Averages, other: Averages) -> str:
    published = setting.published
    if published is None or within(chosen, published):
        return ""
    if within_with_ties(chosen, other, published):
        return EXACT_TIES
    weights = setting.planner.objective
    curve = reachable(setting, rates_rps)
    misses = pd.Series([_miss(point, published) for point in _pairs(curve)])
    best = float(misses.min())
    if best > _miss(chosen, published) / 2:
        return (
            "other loads: no weights come much closer at the loads forecast here; plans flip at certain"
            " rates, and the published forecasts scatter from step to step"
        )
    near = curve[misses <= max(best, 1.0)]
    alpha_per_beta = weights.alpha / weights.beta if weights.beta else math.inf
    return (
        f"not the printed weights: alpha/beta is {alpha_per_beta:g} as printed, and"
        f" {near['ratio_from'].min():.4g} to {near['ratio_to'].max():.4g}"
        f" {'gives the published point' if best <= 1 else 'comes closest'}"
    )


def _miss(ours: Averages, published: Averages) -> float:
    """Return by how many times the tolerance two points differ."""
    return max(
        abs(deviation_pct(ours.cost, published.cost)) / COST_TOLERANCE_PCT,
        abs(deviation_pct(ours.accuracy, published.accuracy)) / ACCURACY_TOLERANCE_PCT,
    )


def _pairs(curve: pd.DataFrame) -> list[Averages]:
    return [
        Averages(float(cost), float(accuracy))
        for cost, accuracy in zip(curve["cost"], curve["accuracy"], strict=True)
    ]


def stored_file() -> Path:
    """Return where the comparison on the real trace is stored."""
    return stored_results_dir() / "preferences.csv"


def stored_preferences() -> pd.DataFrame:
    """Return the stored comparison with the published points on the real trace."""
    file = stored_file()
    try:
        return pd.read_csv(file, keep_default_na=False)
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be read: {error.strerror}; with the real trace, run:"
            " python -m ipa.studies.preferences"
        ) from error


if __name__ == "__main__":
    from ipa.studies.comparison import write_comparison
    from ipa.workload import load_workload

    write_comparison(
        preference_table(preference_settings(), load_workload(WORKLOAD, trace="real")), stored_file()
    )
