"""``ipa run`` on clusters that are not ideal."""

import json
from pathlib import Path

import pytest

from ipa.cli.parse import cluster_settings
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.simulator import ClusterSettings
from tests.support.command import Ipa


def test_properties_are_set_by_name() -> None:
    found = cluster_settings(["mean_life_s=600", "switching = stop-start", "core_limit=9"])
    assert found == ClusterSettings(mean_life_s=600.0, switching="stop-start", core_limit=9)
    assert cluster_settings(None) == ClusterSettings()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("mean_life_s", InvalidValueError, "expected name=value"),
        ("mean_live_s=3", UnknownNameError, "Did you mean 'mean_life_s'"),
        ("mean_life_s=long", InvalidValueError, "mean_life_s must be a number, not 'long'"),
        ("core_limit=2.5", InvalidValueError, "core_limit must be a whole number"),
        ("core_limit=0", InvalidValueError, "core_limit is 0"),
        ("switching=rolling", UnknownNameError, "make-before-break, stop-start"),
    ],
)
def test_wrong_properties_say_what_is_wrong(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cluster_settings([text])


def test_a_property_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="core_limit is given twice"):
        cluster_settings(["core_limit=3", "core_limit=4"])


def test_a_forecaster_without_a_name_is_refused(ipa: Ipa, tmp_path: Path) -> None:
    outcome = ipa("run", "--duration", 20, "--forecaster", "", "--results", tmp_path)
    assert outcome.code == 2
    assert "unknown forecaster ''" in outcome.err


def test_run_takes_them(ipa: Ipa, tmp_path: Path) -> None:
    short = ("--duration", 40, "--workload", "steady-low", "--trace", "synthetic", "--results", tmp_path)
    options = ("--cluster", "start_up_s=2", "--drop", "none", "--interval", 5, "--network-delay", 0.1)
    summary = json.loads(ipa("run", *short, *options, "--json").out)
    assert summary["cluster"]["start_up_s"] == 2.0
    assert (summary["drop"], summary["interval_s"], summary["network_delay_s"]) == ("none", 5.0, 0.1)
    assert summary["steps"] == 9
