"""Latencies of finished runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.experiments.run import run, run_folder
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.results.folder import read_requests
from ipa.simulator import ClusterSettings
from ipa.studies import latency
from tests.support.specs import changed

SPECS = latency.with_seeds(
    [
        RunSpec("video", "steady-high", method, "as-published", "synthetic", "paper-burst", duration_s=60)
        for method in ("ipa", "rim")
    ],
    2,
)


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    for spec in SPECS:
        run(spec, folder)
    return folder


@pytest.fixture(scope="module")
def summary(results_dir: Path) -> pd.DataFrame:
    return latency.latency_summary(SPECS, results_dir)


def requests_of(latency_s: list[float], arrival_s: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"latency_s": latency_s, "arrival_s": arrival_s})


def test_the_p99_is_taken_within_each_second_that_has_answers() -> None:
    found = latency.second_p99_s(requests_of([1.0, 3.0, np.nan, 5.0], [0.1, 0.2, 1.5, 3.9]), 5)
    assert found.tolist() == pytest.approx([2.98, 5.0])


def test_a_distribution_counts_what_does_not_exceed() -> None:
    assert latency.distribution_at(np.array([1.0, 2.0, 3.0, 4.0]), 2.0) == 0.5
    assert np.isnan(latency.distribution_at(np.array([]), 2.0))


def test_the_summary_is_of_answered_requests(results_dir: Path, summary: pd.DataFrame) -> None:
    latency_s = read_requests(run_folder(results_dir, SPECS[0]))["latency_s"].dropna()
    row = summary.iloc[0]
    assert row["request_p50_s"] == pytest.approx(latency_s.quantile(0.5))
    assert row["request_cdf_at_sla"] == (latency_s <= 6.89).mean()
    assert row["p50_s"] <= row["p90_s"] <= row["p99_s"]
    assert row["p50_s"] > row["request_p50_s"]


def test_means_over_seeds_come_with_intervals(summary: pd.DataFrame) -> None:
    means = latency.seed_means(summary, ("p50_s",))
    assert means.index.tolist() == [("as-published", "video", "ipa"), ("as-published", "video", "rim")]
    own = summary.loc[summary["method"] == "ipa", "p50_s"]
    assert means.iloc[0]["p50_s"] == pytest.approx(own.mean())
    assert means.iloc[0]["p50_s_interval"] == pytest.approx(12.706 * own.std() / np.sqrt(2), rel=1e-3)
    assert means["seeds"].tolist() == [2, 2]


def test_a_single_seed_has_no_interval(summary: pd.DataFrame) -> None:
    assert latency.seed_means(summary[summary["seed"] == 0], ("p50_s",))["p50_s_interval"].isna().all()


def test_published_values_stand_beside_ours(summary: pd.DataFrame) -> None:
    table = latency.figure_15_table(summary)
    row = table.loc[("as-published", "video", "ipa")]
    assert (row["published"], row["published median"], row["published p99"]) == (0.977, 0.82, 9.82)
    assert row["difference"] == pytest.approx(row["CDF at SLA"] - 0.977, abs=2e-3)


def test_there_are_published_values_for_two_editions() -> None:
    published = latency.published_latency()
    assert published.shape == (40, 5)
    assert published.loc[("as-published-v1", "nlp", "rim"), "p50_s"] == 1.472


def test_editions_without_published_values_show_none(summary: pd.DataFrame) -> None:
    table = latency.figure_15_table(summary.assign(edition="corrected"))
    assert "published" not in table
    assert "median (s)" in table


def test_curves_pool_seeds_and_rise(results_dir: Path) -> None:
    curves = latency.curves(SPECS, results_dir)
    assert set(curves["kind"]) == {"seconds", "requests"}
    for _, own in curves.groupby(["method", "kind"]):
        assert own["share"].iloc[[0, -1]].tolist() == [0.0, 1.0]
        assert (own["latency_s"].diff().dropna() >= 0).all()
    both = pd.concat([read_requests(run_folder(results_dir, spec)) for spec in SPECS[:2]])
    own = curves[(curves["method"] == "ipa") & (curves["kind"] == "requests")]
    assert own["latency_s"].max() == pytest.approx(both["latency_s"].max())


def test_the_parts_add_up_to_the_mean_latency(results_dir: Path) -> None:
    parts = latency.breakdowns(SPECS, results_dir)
    for spec in SPECS:
        own = parts[(parts["method"] == spec.method) & (parts["seed"] == spec.seed)]
        mean_s = read_requests(run_folder(results_dir, spec))["latency_s"].mean()
        assert own["mean_s"].sum() == pytest.approx(mean_s, rel=1e-4)
        assert own["share"].sum() == pytest.approx(1.0, rel=1e-4)
        assert own["stage"].tolist()[::3] == ["object-detection", "image-classification", ""]


def test_the_network_and_the_router_are_a_part_of_their_own() -> None:
    spec = changed(SPECS[0], network_delay_s=0.1, cluster=ClusterSettings(router_delay_s=0.2))
    parts = latency.breakdown(simulate(spec).requests.to_frame())
    assert parts.iloc[-1]["part"] == "network"
    assert parts.iloc[-1]["mean_s"] == pytest.approx(0.5, abs=1e-4)


def test_a_run_without_answers_has_no_parts_to_show() -> None:
    requests = simulate(SPECS[0]).requests.to_frame()
    assert latency.breakdown(requests[:0])["mean_s"].isna().all()


def test_in_a_graph_the_parts_of_the_slowest_paths_add_up_to_the_latency() -> None:
    spec = RunSpec("calls", "steady-low", trace="synthetic", duration_s=60).with_settings(
        network_delay_s=0.01
    )
    requests = simulate(spec).requests.to_frame()
    parts = latency.breakdown(requests).set_index(["stage", "part"])["mean_s"]
    assert parts.sum() == pytest.approx(requests["latency_s"].mean(), rel=1e-5)
    # Into three stages and back.
    assert parts["", "network"] == pytest.approx(0.04, abs=1e-5)
    on_path = requests[["2_question-answering_on_path", "3_sentiment-analysis_on_path"]]
    assert (on_path.sum(axis="columns") == 1).all()
