"""Load files: what each format means, and that nothing else is taken for a load."""

import gzip
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, TraceError, UnknownNameError
from ipa.limits import DURATION_S, REQUESTS
from ipa.workload import describe_trace, load_trace, load_workload
from ipa.workload.load_formats import _spread


@pytest.fixture
def rates(tmp_path: Path) -> Any:
    """Read a text as a load file; the same through every door."""

    def read(text: str, load_format: str = "rates", gaps: str = "refuse") -> Any:
        file = tmp_path / "load"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = load_trace(file, load_format=load_format, gaps=gaps)
        info = describe_trace(file, load_format, gaps)
        workload = load_workload(str(file), load_format=load_format, gaps=gaps)
        assert (info.n_s, info.total_requests) == (len(found), found.sum())
        assert workload.rates_rps.tolist() == found.tolist()
        return found.tolist()

    return read


@pytest.fixture
def refusal(rates: Callable[..., list[int]]) -> Any:
    """Return what is said about a text that is no load of a format, without the name of the file."""

    def read(text: str, load_format: str = "rates", gaps: str = "refuse") -> Any:
        with pytest.raises(TraceError) as caught:
            rates(text, load_format, gaps)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 500
        return message.split("/load", 1)[1].removeprefix(": ")

    return read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 15 9 11\n", [12, 15, 9, 11]),
        ("12\n15\n9\n", [12, 15, 9]),
        ("7\n\n\n", [7]),
        ("007\n0\n", [7, 0]),
        ("rps\n5\n7\n", [5, 7]),
        ("time,rate\n0,12\n1,15\n", [12, 15]),
        ("Time;RPS\n10;12\n11;15.0\n", [12, 15]),
        ("rate_rps\ttime_s\n4\t0\n5\t1\n", [4, 5]),
        ('"timestamp","requests"\n"2024-05-01T00:00:00Z","4"\n"2024-05-01T00:00:01Z","6"\n', [4, 6]),
        ("ts,count,host\n1700000000,4,a\n1700000001,6,b\n", [4, 6]),
        ("time,rate\n1700000000000,4\n1700000001000,6\n", [4, 6]),
    ],
)
def test_requests_per_second_are_read(rates: Callable[..., list[int]], text: str, found: list[int]) -> None:
    assert rates(text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("12\n15\n\n\n9\n", "line 3 is blank: ''; write 0 where nothing arrives"),
        ("\n12\n15\n", "line 1 is blank"),
        (
            "1 200\n1 350\n900\n",
            "line 1 holds 2 values: '1 200'; give one whole number a line, without units",
        ),
        ("5\n1,200\n", "line 2 is not a whole number: '1,200'"),
        ("5\n1'200\n", "line 2 is not a whole number"),
        ("1 2\n3\n", "line 1 holds 2 values"),
        ("0 12\n1 15\n", "line 1 holds 2 values: '0 12'; .* header such as time,rate"),
        ("0,12\n1,15\n", "line 1 is not a whole number: '0,12'; .* header such as time,rate"),
        ("5\n-1\n", "line 2 is negative: '-1'"),
        ("5\nnan\n", "line 2 is not a whole number: 'nan'"),
        ("5\ninf\n", "line 2 is not a whole number: 'inf'"),
        ("5\n1.5\n", "line 2 is not a whole number: '1.5'; round it, and if these are times .* --timestamps"),
        ("5\n²\n", "line 2 is not a whole number"),
        ("5\n٣\n", "line 2 is not a whole number"),
        ("5\n1_000\n", "line 2 is not a whole number"),
        ("# a comment\n5\n", "line 1 holds 3 values"),
        ("foo,bar\n1,2\n", "line 1 is not a whole number: 'foo,bar'; .* header such as time,rate"),
        ("804571201\n804571201\n", r"line 1 is more than 10,000,000 requests: .*--timestamps"),
        ("1700000000123\n1700000000125\n", r"line 1 is more than 10,000,000 requests: .*--timestamps"),
        (
            "time,rate\n0,12\n5,15\n6,1\n",
            "line 3 leaves out 4 seconds: '5'; --gaps fill puts 0",
        ),
        ("time,rate\n0,12\n60,15\n120,1\n", "line 3 is 60 seconds after the row before, .*--per-minute"),
        ("time,rate\n0,12\n0,15\n", "line 3 is not after the row before"),
        ("time,rate\n1,12\n0,15\n", "line 3 is not after the row before"),
        ("time,rate\n0,12\n0.5,15\n", "line 3 is no whole number of seconds after the first row: '0.5'"),
        ("time,rate\n0,12\n1\n", "line 3 has 1 fields, the header has 2"),
        ("time,rate\n0,12\n\n1,3\n", "line 3 is blank"),
        ("time,rate\n0,12\n1,\n", "line 3 is blank: ''; write 0"),
        ("time,rate\n0,1.5\n", "line 2 is not a whole number: '1.5'"),
        ("time,rate\n0,-1\n", "line 2 is negative"),
        ("time,rate\n0,1\n-1,1\n", "line 3 is no time: it must be finite and not negative"),
        ("time,rate\n0,1\nnan,1\n", "line 3 is no time stamp"),
        ("time,rate\n", " holds a header but no rows"),
        ("Timestamp,Model\n0,a\n", "line 1 names times but no rate .*; say --timestamps"),
        (
            "HashOwner,HashApp,HashFunction,Trigger,1,2\na,b,c,http,1,2\n",
            "line 1 names minutes .* --per-minute",
        ),
        ("", " is empty"),
        ("5\n7\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"PK\x03\x04", "is a zip archive; unpack it first"),
    ],
)
def test_what_is_no_list_of_rates_is_refused_with_its_place(
    refusal: Callable[..., str], text: str, says: str
) -> None:
    assert re.match(says, refusal(text))


def test_gaps_are_filled_with_nothing_when_asked(rates: Callable[..., list[int]]) -> None:
    assert rates("time,rate\n0,12\n5,15\n6,1\n", gaps="fill") == [12, 0, 0, 0, 0, 15, 1]


def test_coarser_rows_are_not_filled_up(refusal: Callable[..., str]) -> None:
    assert "--per-minute" in refusal("time,rate\n0,12\n60,15\n120,1\n", gaps="fill")


AZURE_LLM = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319569,3180,8
"""
BURST_GPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45.0,ChatGPT,1087,230,1317,Conversation log
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7\n7.2\n7.99\n9\n", [3, 0, 1]),
        ("9\n7.2\n7\n", [2, 0, 1]),
        ("0.5 1.5 1.6\n", [1, 2]),
        ("804571201\n804571201\n804571202\n804571204\n", [2, 1, 0, 1]),
        ("1700000000999\n1700000001000\n", [1, 1]),
        ("1700000000999999\n1700000001000000\n", [1, 1]),
        ("1.7e9\n1.700000001e9\n", [1, 1]),
        ("2024-05-01T00:00:00.5Z\n2024-05-01T00:00:02+00:00\n", [1, 0, 1]),
        (AZURE_LLM, [1, 1]),
        (BURST_GPT, [1, *[0] * 39, 1]),
        ("app,func,end_timestamp,duration\na,b,0.07,0.04\na,b,1.2,0.1\n", [1, 1]),
    ],
)
def test_times_of_requests_are_counted_per_second(
    rates: Callable[..., list[int]], text: str, found: list[int]
) -> None:
    assert rates(text, "timestamps") == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1\n\n2\n", "line 2 is blank"),
        ("1\nx\n", "line 2 is no time stamp"),
        ("1\n-2\n", "line 2 is no time: it must be finite and not negative"),
        ("1\ninf\n", "line 2 is no time stamp"),
        ("1\n1e400\n", "line 2 is no time: it must be finite"),
        ("1\n" + "9" * 400 + "\n", "line 2 is no time: it must be finite"),
        ("1\n1700000000\n", "line 2 is 1.7e+09 s after line 1 (1): '1700000000'; a load lasts at most"),
        ("1700000000\n1700000000000\n", "line 2 is in another unit than line 1"),
        ("2024-13-01\n", "line 1 is no time stamp (in ISO 8601)"),
        ("1,2\n3,4\n", "line 1 is no time stamp"),
        ("time,rate\n0,12\n", "line 1 names the column rate, so a row is not one request"),
        ("count\n12\n", "line 1 names no time"),
        ("5 6\n7\n", "line 1 is no time stamp"),
    ],
)
def test_what_is_no_list_of_times_is_refused_with_its_place(
    refusal: Callable[..., str], text: str, says: str
) -> None:
    assert refusal(text, "timestamps").startswith(says)


AZURE = "HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f,http,60,0,1\no,a,g,timer,60,30,0\n"


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("120\n30\n1\n", [120, 30, 1]),
        ("120 30 1\n", [120, 30, 1]),
        (AZURE, [120, 30, 1]),
        ("minute,count\n0,120\n1,30\n2,1\n", [120, 30, 1]),
        ("time,requests\n0,120\n60,30\n120,1\n", [120, 30, 1]),
        ("time,requests\n2024-05-01T00:00,120\n2024-05-01T00:01,30\n2024-05-01T00:02,1\n", [120, 30, 1]),
        ("Timestamp,Model\n5,a\n59.9,a\n60,b\n", [2, 1]),
    ],
)
def test_requests_per_minute_are_spread_over_its_seconds(
    rates: Callable[..., list[int]], text: str, minutes: list[int]
) -> None:
    found = rates(text, "per-minute")
    assert np.add.reduceat(found, range(0, len(found), 60)).tolist() == minutes
    assert len(found) == 60 * len(minutes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (AZURE.replace("30", "x"), "line 3 must hold whole numbers of requests per minute"),
        (AZURE.replace("30", "-3"), "line 3 must hold whole numbers"),
        (AZURE.replace("1,2,3", "1,2,4"), "line 1 must end with the columns 1 to 3"),
        (AZURE.replace(",30,0", ",30"), "line 3 has 6 fields, the header has 7"),
        (AZURE[: AZURE.index("\n")], " holds a header but no rows"),
        ("120\n\n1\n", "line 2 is blank"),
        ("minute,count\n0,120\n3,1\n4,1\n", "line 3 leaves out 2 minutes"),
        ("1700000000\n1\n", "line 1 is more than 600,000,000 requests"),
    ],
)
def test_what_is_no_list_of_minutes_is_refused_with_its_place(
    refusal: Callable[..., str], text: str, says: str
) -> None:
    assert refusal(text, "per-minute").startswith(says)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_spreading_a_minute_keeps_its_sum_and_is_even(minutes: list[int]) -> None:
    rates_rps = _spread(np.array(minutes)).reshape(-1, 60)
    assert rates_rps.sum(axis=1).tolist() == minutes
    assert (rates_rps.max(axis=1) - rates_rps.min(axis=1) <= 1).all()


def test_a_load_of_too_many_seconds_is_refused(refusal: Callable[..., str]) -> None:
    assert "at most 10,000,000 s are read" in refusal("0\n" * (DURATION_S.high // 60 + 1), "per-minute")


def test_epoch_times_taken_for_rates_allocate_nothing(tmp_path: Path) -> None:
    file = tmp_path / "epoch.txt"
    file.write_text("804571201\n" * 6)
    tracemalloc.start()
    with pytest.raises(TraceError, match="--timestamps"):
        load_workload(str(file))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_too_many_requests_are_refused_before_they_are_made(tmp_path: Path) -> None:
    file = tmp_path / "much.txt"
    file.write_text("4000000\n" * 3)
    with pytest.raises(InvalidValueError, match=f"12,000,000 requests, .* at most {REQUESTS.high:,}"):
        load_workload(str(file))
    assert load_workload(str(file), duration_s=2).total_requests == 8_000_000
    with pytest.raises(InvalidValueError, match="1,999,999,998 requests"):
        load_workload("constant-999999999", duration_s=2)
    with pytest.raises(InvalidValueError, match="between 1 and 10,000,000 s, not 99999999999"):
        load_workload("constant-1", duration_s=99999999999)


def test_a_load_that_never_falls_is_warned_of(
    rates: Callable[..., list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    rates("7\n31\n96\n96\n251\n260\n")
    assert "the numbers never fall; if these are times of requests, say --timestamps" in caplog.text
    caplog.clear()
    rates("5\n5\n5\n9\n9\n9\n")
    rates("7\n31\n96\n251\n2\n")
    rates("7\n31\n96\n251\n", "per-minute")
    assert not caplog.text


def test_only_files_have_a_format() -> None:
    with pytest.raises(InvalidValueError, match="only a file has the format timestamps; bursty is no file"):
        load_workload("bursty", load_format="timestamps")
    with pytest.raises(UnknownNameError, match="allowed: rates, timestamps, per-minute"):
        load_trace(__file__, load_format="hourly")
    with pytest.raises(UnknownNameError, match="allowed: refuse, fill"):
        load_trace(__file__, gaps="guess")


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_bytes(gzip.compress(b"5\n6\n"))
    assert load_workload(str(file)).rates_rps.tolist() == [5, 6]
    file.write_bytes(gzip.compress(b"5\n6\n7\n"))
    assert load_workload(str(file)).rates_rps.tolist() == [5, 6, 7]
