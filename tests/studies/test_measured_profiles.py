"""Measured profiles beside the published ones."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.profiler.table import write_points
from ipa.studies import measured_profiles as study
from ipa.studies.measured_profiles import MeasuredProfile
from tests.support.toy_replicas import toy_point

FACTS = {"pipeline": "video", "source": "random", "machine": {"cpu": "Z80", "cores": 2}}
CLASSIFIERS = {"resnet18": 100.0, "resnet152": 400.0}


@pytest.fixture
def profile() -> MeasuredProfile:
    """Two classifiers on 1 and 2 cores: twice the cores take half the time, and a batch its size times."""
    points = tuple(
        toy_point("image-classification", variant, cores, batch, batch * milliseconds / cores)
        for variant, milliseconds in CLASSIFIERS.items()
        for cores in (1, 2)
        for batch in (1, 2, 4)
    )
    return MeasuredProfile("video-random", points, FACTS)


def test_figure_2_has_what_was_measured_and_what_was_published(profile: MeasuredProfile) -> None:
    table = study.figure2_measured(profile).set_index("variant")
    assert list(table.index) == ["resnet18", "resnet152"]
    assert table.loc["resnet18", "p99_ms"] == pytest.approx(100)
    assert table.loc["resnet18", "published_ms"] == 70
    assert table.loc["resnet152", "throughput_rps"] == pytest.approx(2.5)
    assert table.loc["resnet152", "published_rps"] == 4


def test_base_allocations_of_both_profiles_stand_beside_each_other(profile: MeasuredProfile) -> None:
    table = study.table4_measured(profile).set_index(["threshold (requests/s)", "variant"])
    assert table.loc[(5, "resnet18"), "measured here"] == 1
    assert table.loc[(5, "resnet152"), "measured here"] == 2
    assert math.isnan(table.loc[(10, "resnet152"), "measured here"])
    assert table.loc[(10, "resnet18"), "published profiles"] == 1
    assert set(table["measured on (cores)"]) == {"1, 2"}
    assert table["printed cores"].isna().all()


def test_tables_7_to_14_list_every_variant_and_leave_out_what_was_not_measured(
    profile: MeasuredProfile,
) -> None:
    table = study.tables_7_to_14_measured([profile])
    assert len(table) == 32
    measured = table[table["measured p99 (ms)"].notna()].set_index("variant")
    assert measured["measured p99 (ms)"].to_dict() == pytest.approx(CLASSIFIERS)
    assert measured.loc["resnet18", "published p99 (ms)"] == pytest.approx(73.8, abs=0.1)
    assert measured.loc["resnet18", "memory (MB)"] == 100


def test_batching_that_buys_nothing_has_a_line_and_a_gain_of_one(profile: MeasuredProfile) -> None:
    table = study.batching_table(profile)
    assert len(table) == 4
    assert table["gain"].tolist() == pytest.approx([1.0] * 4)
    assert table["α"].abs().max() < 1e-9
    assert table["β"].tolist() == pytest.approx(table["p99 at batch 1 (ms)"].tolist())
    over = study.latency_over_batch(profile)
    fitted = over["alpha_ms"] * over["batch"] ** 2 + over["beta_ms"] * over["batch"] + over["gamma_ms"]
    pd.testing.assert_series_equal(fitted, over["p99_ms"], check_names=False)


def test_measuring_again_asks_for_the_same_points(profile: MeasuredProfile) -> None:
    wanted = study.wanted_again(profile, budget_s=3)
    assert (wanted.pipeline, wanted.source) == ("video", "random")
    assert (wanted.stages, wanted.variants) == (("image-classification",), ("resnet18", "resnet152"))
    assert (wanted.cores, wanted.batches) == ((1, 2), (1, 2, 4))
    assert wanted.rule.budget_s == 3


def test_stored_measurements_are_found_by_name(
    profile: MeasuredProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "stored_results_dir", lambda: tmp_path)
    write_points(tmp_path / "profile-video-random" / "video.csv", profile.points)
    (tmp_path / "profile-video-random" / "video.json").write_text(json.dumps(FACTS))
    assert study.stored_profiles() == ["video-random"]
    read = study.measured_profile("video-random", tmp_path, platform="stored", budget_s=1, progress=print)
    assert {point.key for point in read.points} == {point.key for point in profile.points}
    assert read.note.startswith("video, source random: Z80, 2 cores, 20")
    with pytest.raises(ResultsError, match="holds no measurements; stored: video-random"):
        study.stored_profile("nlp-random")


def test_the_note_below_a_figure_says_whether_it_is_of_a_cluster(profile: MeasuredProfile) -> None:
    assert profile.note.startswith("video, source random: Z80, 2 cores, ")
    there = MeasuredProfile("video-random-kubernetes", profile.points, FACTS | {"platform": "kubernetes"})
    assert there.note.startswith("video in a cluster, source random: Z80")
