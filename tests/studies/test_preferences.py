"""Figure 14: decisions under three preferences."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ipa.errors import ResultsError, UnknownNameError
from ipa.optimizer.tolerance import TIE
from ipa.studies import preferences
from ipa.studies.preferences import (
    Setting,
    averages,
    decided_rates_rps,
    preference_settings,
    preference_table,
    reachable,
    reachable_table,
    stored_preferences,
)
from ipa.workload import Workload, load_workload

SYNTHETIC = load_workload("bursty", trace="synthetic")
RATES = [float(rate) for rate in (6, 9, 12, 12, 20, 30)]


def setting(edition: str, pipeline: str, preference: str) -> Setting:
    (found,) = [s for s in preference_settings([edition], [pipeline]) if s.preference == preference]
    return found


def test_there_is_a_setting_for_every_published_point_with_its_weights() -> None:
    settings = preference_settings()
    assert len(settings) == 30
    nlp = setting("as-published", "nlp", "balance")
    assert (nlp.planner.objective.alpha, nlp.planner.objective.beta) == (20, 0.5)
    assert nlp.planner.objective.metric.name == "rank-product"
    assert nlp.planner.constraints.throughput_margin == -0.5
    assert nlp.published is not None
    assert nlp.published.cost == 106.8571


def test_the_corrected_edition_maximises_pas_without_margins_under_the_printed_weights() -> None:
    found = setting("corrected", "audio-qa", "accuracy")
    assert found.planner.objective.metric.name == "pas"
    assert found.planner.constraints.latency_margin == 0
    assert (found.planner.objective.alpha, found.planner.objective.beta) == (10, 0.125)
    assert found.published is None


def test_an_unknown_edition_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"'correct'; allowed: as-published.*Did you mean 'corrected'"):
        preference_settings(["correct"])


def test_twenty_minutes_give_119_decisions_for_whole_rates() -> None:
    rates = decided_rates_rps(SYNTHETIC)
    assert len(rates) == 119
    assert all(rate == int(rate) for rate in rates)


def test_a_decision_sees_the_past_only() -> None:
    loads = np.full(60, 5)
    loads[30:] = 40
    rates = decided_rates_rps(Workload("step", loads, "synthetic"))
    assert rates[:3] == [5.0, 5.0, 5.0]
    assert rates[3] > 30


def test_averages_are_those_of_the_single_decisions() -> None:
    found = setting("as-published", "sum-qa", "balance")
    chosen, _ = averages(found, RATES)
    plans = [found.planner.decide(rate).plan for rate in RATES]
    assert chosen.cost == pytest.approx(np.mean([plan.cost_cores for plan in plans]))
    pas = [100 * plan.accuracy(found.planner.pipeline) for plan in plans]
    assert chosen.accuracy == pytest.approx(np.mean(pas))


def test_where_no_plan_is_feasible_the_one_before_stays() -> None:
    found = setting("as-published", "sum-qa", "balance")
    before = found.planner.decide(6.0).plan
    chosen, other = averages(found, [6.0, 1e6, 1e6])
    assert chosen.cost == before.cost_cores
    assert other.cost <= chosen.cost


def test_exact_ties_open_a_range_in_the_points_that_the_paper_leaves_to_them() -> None:
    """Trap 8 of paper/README.md: figure 14, video and sum-qa under accuracy priority."""
    for edition, pipeline in (("as-published-v1", "video"), ("as-published", "sum-qa")):
        chosen, other = averages(setting(edition, pipeline, "accuracy"), RATES)
        assert other.cost < chosen.cost - 1
        assert other.accuracy < chosen.accuracy


@pytest.mark.parametrize("pipeline", ["video", "nlp"])
def test_the_points_of_all_preferences_lie_on_the_curve_of_any_weights(pipeline: str) -> None:
    for preference in ("accuracy", "balance", "resource"):
        found = setting("corrected", pipeline, preference)
        weights = found.planner.objective
        if weights.beta > 0:
            chosen, _ = averages(found, RATES)
            curve, ratio = reachable(found, RATES), weights.alpha / weights.beta
            at = curve[(curve["ratio_from"] <= ratio) & (curve["ratio_to"] > ratio)].iloc[0]
            assert (at["cost"], at["accuracy"]) == pytest.approx((chosen.cost, chosen.accuracy))


def test_the_curve_ascends_with_the_ratio_and_covers_all_of_them() -> None:
    curve = reachable(setting("corrected", "video", "balance"), RATES)
    assert curve["ratio_from"].iloc[0] == 0
    assert curve["ratio_to"].iloc[-1] == math.inf
    assert (curve["cost"].diff().dropna() >= -TIE).all()
    assert (curve["accuracy"].diff().dropna() >= -TIE).all()


def test_each_edition_and_pipeline_has_one_curve() -> None:
    settings = preference_settings(["corrected"], ["video", "sum-qa"])
    frame = reachable_table(settings, Workload("short", [8] * 40, "synthetic"))
    assert set(frame["pipeline"]) == {"video", "sum-qa"}
    assert not frame.duplicated(["pipeline", "ratio_from"]).any()


def test_two_published_points_do_not_come_from_the_printed_weights() -> None:
    """Trap 12 of paper/README.md; true of the synthetic workload as well."""
    frame = preference_table(preference_settings(["as-published"]), SYNTHETIC)
    missed = frame[~frame["within_with_ties"]]
    assert list(zip(missed["pipeline"], missed["preference"], strict=True)) == [
        ("video", "balance"),
        ("nlp", "balance"),
    ]
    assert missed["cause"].str.startswith("not the printed weights").all()
    assert (frame["cause"] == "").equals(frame["within"])


def test_nothing_is_compared_where_nothing_is_published() -> None:
    frame = preference_table(preference_settings(["corrected"], ["sum-qa"]), SYNTHETIC)
    assert frame["published_cost_cores"].isna().all()
    assert not frame["within"].any()
    assert (frame["cause"] == "").all()


def test_a_missing_comparison_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preferences, "stored_file", lambda: tmp_path / "gone.csv")
    with pytest.raises(ResultsError, match=r"python -m ipa\.studies\.preferences"):
        stored_preferences()


@pytest.mark.trace
def test_the_stored_comparison_is_what_the_real_trace_gives(trace_path: str) -> None:  # noqa: ARG001 (it skips)
    fresh = preference_table(preference_settings(), load_workload("bursty", trace="real"))
    pd.testing.assert_frame_equal(fresh, stored_preferences())


def test_the_published_points_are_reproduced_up_to_three() -> None:
    frame = stored_preferences()
    assert len(frame) == 30
    assert frame.groupby("edition")["within"].sum().to_dict() == {"as-published": 12, "as-published-v1": 13}
    missed = frame[~frame["within_with_ties"]]
    assert list(missed["edition"] + " " + missed["pipeline"] + " " + missed["preference"]) == [
        "as-published video balance",
        "as-published nlp balance",
        "as-published-v1 video resource",
    ]
