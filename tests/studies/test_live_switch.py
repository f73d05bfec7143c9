"""The demonstration of a live pipeline: its plans, its tables, and the run that is stored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.pipeline.load import load_pipeline
from ipa.simulator import PipelineSimulator
from ipa.studies import live_switch as study
from ipa.studies.live_places import ON_ONE_MACHINE
from ipa.studies.live_switch import Change, SwitchRun


@pytest.fixture(scope="module")
def run() -> SwitchRun:
    """Return the demonstration as the simulator plays it, with its 8 s for the start of a replica."""
    pipeline = load_pipeline("video")
    (_, _, first), *later = study.steps(pipeline)
    simulator = PipelineSimulator(pipeline, first)
    simulator.offer(np.arange(0, 48, 0.125))
    changes = []
    for at_s, what, plan in later:
        simulator.advance(2 * at_s)
        simulator.reconfigure(plan)
        changes.append(Change(2 * at_s, what))
    simulator.drain()
    return SwitchRun(simulator.records().to_frame(), tuple(changes))


def test_the_plans_can_be_served_and_differ_by_a_variant_and_then_by_replicas() -> None:
    pipeline = load_pipeline("video")
    first, second, third = (plan for _, _, plan in study.steps(pipeline))
    assert first.throughput_rps(pipeline) > study.RATE_RPS
    assert second.throughput_rps(pipeline) > study.RATE_RPS
    assert (first.variants, second.variants) == (("yolov5n", "resnet18"), ("yolov5n", "resnet34"))
    assert third.variants == second.variants
    assert [stage.replicas for stage in third.stages] == [2, 2]


def test_a_change_is_in_force_when_the_first_request_is_served_under_it(run: SwitchRun) -> None:
    table = study.change_table(run)
    variant, scale_up = table["in force after (s)"]
    # The simulator starts a replica within 8 s; a new batch size holds at once.
    assert 8 <= variant < 8.5
    assert 0 <= scale_up < 0.6
    assert table["lost or failed"].tolist() == [0, 0]
    assert table["requests"].tolist() == [128, 128]


def test_the_parts_of_a_way_add_up_to_the_latency(run: SwitchRun) -> None:
    request = study.example_request(run)
    way = study.way(run.requests, request)
    assert way["part"].tolist() == [*["queue", "batch wait", "service"] * 2, "gateway and client"]
    assert way["duration_s"].sum() == pytest.approx(run.requests.loc[request, "latency_s"])
    np.testing.assert_allclose(way["start_s"][1:], way["duration_s"].cumsum()[:-1], atol=1e-9)
    assert way["duration_s"].iloc[-1] == pytest.approx(0, abs=1e-5)
    waited_s = way.loc[way["part"] == "batch wait", "duration_s"].sum()
    assert waited_s == pytest.approx(0.125, abs=1e-3)
    assert study.way_table(way)["takes (ms)"].sum() == pytest.approx(1000 * way["duration_s"].sum())


def test_outcomes_are_counted_by_name(run: SwitchRun) -> None:
    failed = run.requests.copy()
    failed["outcome"] = failed["outcome"].astype(object)
    failed.loc[3, "outcome"], failed.loc[3, "end_s"] = "error", np.nan
    values = study.summary(SwitchRun(failed, run.changes))["value"]
    assert (values["requests"], values["ok"], values["error"], values["dropped"]) == ("384", "383", "1", "0")


def test_a_run_that_is_kept_is_read(run: SwitchRun, tmp_path: Path) -> None:
    study.store(run, tmp_path)
    found = study.read(tmp_path)
    assert found.changes == run.changes
    pd.testing.assert_frame_equal(study.change_table(found), study.change_table(run))


def test_the_stored_run_lost_nothing_and_served_both_variants() -> None:
    found = study.run_from("stored", seed=0)
    assert set(found.requests["outcome"]) == {"ok"}
    assert set(study.answers(found)["served_by"]) == {"yolov5n, resnet18", "yolov5n, resnet34"}
    assert study.change_table(found)["in force after (s)"].between(0, 8).all()


def test_beside_a_run_in_a_cluster_stands_the_stored_one_of_one_machine() -> None:
    beside = study.stored_beside("kubernetes")
    assert beside is not None
    pd.testing.assert_frame_equal(beside.requests, study.run_from("stored", seed=0).requests)


def test_the_figure_has_a_point_for_every_answer_and_a_bar_for_every_part(run: SwitchRun) -> None:
    figures = pytest.importorskip("ipa.figures.live_switch")
    way = study.way(run.requests, 0)
    figure = figures.draw_live_switch(
        study.answers(run), [(16.0, "a change")], way, study.caption(run, ON_ONE_MACHINE)
    )
    above, below = figure.axes
    points = [line for line in above.lines if line.get_linestyle() == "None"]
    assert sum(len(line.get_xdata()) for line in points) == len(run.requests)
    assert len(points) == 2
    drawn = [bar for bar in below.patches if bar.get_width() > 0]
    assert sum(bar.get_width() for bar in drawn) == pytest.approx(1000 * way["duration_s"].sum(), rel=1e-6)
    assert [text.get_text() for text in below.get_yticklabels()] == list(dict.fromkeys(way["stage"]))
