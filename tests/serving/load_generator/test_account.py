"""The account of a load: what goes in comes out, and its report counts it."""

import math
from pathlib import Path

import numpy as np
import pytest

from ipa.errors import ResultsError
from ipa.results.requests import DROPPED, ERROR, IN_FLIGHT, OK
from ipa.serving.load_generator.account import LoadAccount, read_account

ZERO_NS = 5_000_000_000_000
MS = 1_000_000


def filled() -> LoadAccount:
    """Return an account of five requests, due every 100 ms, of which the last was not sent."""
    account = LoadAccount(ZERO_NS + 100 * MS * np.arange(5), ZERO_NS, "load")
    account.sent_ns[:4] = account.due_ns[:4] + MS
    account.answered(0, int(account.due_ns[0]) + 50 * MS, {"a.variant": "small", "a.batch": 2}, right=True)
    account.answered(1, int(account.due_ns[1]) + 150 * MS, {"a.variant": "large", "b.batch": 1}, right=False)
    account.failed(2, int(account.due_ns[2]) + 10 * MS, "expired", "a")
    account.failed(3, int(account.due_ns[3]) + 20 * MS, "unavailable")
    return account


def test_outcomes_follow_from_the_reasons() -> None:
    assert filled().outcome.tolist() == [OK, OK, DROPPED, ERROR, IN_FLIGHT]


def test_the_report_counts_what_became_of_the_requests() -> None:
    report = filled().report()
    assert (report.requests, report.sent, report.ok, report.dropped, report.errors) == (5, 4, 2, 1, 1)
    assert report.reasons == {"expired": 1, "unavailable": 1}
    assert (report.right, report.judged) == (1, 2)
    assert report.seconds == pytest.approx(0.32)


def test_latency_counts_from_when_a_request_was_due_and_lateness_is_reported() -> None:
    report = filled().report()
    assert report.latency_mean_s == pytest.approx(0.1)
    assert (report.latency_p50_s, report.latency_max_s) == (pytest.approx(0.1), pytest.approx(0.15))
    assert report.lateness_p50_s == report.lateness_max_s == pytest.approx(0.001)
    assert report.warning == ""


def test_a_request_that_is_sent_again_keeps_when_it_was_sent_first() -> None:
    account = filled()
    assert account.report().sent_again == 0
    for now_ns in (7, 8, 9):
        account.sent(4, now_ns)
    assert (account.sent_ns[4], account.numbers["sent_again"].tolist()) == (7, [0, 0, 0, 0, 2])
    assert account.report().sent_again == 1


def test_a_generator_that_was_late_says_so() -> None:
    account = filled()
    account.sent_ns[3] += 30 * MS
    assert "1 % of the requests were sent more than 30" in account.report().warning


def test_a_load_of_nothing_has_no_latencies() -> None:
    report = LoadAccount(np.empty(0, np.int64), ZERO_NS, "load").report()
    assert (report.requests, report.seconds, report.warning) == (0, 0.0, "")
    assert math.isnan(report.latency_p99_s)
    assert math.isnan(report.lateness_p99_s)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    account = filled()
    account.write(tmp_path / "deep" / "account.parquet", {"address": "127.0.0.1:1"})
    found = read_account(tmp_path / "deep" / "account.parquet")
    assert (found.zero_ns, found.run_token, found.id(3)) == (ZERO_NS, "load", "load-3")
    for name in ("due_ns", "sent_ns", "end_ns", "outcome", "reason", "right"):
        np.testing.assert_array_equal(getattr(found, name), getattr(account, name))
    assert found.stage.codes.tolist() == account.stage.codes.tolist()
    assert {name: values.tolist() for name, values in found.numbers.items()} == {
        "a.batch": [2, 0, 0, 0, 0],
        "b.batch": [0, 1, 0, 0, 0],
    }
    assert list(found.texts["a.variant"].names) == ["small", "large"]
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["account.parquet"]


def test_a_stopped_load_is_an_account_of_what_was_sent() -> None:
    found = filled().first(3)
    assert len(found) == 3
    assert found.report().reasons == {"expired": 1}
    assert found.numbers["a.batch"].tolist() == [2, 0, 0]


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet PAR1"])
def test_something_else_is_no_account(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "account.parquet").write_bytes(content)
    with pytest.raises(ResultsError, match="is no account of a load"):
        read_account(tmp_path / "account.parquet")


def test_a_missing_account_is_told() -> None:
    with pytest.raises(ResultsError, match="is no account of a load"):
        read_account(Path("nowhere.parquet"))
