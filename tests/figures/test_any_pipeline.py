"""Figures of pipelines, loads and methods that nobody has foreseen: names, ranges and gaps of all kinds."""

import math
import warnings
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipa.figures import (
    draw_adaptation,
    draw_cluster_effects,
    draw_editions,
    draw_end_to_end,
    draw_forecaster_ablation,
    draw_latency_breakdown,
    draw_preferences,
    draw_quantile_tradeoff,
    draw_sensitivity,
)
from ipa.figures.average_panels import PANELS
from tests.support.tidy_frames import assert_no_text_is_cut_off

FEW = settings(derandomize=True, max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.one_of(
    st.sampled_from(
        ["video", "a", "/home/me/a folder/my-pipeline.yaml", "x" * 90, "Ünïcode-stage", "with space"]
    ),
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=30),
)
COSTS = st.one_of(st.just(1), st.integers(1, 40), st.integers(1, 10**9))
SHARES = st.one_of(st.just(0.0), st.just(math.nan), st.floats(0, 1))


def names(least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(NAMES, min_size=least, max_size=most, unique=True)


@st.composite
def runs(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return steps, averages and load of the runs of one pipeline."""
    pipeline, stages = draw(NAMES), draw(names(1, 6))
    count = draw(st.integers(1, 15))
    steps, averages = [], []
    workloads, methods = draw(names(1, 4)), draw(names(1, 6))
    for workload in workloads:
        for method in methods:
            keys = {
                "pipeline": pipeline, "workload": workload, "method": method, "edition": "corrected",
                "trace": "synthetic", "seed": 0,
            }  # fmt: skip
            for number in range(count):
                cost = draw(COSTS)
                plan = [
                    {
                        "stage": stage, "variant": draw(st.sampled_from(["light", "v" * 60])), "batch": 1,
                        "replicas": cost, "cores": 1, "batch_wait_s": 0.0,
                    }
                    for stage in stages
                ]  # fmt: skip
                steps.append(
                    {
                        **keys, "step": number, "time_s": 10.0 * number,
                        "rate_rps": draw(st.one_of(st.none(), st.floats(0, 1e6))),
                        "cost_cores": cost, "pas": draw(st.floats(0, 1)), "plan": plan,
                        "status": draw(st.sampled_from(["optimal", "infeasible", ""])),
                        "action": draw(st.sampled_from(["applied", "held", "unchanged", "pending"])),
                    }
                )  # fmt: skip
            averages.append(
                {
                    **keys, "cost_mean_cores": float(draw(COSTS)), "pas_mean": draw(SHARES),
                    "violation_share": draw(SHARES), "violating_seconds_share": draw(SHARES),
                    "published_violating_seconds_pct": 100 * draw(SHARES),
                }
            )  # fmt: skip
    rate = draw(st.sampled_from([0, 1, 50_000]))
    load = pd.concat(
        pd.DataFrame({"workload": name, "time_s": range(10 * count), "load_rps": rate}) for name in workloads
    )
    return pd.DataFrame(steps), pd.DataFrame(averages), load


@FEW
@given(runs())
def test_one_run_and_a_whole_figure_are_drawn_without_a_warning(tables: Any) -> None:
    steps, averages, load = tables
    first = steps.iloc[0]
    one = steps[(steps["workload"] == first["workload"]) & (steps["method"] == first["method"])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_no_text_is_cut_off(draw_adaptation(one, load[load["workload"] == first["workload"]]))
        assert_no_text_is_cut_off(draw_end_to_end(steps, averages, load))


@FEW
@given(runs())
def test_editions_are_drawn_whatever_is_missing(tables: Any) -> None:
    _, averages, _ = tables
    both = pd.concat([averages.assign(edition="as-published"), averages])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_no_text_is_cut_off(draw_editions(both))


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_column_of_only_missing_values_crashes_no_panel(value: object) -> None:
    keys = {"pipeline": "p", "workload": "w", "method": "m", "edition": "e", "trace": "synthetic", "seed": 0}
    averages = pd.DataFrame([{**keys, **{panel.column: value for panel in PANELS}}])
    step = {"stage": "s", "variant": "v", "batch": 1, "replicas": 1, "cores": 1, "batch_wait_s": 0.0}
    steps = pd.DataFrame([{**keys, "step": 0, "time_s": 0.0, "cost_cores": 1, "pas": 0.5, "plan": [step]}])
    load = pd.DataFrame({"workload": ["w"], "time_s": [0], "load_rps": [0]})
    assert_no_text_is_cut_off(draw_end_to_end(steps, averages, load))


@FEW
@given(names(1, 6), names(1, 5), st.lists(SHARES, min_size=4, max_size=4))
def test_figure_16_and_the_knob_take_any_pipelines_and_values(
    pipelines: Any, forecasters: Any, values: Any
) -> None:
    table = pd.DataFrame(
        [
            {
                "edition": "corrected", "trace": "real", "pipeline": pipeline, "forecaster": forecaster,
                "cost_cores": 1 + 1e4 * values[0], "violation_pct": 100 * values[1],
                "dropped_pct": 100 * values[2], "pas_pct": 100 * values[3], "runs": 1,
                "published_cost_cores": math.nan, "published_dropped_pct": math.nan,
            }
            for pipeline in pipelines
            for forecaster in (*forecasters, "quantile-0.5")
        ]
    )  # fmt: skip
    table["cost_cores"] = table["cost_cores"].fillna(1.0)
    assert_no_text_is_cut_off(draw_forecaster_ablation(table, "trace"))
    assert_no_text_is_cut_off(draw_quantile_tradeoff(table.fillna({"violation_pct": 0.0}), "trace"))


@FEW
@given(names(1, 6), names(1, 6), SHARES)
def test_a_breakdown_takes_any_number_of_stages(pipelines: Any, stages: Any, mean_s: Any) -> None:
    parts = pd.DataFrame(
        [
            {
                "pipeline": pipeline, "method": "ipa", "edition": "corrected", "trace": "real", "seed": 0,
                "stage": stage, "part": part, "mean_s": mean_s,
            }
            for pipeline in pipelines
            for stage in stages
            for part in ("queue", "service")
        ]
    )  # fmt: skip
    assert_no_text_is_cut_off(draw_latency_breakdown(parts))


def test_an_infeasible_map_and_lonely_values_are_drawn() -> None:
    one = {
        "rate_rps": 5.0, "sla_s": 1.0, "stage": "s", "feasible": False, "cost_cores": math.nan,
        "pas": math.nan, "variant": "",
    }  # fmt: skip
    assert_no_text_is_cut_off(draw_sensitivity(pd.DataFrame([one]), {"s": ["a", "b"]}, 1.0, "toy"))
    many = [{**one, "rate_rps": rate, "sla_s": sla} for rate in (1.0, 2.0) for sla in (0.5, 1.0)]
    assert_no_text_is_cut_off(draw_sensitivity(pd.DataFrame(many), {"s": ["a", "b"]}, 1.0, "toy"))


def test_preferences_without_a_curve_are_drawn() -> None:
    point = {
        "edition": "corrected", "pipeline": "p" * 60, "preference": "accuracy", "cost_cores": 1.0,
        "accuracy": 50.0, "published_cost_cores": math.nan, "published_accuracy": math.nan,
        "within": False, "within_with_ties": False,
    }  # fmt: skip
    curve = pd.DataFrame(
        [{"edition": "other", "pipeline": "x", "ratio_from": 0.0, "cost": 1.0, "accuracy": 1.0}]
    )
    assert_no_text_is_cut_off(draw_preferences(pd.DataFrame([point]), curve, "trace"))


def test_effects_of_runs_without_an_answer_are_drawn() -> None:
    measures = ("violation_share", "dropped_share", "latency_p99_s", "running_mean_cores")
    effects = pd.DataFrame({"group": ["plain", "network"], "label": ["defaults", "slow"]})
    for name in measures:
        effects[name], effects[f"{name}_interval"] = None, math.nan
    assert_no_text_is_cut_off(draw_cluster_effects(effects, "toy"))
