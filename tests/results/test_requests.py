"""The account of every request: codes that stored runs rely on, and the table of requests that failed."""

import numpy as np
import pandas as pd
import pytest

from ipa.results.requests import (
    BAD_ANSWER,
    DROP_REASONS,
    DROPPED,
    ERROR,
    EXPIRED,
    IN_FLIGHT,
    NONE,
    OK,
    OUTCOMES,
    REASONS,
    UNAVAILABLE,
    RequestRecords,
    StageRecords,
)


def test_the_codes_stand_for_the_names_that_earlier_runs_gave_them() -> None:
    assert OUTCOMES == ("in-flight", "ok", "dropped", "error")
    assert (IN_FLIGHT, OK, DROPPED, ERROR) == (0, 1, 2, 3)
    assert REASONS[EXPIRED] == "expired" == REASONS[0]
    assert (REASONS[UNAVAILABLE], REASONS[BAD_ANSWER]) == ("unavailable", "bad-answer")
    assert set(DROP_REASONS) < set(REASONS)


def named(column: pd.Series) -> list[str]:
    """Return the names of a column, empty where there is none."""
    return [str(name) if isinstance(name, str) else "" for name in column.tolist()]


def test_the_table_names_outcomes_reasons_and_the_stage_where_a_request_ended_badly() -> None:
    nan = np.nan
    stage = StageRecords(
        "s",
        ("v",),
        enter_s=np.array([0.0, 1.0, 2.0, 3.0, nan]),
        start_s=np.array([0.5, nan, 2.25, nan, nan]),
        end_s=np.array([0.75, nan, nan, nan, nan]),
        free_s=np.array([0.0, nan, 0.75, nan, nan]),
        batch=np.array([1, 0, 1, 0, 0], np.int32),
        variant=np.array([0, NONE, 0, NONE, NONE], np.int16),
    )
    frame = RequestRecords(
        arrival_s=np.arange(5.0),
        end_s=np.array([0.75, 1.5, 2.5, 3.75, 4.0]),
        outcome=np.array([OK, DROPPED, ERROR, ERROR, ERROR], np.int8),
        reason=np.array([NONE, EXPIRED, BAD_ANSWER, UNAVAILABLE, UNAVAILABLE], np.int8),
        dropped_stage=np.array([NONE, 0, 0, 0, NONE], np.int16),
        stages=(stage,),
    ).to_frame()
    assert frame["outcome"].tolist() == ["ok", "dropped", "error", "error", "error"]
    assert named(frame["reason"]) == ["", "expired", "bad-answer", "unavailable", "unavailable"]
    assert named(frame["dropped_stage"]) == ["", "1_s", "1_s", "1_s", ""]
    # It waited until it was served, dropped, or failed in the queue.
    assert frame["1_s_wait_s"].tolist() == pytest.approx([0.5, 0.5, 0.25, 0.75, nan], nan_ok=True)
    assert frame["latency_s"].tolist() == pytest.approx([0.75, nan, nan, nan, nan], nan_ok=True)
