"""``ipa frontier``."""

import json
from pathlib import Path

import pytest

from tests.support.command import Ipa

KEYS = {
    "pipeline",
    "rate_rps",
    "sla_s",
    "max_cores",
    "accuracy_metric",
    "why",
    "points",
    "methods",
    "solve_ms",
}
POINT_KEYS = {"cost_cores", "accuracy", "pas", "latency_s", "alpha_per_beta", "stages"}
METHOD_KEYS = {
    "method",
    "status",
    "cost_cores",
    "accuracy",
    "pas",
    "latency_s",
    "cheapest_as_accurate_cores",
    "plan",
}


def test_json_has_exactly_the_documented_keys(ipa: Ipa) -> None:
    outcome = ipa("frontier", "--rate", 20, "--json")
    report = json.loads(outcome.out)
    assert outcome.code == 0
    assert set(report) == KEYS
    assert all(set(point) == POINT_KEYS for point in report["points"])
    assert all(set(method) == METHOD_KEYS for method in report["methods"])
    assert [method["method"] for method in report["methods"]] == ["ipa", "fa2-low", "fa2-high", "rim"]


def test_the_weights_of_an_interval_make_ipa_solve_choose_its_plan(ipa: Ipa) -> None:
    report = json.loads(ipa("frontier", "--rate", 20, "--json").out)
    for point in report["points"]:
        if point["alpha_per_beta"]:
            low, high = point["alpha_per_beta"]
            alpha = low + 1 if high is None else (low + high) / 2
            solved = ipa("solve", "--rate", 20, "--json", "--solver", "exact", "--alpha", alpha, "--beta", 1)
            assert json.loads(solved.out)["cost_cores"] == point["cost_cores"]


def test_people_see_the_plans_their_weights_and_the_methods(ipa: Ipa) -> None:
    outcome = ipa("frontier", "--rate", 20)
    assert "12 plans on the frontier, 7 of them chosen by some alpha/beta" in outcome.out
    assert "the edition's weights 2/1 choose the plan of 4 cores" in outcome.out
    assert "yolov5x 5x8, resnet152 3x2 b2" in outcome.out
    assert "fa2-high" in outcome.out


@pytest.mark.parametrize("form", [["--json"], []])
def test_an_sla_that_no_plan_keeps_exits_with_1(ipa: Ipa, form: str) -> None:
    outcome = ipa("frontier", "--rate", 20, "--sla", 0.01, *form)
    assert outcome.code == 1
    if form:
        report = json.loads(outcome.out)
        assert report["points"] == []
        assert report["why"].endswith("raise --sla to 0.16195")
    else:
        assert "raise --sla to 0.16195.\nThe methods show their best effort." in outcome.err


def test_only_plans_within_the_limits_are_listed(ipa: Ipa) -> None:
    report = json.loads(ipa("frontier", "--rate", 20, "--json", "--max-cores", 9, "--max-replicas", 2).out)
    assert max(point["cost_cores"] for point in report["points"]) <= 9
    assert all(stage["replicas"] <= 2 for point in report["points"] for stage in point["stages"])


def test_a_figure_is_drawn_on_demand(ipa: Ipa, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    outcome = ipa("frontier", "--rate", 12, "--pipeline", "sum-qa", "--figure", "--results", tmp_path)
    assert outcome.code == 0
    names = sorted(file.name for file in (tmp_path / "figures").iterdir())
    assert names == ["frontier-sum-qa-corrected-12rps.pdf", "frontier-sum-qa-corrected-12rps.png"]
    assert "frontier-sum-qa-corrected-12rps.png" in outcome.err


def test_a_negative_rate_is_refused(ipa: Ipa) -> None:
    outcome = ipa("frontier", "--rate", -1)
    assert outcome.code == 2
    assert "arrival rate" in outcome.err
