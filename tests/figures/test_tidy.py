from pathlib import Path

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.run import run
from ipa.experiments.spec import RunSpec
from ipa.figures import draw_adaptation, draw_end_to_end
from ipa.figures import tables as tidy
from ipa.figures.printing import format_table
from ipa.pipeline.load import load_pipeline
from ipa.studies import run_tables
from tests.support.tidy_frames import averages_of, steps_of

SPEC = RunSpec(
    pipeline="video",
    workload="bursty",
    method="ipa",
    edition="as-published",
    trace="synthetic",
    duration_s=30,
)


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    run(SPEC, folder)
    return folder


def test_decision_steps_name_their_run(results_dir: Path) -> None:
    steps = run_tables.decision_steps([SPEC], results_dir)
    assert list(steps["time_s"]) == [0, 10, 20, 30]
    assert set(steps["method"]) == {"ipa"}
    assert set(steps["seed"]) == {0}


def test_stage_steps_have_one_row_per_step_and_stage(results_dir: Path) -> None:
    stages = run_tables.stage_steps(run_tables.decision_steps([SPEC], results_dir))
    assert list(stages["stage"]) == ["object-detection", "image-classification"] * 4
    assert (stages["replicas"] >= 1).all()


def test_run_averages_put_published_values_beside_ours(results_dir: Path) -> None:
    averages = run_tables.run_averages([SPEC], results_dir).iloc[0]
    assert averages["cost_mean_cores"] > 0
    assert averages["published_cost_cores"] == pytest.approx(2.7167)
    assert averages["published_pas_pct"] == pytest.approx(34.00, abs=0.01)


def test_a_missing_run_says_how_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="ipa grid --edition as-published"):
        run_tables.run_averages([SPEC], tmp_path)


def test_load_per_second_has_each_workload_once() -> None:
    specs = grid_specs(["corrected"], ["video"], ["bursty", "steady-low"], trace="synthetic", duration_s=20)
    load = run_tables.load_per_second(specs)
    assert load.groupby("workload").size().to_dict() == {"bursty": 20, "steady-low": 20}


def test_the_plan_table_counts_steps_most_frequent_first() -> None:
    table = run_tables.plan_table(pd.concat([steps_of(), steps_of().iloc[1:2]], ignore_index=True))
    assert list(table["steps"]) == [3, 2]
    assert table["plan"][0] == "large 2x1 b2 | large 3x1 b2"
    assert list(table["first at (s)"]) == [10, 0]
    assert list(table["lowest rate (requests/s)"]) == [5.04, 6.0]
    assert list(table["PAS × 100"]) == [50, 40]


def test_first_steps_are_limited_and_numbers() -> None:
    table = run_tables.first_steps(steps_of().assign(forecast_rps=[None, 1.25, None, None]), count=2)
    assert table["forecast (requests/s)"].isna().tolist() == [True, False]
    assert table["forecast (requests/s)"].dtype == float
    assert list(table["action"]) == ["deployed", "applied"]


def test_the_averages_table_leaves_out_what_was_not_published() -> None:
    assert "published cost" not in run_tables.averages_table(averages_of("corrected"))
    table = run_tables.averages_table(averages_of("as-published", published=True))
    assert table.loc[("bursty", "fa2-low"), "published cost"] == 3.1
    assert table.loc[("bursty", "fa2-low"), "late seconds (%)"] == 2
    assert "published late seconds (%)" not in table


def test_a_load_without_a_request_has_tables_and_figures(tmp_path: Path) -> None:
    spec = RunSpec(workload="constant-0", trace="synthetic", duration_s=60)
    run(spec, tmp_path)
    averages, steps = run_tables.run_averages([spec], tmp_path), run_tables.decision_steps([spec], tmp_path)
    assert averages["latency_p99_s"].isna().all()
    shown = run_tables.averages_table(averages)
    assert "latency p99 (s)" not in shown
    assert shown["cost (cores)"].iloc[0] > 0
    assert len(format_table(run_tables.first_steps(steps)).rows) == 7
    assert len(format_table(run_tables.plan_table(steps)).rows) >= 1
    load = run_tables.load_per_second([spec])
    assert draw_adaptation(steps, load).axes
    assert draw_end_to_end(steps, averages, load).axes


def test_the_editions_table_keeps_the_order_of_methods() -> None:
    table = run_tables.editions_table(averages_of("as-published", "corrected"))
    assert list(table.index.get_level_values("method")) == ["ipa", "fa2-low", "fa2-high", "rim"]
    assert table.loc[("video", "rim"), ("cost (cores)", "corrected")] == 15
    assert table.columns[0] == ("cost (cores)", "as-published")


def test_variants_are_listed_from_the_least_to_the_most_accurate() -> None:
    order = run_tables.variants_by_accuracy(load_pipeline("sum-qa"))
    assert order["question-answering"] == ["xlm-roberta-base-squad2", "roberta-base-squad2"]
    table = run_tables.variant_table(load_pipeline("video"))
    assert table["accuracy (%)"].groupby(table["stage"]).is_monotonic_increasing.all()
    assert len(table) == 10


def test_no_specs_give_an_empty_table_that_a_figure_refuses(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no rows"):
        tidy.require(run_tables.decision_steps([], tmp_path), ["time_s"], "adaptation")
