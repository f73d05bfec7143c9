"""Tables of the evaluation, stored and measured again, and damaged histories."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.forecast import WINDOW_S, evaluate, make_forecaster
from ipa.forecast.dataset import DAY_S, held_out_rates
from ipa.forecast.metrics import broadcast_smape_pct, smape_pct
from ipa.studies import forecast_errors as tables
from ipa.studies.damaged_histories import damaged_histories, fault_table
from ipa.workload import PAPER_WORKLOADS, load_trace, load_workload

RATES_RPS = np.random.default_rng(0).poisson(9, 1400)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stored tables lie in an empty folder."""
    monkeypatch.setattr(tables, "stored_results_dir", lambda: tmp_path / "results" / "stored")
    return tmp_path


def test_a_score_table_has_a_row_for_every_series_and_forecaster() -> None:
    reports = []
    found = tables.score_table(
        {"a": RATES_RPS, "b": RATES_RPS[:400]}, ["max", "oracle"], lambda *done: reports.append(done)
    )
    assert found[["series", "forecaster"]].to_numpy().tolist() == [
        ["a", "max"],
        ["a", "oracle"],
        ["b", "max"],
        ["b", "oracle"],
    ]
    assert found["smape_pct"][0] == evaluate(make_forecaster("max"), RATES_RPS).smape_pct
    assert found["smape_pct"][1] == found["smape_pct"][3] == 0
    assert reports[-1] == (4, 4, "oracle on b")


def test_all_forecasters_are_judged_alike_before_and_after_rounding() -> None:
    table = tables.score_table({"a": RATES_RPS}, ["mlp", "quantile-0.5", "ewma-poisson", "max"])
    found = table.set_index("forecaster")
    unrounded, rounded = found["smape_unrounded_pct"], found["smape_rounded_pct"]
    assert rounded["mlp"] == found.loc["mlp", "smape_pct"] == rounded["quantile-0.5"]
    assert unrounded["mlp"] == found.loc["quantile-0.5", "smape_pct"] == unrounded["quantile-0.5"]
    assert unrounded["max"] == rounded["max"]
    exact_rps, true_rps = tables._run("ewma-poisson", RATES_RPS)
    assert unrounded["ewma-poisson"] == smape_pct(exact_rps, true_rps)
    assert rounded["ewma-poisson"] == smape_pct(np.round(exact_rps), true_rps) != unrounded["ewma-poisson"]


def test_a_series_table_holds_each_forecast_at_its_time() -> None:
    found = tables.series_table({"a": RATES_RPS}, ["max"])
    assert found["time_s"].tolist() == list(range(120, 1381, 10))
    at_500 = found.set_index("time_s").loc[500]
    assert at_500["forecast_rps"] == RATES_RPS[480:500].max()
    assert at_500["true_rps"] == RATES_RPS[500:520].max()


def test_the_scoring_table_shows_every_way_of_scoring() -> None:
    row = tables.scoring_table({"a": RATES_RPS}, ["max"]).iloc[0]
    steps = tables.series_table({"a": RATES_RPS}, ["max"])
    forecast_rps, true_rps = steps["forecast_rps"].to_numpy(), steps["true_rps"].to_numpy()
    assert row["paired_pct"] == pytest.approx(smape_pct(forecast_rps, true_rps))
    assert row["half_pct"] == pytest.approx(row["paired_pct"] / 2)
    assert row["broadcast_pct"] == pytest.approx(broadcast_smape_pct(forecast_rps, true_rps))
    assert row["mape_pct"] == pytest.approx(100 * np.mean(np.abs(forecast_rps - true_rps) / true_rps))


def test_windows_are_ranked_by_their_error() -> None:
    found = tables.window_table(RATES_RPS, ["max"], window_s=200)
    assert set(found["windows"]) == {6}
    assert found["paired_pct"].is_monotonic_increasing
    assert found["broadcast_pct"].is_monotonic_increasing


def test_series_of_the_evaluation_are_the_last_seven_days_and_the_excerpts() -> None:
    trace = np.repeat(np.arange(1, 22) * 8 + 3, DAY_S)
    found = tables.evaluation_series(trace, {"mine": RATES_RPS})
    assert list(found) == [tables.TEST_WEEK, tables.UNDAMPED_WEEK, "mine"]
    assert sorted(set(found[tables.TEST_WEEK])) == list(range(15, 22))
    assert found[tables.UNDAMPED_WEEK][0] == 15 * 8 + 3


def test_a_table_is_kept_and_read_back(elsewhere: Path) -> None:
    frame = pd.DataFrame({"series": ["a"], "smape_pct": [6.25]})
    file = tables.store_table(frame, "scores")
    assert file == elsewhere / "results" / "stored" / "forecast-scores.csv"
    assert tables.stored_table("scores").equals(frame)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(("name", "command"), [("scores", "evaluate"), ("closed-loop", "compare")])
def test_a_table_that_was_never_stored_says_how_to_make_it(name: str, command: str) -> None:
    with pytest.raises(ResultsError, match=f"ipa forecast {command} --store"):
        tables.stored_table(name)


def test_printed_scores_are_rounded() -> None:
    frame = tables.score_table({"a": RATES_RPS}, ["max"])
    printed = tables.format_scores(frame)
    assert printed.loc[("a", "max"), "SMAPE (%)"] == round(frame["smape_pct"][0], 2)
    assert printed.loc[("a", "max"), "too low (%)"] == round(100 * frame["under_forecast_share"][0], 2)


def test_our_forecaster_beats_the_published_kinds_on_the_stored_week() -> None:
    scores = tables.stored_table("scores")
    week = scores[scores["series"] == tables.TEST_WEEK].set_index("forecaster")["smape_pct"]
    assert set(week.index) == set(tables.EVALUATED)
    assert week["near-oracle-whole"] < week["mlp"] <= 6.9
    assert week["mlp"] < min(week[["linear", "max", "ewma-poisson", "lstm"]])
    undamped = scores[scores["series"] == tables.UNDAMPED_WEEK].set_index("forecaster")["smape_pct"]
    assert undamped["mlp"] <= 6.5


def test_the_stored_quantiles_hold_what_they_say() -> None:
    scores = tables.stored_table("scores").set_index(["series", "forecaster"])["under_forecast_share"]
    for series in (tables.TEST_WEEK, tables.UNDAMPED_WEEK):
        for level in (0.5, 0.9, 0.95):
            assert scores[series, f"quantile-{level}"] == pytest.approx(1 - level, abs=0.01)


@pytest.mark.parametrize("name", ["max", "linear", "ewma-poisson", "lstm", "mlp", "quantile-0.95"])
@pytest.mark.parametrize("history", damaged_histories())
def test_forecasts_on_damaged_histories_are_finite_and_safe(name: str, history: Any) -> None:
    seconds = damaged_histories()[history]
    forecast = make_forecaster(name).forecast(seconds)
    seen = [x for x in seconds if math.isfinite(x) and x >= 0]
    assert 0 <= forecast.rate_rps <= 2 * max(seen, default=0)
    if len(seconds) == WINDOW_S and seen:
        assert forecast.rate_rps >= 0.9 * np.median(seen[-10:]) or name == "ewma-poisson"
    if len(seen) < WINDOW_S:
        assert forecast.fallback


def test_one_spike_does_not_make_load_vanish_or_explode_for_two_minutes() -> None:
    for age_s in range(1, 120):
        seconds = [8.0] * 120
        seconds[-age_s] = 800
        for name in ("linear", "lstm", "mlp", "quantile-0.95"):
            assert 8 <= make_forecaster(name).forecast(seconds).rate_rps <= 2 * 3 * 8
        if age_s > 20:
            for name in ("max", "ewma-poisson"):
                assert 8 <= make_forecaster(name).forecast(seconds).rate_rps <= 400


def test_the_fault_table_says_what_was_done() -> None:
    found = fault_table(["max", "oracle", "mlp"]).set_index(["history", "forecaster"])
    assert found.loc[("gap of 30 s (NaN)", "max"), "fallback"] == "30 unusable seconds repaired"
    assert found.loc[("steady, no fault", "max"), "fallback"] == ""
    assert "warm-up" in found.loc[("shorter than the window", "mlp"), "fallback"]
    assert np.isfinite(found["forecast_rps"]).all()


@pytest.mark.trace
def test_the_stored_scores_are_those_of_the_real_trace(trace_path: str) -> None:
    excerpts = {name: load_workload(name, trace="real").rates_rps for name in PAPER_WORKLOADS}
    stored = tables.stored_table("scores")
    for series in (excerpts, {tables.TEST_WEEK: held_out_rates(load_trace(trace_path, published=True))}):
        names = tables.EVALUATED if series is excerpts else ("mlp",)
        fresh = tables.score_table(series, names)
        kept = stored[stored["series"].isin(series) & stored["forecaster"].isin(names)]
        measures = list(fresh.columns[2:])
        assert kept[["series", "forecaster"]].to_numpy().tolist() == fresh.iloc[:, :2].to_numpy().tolist()
        assert kept[measures].to_numpy() == pytest.approx(fresh[measures].to_numpy(), rel=1e-4, abs=1e-4)


@pytest.mark.trace
@pytest.mark.usefixtures("trace_path")
def test_the_stored_scoring_is_that_of_the_real_trace() -> None:
    excerpts = {name: load_workload(name, trace="real").rates_rps for name in PAPER_WORKLOADS}
    fresh, kept = tables.scoring_table(excerpts), tables.stored_table("scoring")
    assert kept.iloc[:, 2:].to_numpy() == pytest.approx(fresh.iloc[:, 2:].to_numpy(), rel=1e-4)
