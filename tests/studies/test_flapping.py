"""How often plans change under a load of constant mean."""

from typing import Any

import pandas as pd
import pytest

from ipa.experiments.finished import summaries
from ipa.experiments.grid import run_grid
from ipa.paper import PAPER_PIPELINES
from ipa.studies.flapping import FORECASTERS, METHODS, flapping_specs, flapping_table, format_flapping
from ipa.studies.forecast_errors import stored_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("flapping")
    specs = flapping_specs(
        pipelines=["video"], rates_rps=[5, 20], forecasters=["max"], seeds=2, duration_s=300
    )
    run_grid(specs, folder, jobs=1)
    return flapping_table(summaries(specs, folder))


def test_every_method_and_forecaster_meets_every_rate(table: pd.DataFrame) -> None:
    assert table[["method", "forecaster", "rate_rps", "runs"]].to_numpy().tolist() == [
        ["ipa", "max", 5, 2],
        ["ipa", "max", 20, 2],
        *([method, "linear", rate, 2] for method in METHODS for rate in (5, 20)),
    ]


def test_switches_add_up_and_rim_keeps_its_replicas(table: pd.DataFrame) -> None:
    kinds = ["variant_switches_per_hour", "replica_switches_per_hour", "batch_switches_per_hour"]
    assert table[kinds].sum(axis=1).tolist() == pytest.approx(table["switches_per_hour"].tolist())
    assert (table[table["method"] == "rim"]["replica_switches_per_hour"] == 0).all()
    assert (table[table["method"].str.startswith("fa2")]["variant_switches_per_hour"] == 0).all()
    assert table["changed_steps_pct"].max() > 10


def test_the_printed_tables_are_means_over_rates(table: pd.DataFrame) -> None:
    changed, means = (frame.set_index(["method", "forecaster"]) for frame in format_flapping(table))
    of_max = table[table["forecaster"] == "max"]
    assert changed.loc[("ipa", "max"), "video"] == pytest.approx(of_max["changed_steps_pct"].mean(), abs=0.1)
    assert changed.loc[("ipa", "max"), "mean"] == changed.loc[("ipa", "max"), "video"]
    assert means.loc[("ipa", "max"), "cores running"] == pytest.approx(
        of_max["running_cores"].mean(), abs=0.01
    )


def test_the_stored_table_holds_every_forecaster_and_pipeline() -> None:
    stored = stored_table("flapping")
    assert set(stored["pipeline"]) == set(PAPER_PIPELINES)
    assert set(stored[stored["method"] == "ipa"]["forecaster"]) == set(FORECASTERS)
    of_video = stored.set_index(["pipeline", "method", "forecaster", "rate_rps"])
    switching = of_video.loc[("video", "ipa", "quantile-0.5", 5)]
    assert switching["changed_steps_pct"] == pytest.approx(53.47, abs=0.01)
    assert (switching["decided_cores"], switching["running_cores"]) == (2.0, pytest.approx(2.475, abs=0.001))
