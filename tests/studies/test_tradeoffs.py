"""Tables for choosing: frontier, methods, maps."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ipa.errors import InvalidValueError
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.frontier import frontier
from ipa.optimizer.problem import Objective
from ipa.simulator import SimulationSettings
from ipa.studies.tradeoffs import (
    choice_map,
    frontier_table,
    method_decisions,
    method_table,
    rate_bands,
    simulated_frontier,
    sla_range_s,
)

VIDEO = RunSpec("video")
PLANNER = planner_for(VIDEO)


def test_the_frontier_table_has_a_row_per_point_and_weights_only_where_there_are_any() -> None:
    table = frontier_table(frontier(PLANNER.problem(20.0)), PLANNER.pipeline)
    assert table["cost_cores"].is_monotonic_increasing
    assert table["accuracy"].is_monotonic_increasing
    assert (table["ratio_from"].isna() == ~table["supported"]).all()
    assert table["ratio_to"].iloc[-1] == math.inf
    assert table["plan"].iloc[0] == "yolov5n 2x1, resnet50 2x1 b2"


def test_an_empty_frontier_gives_an_empty_table_with_all_columns() -> None:
    table = frontier_table(frontier(replace(PLANNER.problem(20.0), sla_s=0.001)), PLANNER.pipeline)
    assert table.empty
    assert "ratio_from" in table


def test_methods_are_compared_with_the_cheapest_plan_of_their_accuracy() -> None:
    found = frontier(PLANNER.problem(20.0))
    table = method_table(found, method_decisions(VIDEO, 20.0)).set_index("method")
    assert list(table.index) == ["ipa", "fa2-low", "fa2-high", "rim"]
    assert table.loc["rim", "cost_cores"] == 6
    assert table.loc["rim", "cheapest_as_accurate_cores"] == 5
    assert (table["cost_cores"] >= table["cheapest_as_accurate_cores"]).all()


def test_rim_is_left_out_where_its_replicas_are_not_known(tmp_path: Path) -> None:
    profile, mine = tmp_path / "profile.csv", tmp_path / "mine.yaml"
    profile.write_text("stage,variant,cores,batch,latency_p99_s,throughput_rps\ns,v,1,1,0.1,10\n")
    mine.write_text(
        f"{{name: mine, sla_s: 1, stages: [{{name: s, profile: {{file: {profile}}},"
        " variants: [{name: v, accuracy: 0.5, base_cores: 1}]}]}\n"
    )
    assert list(method_decisions(RunSpec(str(mine)), 5.0)) == ["ipa", "fa2-low", "fa2-high"]
    with pytest.raises(InvalidValueError, match="rate"):
        method_decisions(RunSpec(str(mine)), -5.0, ["ipa"])


def test_a_map_agrees_with_single_decisions_and_marks_what_is_infeasible() -> None:
    table = choice_map(PLANNER, [5.0, 20.0], [0.01, 0.3, 6.89])
    assert len(table) == 2 * 3 * 2
    assert not table[table["sla_s"] == 0.01]["feasible"].any()
    assert table[table["sla_s"] == 0.01]["cost_cores"].isna().all()
    for rate in (5.0, 20.0):
        plan = PLANNER.decide(rate).plan
        rows = table[(table["rate_rps"] == rate) & (table["sla_s"] == 6.89)]
        assert tuple(rows["variant"]) == plan.variants
        assert (rows["cost_cores"] == plan.cost_cores).all()


def test_a_longer_sla_never_costs_objective() -> None:
    table = choice_map(PLANNER, [20.0], sla_range_s(PLANNER.pipeline, 6)).drop_duplicates("sla_s")
    weights = PLANNER.objective
    value = (weights.alpha * table["pas"] - weights.beta * table["cost_cores"]).dropna()
    assert len(value) >= 4
    assert (value.diff().dropna() >= -1e-4).all()


def test_slas_reach_from_the_impossible_to_the_generous() -> None:
    slas = sla_range_s(PLANNER.pipeline, 5)
    assert slas == sorted(slas)
    assert slas[-1] == pytest.approx(1.5 * 6.89)
    assert not choice_map(PLANNER, [1.0], slas[:1])["feasible"].any()


def test_neighbouring_rates_with_the_same_variants_form_a_band() -> None:
    rates = [float(rate) for rate in range(1, 41)]
    table = rate_bands(choice_map(replace(PLANNER, objective=Objective(alpha=100)), rates, [6.89]))
    assert table["from_rps"].iloc[0] == 1
    assert table["to_rps"].iloc[-1] == 40
    assert (table["from_rps"].iloc[1:].to_numpy() == table["to_rps"].iloc[:-1].to_numpy() + 1).all()
    assert (table["variants"].iloc[1:].to_numpy() != table["variants"].iloc[:-1].to_numpy()).all()
    assert table["variants"].iloc[0] == "yolov5l + resnet101"
    assert (table["least_cores"] <= table["most_cores"]).all()


def test_rates_without_a_plan_form_a_band_of_their_own() -> None:
    table = rate_bands(choice_map(PLANNER, [5.0, 1e6], [6.89]))
    assert list(table["variants"])[1] == "none"
    assert table["pas"].isna().tolist() == [False, True]


def test_the_supported_plans_of_a_graph_are_simulated_under_the_same_requests() -> None:
    traffic = planner_for(RunSpec("traffic"))
    found = frontier(traffic.problem(12.0))
    arrivals_s = np.arange(0, 60, 0.1)
    table = simulated_frontier(found, traffic.pipeline, arrivals_s, SimulationSettings(seed=1))
    assert list(table["cost_cores"]) == [point.cost_cores for point in found.supported]
    assert (table["mean_s"] < table["p99_s"]).all()
    assert (table["violation_share"] == 0).all()
