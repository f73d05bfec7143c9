"""What replicas in a cluster take beside what they were told to take."""

import pytest

from ipa.pipeline.load import load_pipeline
from ipa.studies.emulated_profiles import emulated_profiles, emulation_table
from ipa.studies.measured_profiles import MeasuredProfile, stored_profile
from tests.support.toy_replicas import toy_point

FACTS = {"pipeline": "video", "source": "emulated", "machine": {"cpu": "Z80", "cores": 2}}


def test_what_is_longer_than_told_is_told_in_per_cent() -> None:
    stage = load_pipeline("video").stages[1]
    told = stage.variant("resnet18").profile_on(1)
    points = tuple(
        toy_point(stage.name, "resnet18", 1, batch, factor * 1000 * told.at(batch).latency_mean_s)
        for batch, factor in ((1, 1.1), (2, 1.0), (4, 1.3))
    )
    table = emulation_table(MeasuredProfile("video-emulated", points, FACTS))
    (row,) = table.to_dict("records")
    assert table.index.tolist() == [(stage.name, "resnet18", 1)]
    assert row["told (ms)"] == pytest.approx(1000 * told.at(1).latency_mean_s)
    assert (row["longer, median (%)"], row["longer, most (%)"]) == pytest.approx((10, 30))


def test_of_profiles_those_of_emulated_models_are_shown() -> None:
    emulated, real = MeasuredProfile("video-emulated", (), FACTS), stored_profile("video-random")
    assert emulated_profiles([real, emulated]) == [emulated]
    assert all(profile.facts["source"] == "emulated" for profile in emulated_profiles([real]))
