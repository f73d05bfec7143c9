"""What passes, what fails, what differs as documented; the numbers behind it."""

from typing import Any

import pytest

from ipa.errors import ConfigError
from ipa.report.claims import Evidence
from ipa.report.claims.check import Finding, Support, own
from ipa.report.claims.claim import read_claims
from ipa.report.claims.judge import Status, judge, succeeded

CLAIMS = Evidence.table("claims")


def claim(**cells: str) -> Any:
    row = dict.fromkeys(CLAIMS.columns, "") | {"id": "X", "kind": "paper"} | cells
    return read_claims(CLAIMS.iloc[:0]._append(row, ignore_index=True))["X"]


RATIO = {"expected": "ratio=2", "tolerance": "ratio=10%"}


@pytest.mark.parametrize(
    ("ratio", "status"),
    [(2.0, Status.PASSED), (2.2, Status.PASSED), (1.8, Status.PASSED), (2.3, Status.FAILED)],
)
def test_a_tolerance_may_be_a_percentage_of_what_is_expected(ratio: float, status: Status) -> None:
    assert judge(claim(**RATIO), Finding(Support.PARTLY, "", {"ratio": ratio})) is status


@pytest.mark.parametrize(
    ("ratio", "status"),
    [(2.1, Status.PASSED), (2.9, Status.DIFFERS), (1.1, Status.DIFFERS), (3.1, Status.FAILED)],
)
def test_a_documented_difference_is_accepted_up_to_its_size(ratio: float, status: Status) -> None:
    known = claim(**RATIO, documented="ratio=1", differs="known since the first run")
    assert judge(known, Finding(Support.PARTLY, "", {"ratio": ratio})) is status


def test_a_verdict_that_is_not_the_stored_one_fails() -> None:
    finding = Finding(Support.PARTLY, "", {"ratio": 2.0})
    assert judge(claim(**RATIO), finding, "partly supported") is Status.PASSED
    assert judge(claim(**RATIO), finding, "supported") is Status.FAILED


def test_too_few_seeds_are_no_failure_unless_more_was_stored() -> None:
    finding = Finding(Support.UNDECIDED, "", {"ratio": 9.0})
    assert judge(claim(**RATIO), finding) is Status.UNDECIDED
    assert judge(claim(**RATIO), finding, "partly supported") is Status.FAILED
    assert succeeded([Status.UNDECIDED])


@pytest.mark.parametrize(
    ("seconds", "status"), [(2.0, Status.PASSED), (2.5, Status.DIFFERS), (4.0, Status.FAILED)]
)
def test_an_own_measurement_is_held_against_its_goal(seconds: float, status: Status) -> None:
    goal = claim(kind="own", claimed="seconds=2", documented="seconds=3", differs="slow")
    assert judge(goal, own("slow", seconds=seconds)) is status


def test_what_was_not_run_is_no_success() -> None:
    assert judge(claim(), Finding(Support.NOT_RUN, "")) is Status.NOT_RUN
    assert judge(claim(), Finding(Support.NOT_COVERED, "")) is Status.NOT_COVERED
    assert succeeded([Status.PASSED, Status.DIFFERS, Status.NOT_COVERED])
    assert not succeeded([Status.PASSED, Status.NOT_RUN])
    assert not succeeded([Status.PASSED, Status.FAILED])


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"expected": "ratio=2"}, "tolerance needs the names of expected"),
        ({"expected": "ratio=two", "tolerance": "ratio=0"}, "two"),
        ({"expected": "ratio=2", "tolerance": "other=10%"}, "a percentage of what"),
        (RATIO | {"documented": "ratio=1"}, "differs a text"),
        (RATIO | {"differs": "somehow"}, "differs a text"),
        (RATIO | {"documented": "other=1", "differs": "somehow"}, "names among ratio"),
        ({"kind": "guess"}, "guess"),
    ],
)
def test_a_bad_cell_names_the_claim(cells: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"claims.csv: claim X: .*{problem}"):
        claim(**cells)


def test_expected_and_found_are_shown_with_their_tolerance() -> None:
    assert claim(**RATIO).expected_text() == "ratio 2 ± 0.2"
    assert claim(**RATIO).found_text({"ratio": 2.05}) == "ratio 2.05"
    assert claim(kind="own", claimed="seconds=2").expected_text() == "seconds ≤ 2"


def test_every_claim_that_is_compared_says_where_its_tolerances_come_from() -> None:
    for one in read_claims(CLAIMS).values():
        assert bool(one.tolerance_source) == bool(one.expected or one.claimed), one.id
