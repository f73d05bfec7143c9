"""Claims about the forecaster, on the stored tables and on altered ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.forecast.networks.weights import load_record, weights_path
from ipa.paper import PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.report.claims import CHECKS, Evidence, Support, from_forecast
from ipa.report.claims.judge import Status, judge
from ipa.studies.forecast_errors import TEST_WEEK, stored_table
from ipa.studies.forecasters import FIGURE_16

EVIDENCE = Evidence("nowhere", trace="synthetic")


def loops(reactive: Any, lstm: Any, cost: Any = (5.0, 5.0), interval: float = 0.0) -> Any:
    content = [
        {
            "edition": edition, "pipeline": pipeline, "forecaster": name, "cost_cores": cores,
            "violation_pct": violation, "dropped_pct": 0.0, "cost_interval": 0.0,
            "violation_interval": interval, "runs": 5,
        }
        for edition in (FIGURE_16, "corrected")
        for pipeline in PAPER_PIPELINES
        for name, violation, cores in (("max", reactive, cost[0]), ("lstm", lstm, cost[1]))
    ]  # fmt: skip
    return pd.DataFrame(content)


def check(monkeypatch: pytest.MonkeyPatch, claim: str, table: pd.DataFrame) -> Any:
    monkeypatch.setattr(from_forecast, "stored_table", lambda _name: table)
    finding = CHECKS[claim](EVIDENCE)
    return finding.support, judge(EVIDENCE.claim(claim), finding)


@pytest.mark.parametrize(
    ("table", "support", "status"),
    [
        (loops(5.0, 0.4), Support.SUPPORTED, Status.PASSED),
        (loops(5.0, 0.0), Support.SUPPORTED, Status.PASSED),
        (loops(5.0, 1.0), Support.PARTLY, Status.PASSED),
        (loops(1.0, 5.0), Support.CONTRADICTED, Status.FAILED),
        (loops(5.0, 0.4, cost=(5.0, 6.0)), Support.PARTLY, Status.PASSED),
        (loops(5.0, 0.4, interval=3.0), Support.UNDECIDED, Status.PASSED),
        (loops(5.0, 4.0, interval=3.0), Support.NO_EFFECT, Status.FAILED),
        (loops(0.0, 0.0), Support.NO_EFFECT, Status.FAILED),
    ],
)
def test_the_gain_of_the_lstm_is_graded_at_equal_cost_beyond_the_intervals(
    monkeypatch: pytest.MonkeyPatch, table: pd.DataFrame, support: Support, status: Status
) -> None:
    assert check(monkeypatch, "C18", table) == (support, status)


def test_a_pipeline_where_the_lstm_is_worse_counts_against_one_where_it_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = loops(0.0, 0.0)
    table.loc[(table["pipeline"] == "video") & (table["forecaster"] == "lstm"), "violation_pct"] = 1.0
    table.loc[(table["pipeline"] == "nlp") & (table["forecaster"] == "max"), "violation_pct"] = 1.0
    assert check(monkeypatch, "C18", table)[1] is Status.DIFFERS
    table.loc[(table["pipeline"] == "nlp") & (table["forecaster"] == "lstm"), "violation_pct"] = 0.5
    assert check(monkeypatch, "C18", table) == (Support.CONTRADICTED, Status.DIFFERS)


def scores(week: float, windows: Any) -> Any:
    content = {"forecaster": "lstm", "series": [TEST_WEEK, *PAPER_WORKLOADS], "smape_pct": [week, *windows]}
    return pd.DataFrame(content)


@pytest.mark.parametrize(
    ("week", "windows", "support", "status"),
    [
        (6.5, (9, 9, 9, 9), Support.SUPPORTED, Status.PASSED),
        (8.0, (9, 9, 3, 12), Support.PARTLY, Status.PASSED),
        (8.0, (9, 9, 9, 12), Support.CONTRADICTED, Status.PASSED),
        (8.0, (14, 14, 14, 12), Support.CONTRADICTED, Status.FAILED),
        (3.0, (3, 3, 3, 3), Support.SUPPORTED, Status.FAILED),
    ],
)
def test_the_error_of_the_lstm_is_graded_on_the_whole_week(
    monkeypatch: pytest.MonkeyPatch, week: float, windows: float, support: Support, status: Status
) -> None:
    assert check(monkeypatch, "C19", scores(week, windows)) == (support, status)


def test_the_error_on_the_whole_week_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_forecast, "stored_table", lambda _name: scores(6.5, (9, 9, 9, 9)))
    assert "6.5 % on the whole test week" in CHECKS["C19"](EVIDENCE).reproduced


def test_stored_tables_that_lack_a_row_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResultsError, match="lacks corrected, max, nlp"):
        check(monkeypatch, "C18", loops(1, 1).query("not (pipeline == 'nlp' and edition == 'corrected')"))
    with pytest.raises(ResultsError, match="lacks the LSTM on test-week"):
        check(monkeypatch, "C19", scores(1, (1, 1, 1, 1)).iloc[1:])


def test_missing_weights_are_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(from_forecast, "weights_path", lambda model: tmp_path / f"{model}.npz")
    with pytest.raises(ResultsError, match="ipa forecast train"):
        CHECKS["C20"](EVIDENCE)


def test_a_slow_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    record = load_record(weights_path("lstm").with_suffix(".json"))
    slow = replace(record, wall_s=900.0)
    monkeypatch.setattr(from_forecast, "load_record", lambda _file: slow)
    assert judge(EVIDENCE.claim("C20"), CHECKS["C20"](EVIDENCE)) is Status.FAILED


def test_what_is_stored_gives_these_verdicts() -> None:
    found = {claim: CHECKS[claim](EVIDENCE) for claim in ("C18", "C19", "C20")}
    assert {claim: (f.support, judge(EVIDENCE.claim(claim), f)) for claim, f in found.items()} == {
        "C18": (Support.CONTRADICTED, Status.DIFFERS),
        "C19": (Support.PARTLY, Status.PASSED),
        "C20": (Support.OWN, Status.PASSED),
    }
    week = stored_table("scores").set_index(["forecaster", "series"]).loc[("lstm", TEST_WEEK), "smape_pct"]
    assert f"{float(week):.1f} %" in found["C19"].reproduced
