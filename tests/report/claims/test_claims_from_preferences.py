"""Claims about figure 14."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ipa.report.claims import CHECKS, Evidence, Support, from_preferences
from ipa.report.claims.judge import Status, judge
from ipa.studies.preferences import preference_settings, preference_table
from ipa.workload import load_workload

EVIDENCE = Evidence(Path("nowhere"), trace="synthetic")
POINTS = preference_table(
    preference_settings(["as-published-v1", "as-published"]), load_workload("bursty", trace="synthetic")
)


def outcome(claim: str) -> tuple[Support, Status]:
    finding = CHECKS[claim](EVIDENCE)
    return finding.support, judge(EVIDENCE.claim(claim), finding)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the checks see other points than those decided."""

    def use(frame: pd.DataFrame) -> None:
        monkeypatch.setattr(
            from_preferences, "_points", lambda _, *editions: frame[frame["edition"].isin(editions)]
        )

    return use


def changed(column: str, value: object, **where: str) -> pd.DataFrame:
    frame, rows = POINTS.copy(), pd.Series(True, index=POINTS.index)
    for key, wanted in where.items():
        rows &= frame[key] == wanted
    frame.loc[rows, column] = value
    return frame


@pytest.mark.parametrize(("claim", "support"), [("C14", Support.SUPPORTED), ("C15", Support.CONTRADICTED)])
def test_the_synthetic_workload_leads_to_the_verdict_of_the_published_data(
    claim: str, support: Support
) -> None:
    assert outcome(claim) == (support, Status.PASSED)


def test_the_misprinted_points_are_named_with_both_costs(points: pd.DataFrame) -> None:
    points(POINTS)
    text = CHECKS["C15"](EVIDENCE).reproduced
    assert text.startswith(
        "the printed weights give 13 of 15 points; not video balance 2.76 cores instead of"
    )
    assert "nlp balance" in text


def test_if_all_points_came_out_the_second_claim_would_hold(points: pd.DataFrame) -> None:
    points(changed("within_with_ties", True))
    assert outcome("C15") == (Support.SUPPORTED, Status.FAILED)


def test_one_more_missed_point_disagrees_with_the_published_data(points: pd.DataFrame) -> None:
    points(
        changed("within_with_ties", False, pipeline="sum-qa", preference="balance", edition="as-published")
    )
    assert outcome("C15") == (Support.CONTRADICTED, Status.FAILED)


@pytest.mark.parametrize(
    ("column", "value", "support"),
    [("cost_cores", 400.0, Support.PARTLY), ("cost_cores", 120.0, Support.PARTLY)],
)
def test_a_preference_that_costs_more_for_less_weakens_the_first_claim(
    points: pd.DataFrame, column: str, value: float, support: Support
) -> None:
    points(changed(column, value, pipeline="nlp", preference="balance", edition="as-published-v1"))
    assert outcome("C14") == (support, Status.FAILED)
    assert "9 of 10 cases" in CHECKS["C14"](EVIDENCE).reproduced


def test_a_distant_cost_of_nlp_weakens_the_first_claim(points: pd.DataFrame) -> None:
    points(changed("cost_cores", 30.0, pipeline="nlp", preference="resource", edition="as-published-v1"))
    assert outcome("C14") == (Support.PARTLY, Status.FAILED)


def test_preferences_without_any_effect_do_not_support_the_first_claim(points: pd.DataFrame) -> None:
    points(POINTS.assign(cost_cores=50.0, accuracy=2.0))
    assert outcome("C14") == (Support.NO_EFFECT, Status.FAILED)
