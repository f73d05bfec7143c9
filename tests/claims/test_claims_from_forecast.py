"""Claims about the forecaster, on the stored tables and on altered ones."""

import pandas as pd
import pytest

from ipa.bench.forecast import FIGURE_16
from ipa.claims import CHECKS, Evidence, Support, from_forecast
from ipa.errors import ResultsError
from ipa.experiments import PIPELINES, WORKLOADS
from ipa.forecast.evaluation import TEST_WEEK, stored_table

EVIDENCE = Evidence("nowhere", trace="synthetic")


def loops(reactive, lstm, cost=(5.0, 5.0)):
    content = [
        {
            "edition": edition, "pipeline": pipeline, "forecaster": name, "cost_cores": cores,
            "violation_pct": violation, "dropped_pct": 0.0,
        }
        for edition in (FIGURE_16, "corrected")
        for pipeline in PIPELINES
        for name, violation, cores in (("max", reactive, cost[0]), ("lstm", lstm, cost[1]))
    ]  # fmt: skip
    return pd.DataFrame(content)


def check(monkeypatch, claim, table):
    monkeypatch.setattr(from_forecast, "stored_table", lambda _name: table)
    return CHECKS[claim](EVIDENCE)


@pytest.mark.parametrize(
    ("reactive", "lstm", "cost", "support", "agrees"),
    [
        (5.0, 0.4, (5.0, 5.0), Support.SUPPORTED, True),
        (5.0, 0.0, (5.0, 5.0), Support.SUPPORTED, True),
        (5.0, 1.0, (5.0, 5.0), Support.PARTLY, True),
        (5.0, 4.0, (5.0, 5.0), Support.CONTRADICTED, False),
        (5.0, 0.4, (5.0, 6.0), Support.CONTRADICTED, True),
        (0.0, 0.0, (5.0, 5.0), Support.CONTRADICTED, False),
    ],
)
def test_the_gain_of_the_lstm_is_graded_at_equal_cost(monkeypatch, reactive, lstm, cost, support, agrees):
    found = check(monkeypatch, "C18", loops(reactive, lstm, cost))
    assert (found.support, found.agrees) == (support, agrees)


def scores(week, windows):
    content = {"forecaster": "lstm", "series": [TEST_WEEK, *WORKLOADS], "smape_pct": [week, *windows]}
    return pd.DataFrame(content)


@pytest.mark.parametrize(
    ("week", "windows", "support", "agrees"),
    [
        (6.5, (9, 9, 9, 9), Support.SUPPORTED, True),
        (8.0, (9, 9, 3, 12), Support.PARTLY, True),
        (8.0, (9, 9, 9, 12), Support.CONTRADICTED, True),
        (8.0, (14, 14, 14, 12), Support.CONTRADICTED, False),
    ],
)
def test_the_error_of_the_lstm_is_graded_on_the_whole_week(monkeypatch, week, windows, support, agrees):
    found = check(monkeypatch, "C19", scores(week, windows))
    assert (found.support, found.agrees) == (support, agrees)
    assert f"{week} % on the whole test week" in found.reproduced


def test_stored_tables_that_lack_a_row_are_not_run(monkeypatch):
    with pytest.raises(ResultsError, match="lacks corrected, max, nlp"):
        check(monkeypatch, "C18", loops(1, 1).query("not (pipeline == 'nlp' and edition == 'corrected')"))
    with pytest.raises(ResultsError, match="lacks the LSTM on test-week"):
        check(monkeypatch, "C19", scores(1, (1, 1, 1, 1)).iloc[1:])


def test_missing_weights_are_not_run(monkeypatch, tmp_path):
    monkeypatch.setattr(from_forecast, "weights_path", lambda model: tmp_path / f"{model}.npz")
    with pytest.raises(ResultsError, match="ipa forecast train"):
        CHECKS["C20"](EVIDENCE)


def test_what_is_stored_gives_these_verdicts():
    assert CHECKS["C18"](EVIDENCE).support is Support.PARTLY
    error = CHECKS["C19"](EVIDENCE)
    assert (error.support, error.agrees) == (Support.PARTLY, True)
    week = stored_table("scores").set_index(["forecaster", "series"]).loc[("lstm", TEST_WEEK), "smape_pct"]
    assert f"{week:.1f} %" in error.reproduced
    assert CHECKS["C20"](EVIDENCE).support is Support.SUPPORTED
