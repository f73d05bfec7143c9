"""Profile files: which rows a variant gets, and what an error says."""

import math
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import ConfigError
from ipa.pipeline.profile_table import ProfileSource, read_profile_table

HEADER = "stage,variant,cores,batch,latency_p99_s,throughput_rps,latency_avg_s,offered_load_rps,series"
ROWS = """
s,v,1,1,0.20,5,0.15,10,a
s,v,1,2,0.30,7,0.25,10,a
s,v,1,1,0.22,5,0.16,20,a
s,v,2,1,0.11,9,0.09,20,b
s,w,1,1,0.50,2,0.45,10,a
t,v,1,1,0.90,1,0.85,10,a
"""


def table(tmp_path: Path, text: str | bytes) -> Any:
    file = tmp_path / "profile.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_profile_table(file)


def error_of(tmp_path: Path, text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, text)
    assert caught.value.file == tmp_path / "profile.csv"
    return caught.value


def test_the_stages_measured_are_known(tmp_path: Path) -> None:
    assert table(tmp_path, HEADER + ROWS).stages == ["s", "t"]


def test_a_profile_takes_the_most_preferred_load_only(tmp_path: Path) -> None:
    measured = table(tmp_path, HEADER + ROWS)
    (profile,) = measured.profiles(ProfileSource("s", ("a",), (10.0, 20.0)), "v")
    assert [(p.batch, p.latency_p99_s) for p in profile.points] == [(1, 0.20), (2, 0.30)]
    (profile,) = measured.profiles(ProfileSource("s", ("a",), (20.0, 10.0)), "v")
    assert [(p.batch, p.latency_p99_s) for p in profile.points] == [(1, 0.22)]


def test_each_number_of_cores_prefers_what_was_measured_there(tmp_path: Path) -> None:
    profiles = table(tmp_path, HEADER + ROWS).profiles(ProfileSource("s", ("a", "b"), (10.0, 20.0)), "v")
    assert [(p.cores, p.points[0].latency_p99_s) for p in profiles] == [(1, 0.20), (2, 0.11)]


def test_series_and_loads_not_named_are_left_out(tmp_path: Path) -> None:
    measured = table(tmp_path, HEADER + ROWS)
    assert [p.cores for p in measured.profiles(ProfileSource("s", ("b",)), "v")] == [2]
    assert measured.profiles(ProfileSource("s", ("c",)), "v") == ()
    assert measured.profiles(ProfileSource("s", ("a",), (5.0,)), "v") == ()


def test_several_rows_for_one_point_are_an_error_rather_than_a_guess(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"s/v: has several rows for 1 cores and batch size 1; choose with"):
        table(tmp_path, HEADER + ROWS).profiles(ProfileSource("s"), "v")


def test_points_are_put_in_the_order_of_their_batch_size(tmp_path: Path) -> None:
    text = HEADER + "\ns,v,1,8,0.8,9,0.7,,\ns,v,1,1,0.2,5,0.15,,\n"
    (profile,) = table(tmp_path, text).profiles(ProfileSource("s"), "v")
    assert [p.batch for p in profile.points] == [1, 8]


def test_a_row_without_a_p99_is_left_out_whatever_else_it_lacks(tmp_path: Path) -> None:
    assert table(tmp_path, HEADER + "\ns,v,1,1,,,,,\n").rows == ()


@pytest.mark.parametrize(("p99", "throughput", "mean"), [("0.5", "10", 0.4), ("0.3", "10", 0.3)])
def test_a_missing_mean_is_derived_from_the_throughput(
    tmp_path: Path, p99: str, throughput: str, mean: float
) -> None:
    (row,) = table(tmp_path, HEADER + f"\ns,v,1,4,{p99},{throughput},,,\n").rows
    assert row.point.latency_mean_s == pytest.approx(mean)


def test_only_the_required_columns_are_needed(tmp_path: Path) -> None:
    (row,) = table(tmp_path, "stage,variant,cores,batch,latency_p99_s,throughput_rps\ns,v,1,1,0.2,5\n").rows
    assert (row.series, math.isnan(row.offered_load_rps)) == ("", True)


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    assert len(table(tmp_path, b"\xef\xbb\xbf" + (HEADER + ROWS).encode()).rows) == 6


@pytest.mark.parametrize(
    ("row", "key", "problem"),
    [
        ("s,v,one,1,0.2,5,,,", "line 3, cores", "must be a number, not 'one'"),
        ("s,v,1,x,0.2,5,,,", "line 3, batch", "must be a number, not 'x'"),
        ("s,v,1,1,-0.2,5,,,", "line 3, latency_p99_s", "must lie between 1e-06 and 1e+06 s, not -0.2"),
        ("s,v,1,1,nan,5,,,", "line 3, latency_p99_s", "between 1e-06 and 1e+06 s, not nan"),
        ("s,v,1,1,0.2,inf,,,", "line 3, throughput_rps", "requests/s, not inf"),
        ("s,v,1,1,0.2,,,,", "line 3, throughput_rps", "must be a number, not ''"),
        (
            "s,v,1.5,1,0.2,5,,,",
            "line 3, cores",
            "must be a whole number between 1 and",
        ),
        ("s,v,1,0,0.2,5,,,", "line 3, batch", "1,000,000 requests, not 0"),
        ("s,v,1,1,0.2,5,-1,,", "line 3, latency_avg_s", "1e+06 s, not -1"),
        ("s,v,1,1,0.2,5,,fast,", "line 3, offered_load_rps", "must be a number, not 'fast'"),
        ("s,v,1,1,1e308,5,,,", "line 3, latency_p99_s", "between 1e-06 and 1e+06 s, not 1e308"),
        ("s,v,1,1,0.2,1e-320,,,", "line 3, throughput_rps", "between 1e-06 and 1e+09 requests/s, not 1e-320"),
        ("s,v,1,1e300,0.2,5,,,", "line 3, batch", "1,000,000 requests, not 1e300"),
        ("s,v,1000000000,1,0.2,5,,,", "line 3, cores", "1,000,000 cores, not 1000000000"),
        ("s,v,1_0,1,0.2,5,,,", "line 3, cores", "must be a number, not '1_0'"),
        ("s,v,²,1,0.2,5,,,", "line 3, cores", "must be a number, not '²'"),
        ('s,v,1,1,"0,2",5,,,', "line 3, latency_p99_s", "not '0,2'; write a decimal point"),
        ("s, v,1,1,0.2,5,,,", "line 3, variant", "has spaces around the text: ' v'; remove them"),
        ("s ,v,1,1,0.2,5,,,", "line 3, stage", "has spaces around the text: 's '"),
        ("s,v,1,1,0.2,5,,,b ", "line 3, series", "has spaces around the text: 'b '"),
        ("s,v,1,1,0.2", "line 3", "must have 9 fields"),
        ("s,v,1,1,0.2,5,,,,,", "line 3", "must have 9 fields"),
    ],
)
def test_a_wrong_value_names_line_column_and_domain(tmp_path: Path, row: str, key: str, problem: str) -> None:
    error = error_of(tmp_path, f"{HEADER}\ns,v,1,8,0.2,5,,,\n{row}\n")
    assert error.key == key
    assert problem in error.problem


def test_blank_lines_do_not_shift_line_numbers(tmp_path: Path) -> None:
    assert error_of(tmp_path, f"{HEADER}\n\n\ns,v,x,1,0.2,5,,,\n").key == "line 4, cores"


def test_missing_columns_are_listed(tmp_path: Path) -> None:
    error = error_of(tmp_path, "stage,variant,cores\ns,v,1\n")
    assert error.problem.startswith("lacks the columns batch, latency_p99_s, throughput_rps; required: stage")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda text: text.replace(",", ";"),
            "is separated by semicolons; use commas",
        ),
        (lambda text: text.replace(",", "\t"), "is separated by tabs; use commas"),
        (lambda text: text.replace(",", ", "), "has spaces around ' variant'; remove them"),
        (lambda text: text.replace("series", "cores"), "names the column 'cores' twice"),
    ],
)
def test_a_header_of_another_form_is_named(tmp_path: Path, change: Any, problem: str) -> None:
    error = error_of(tmp_path, change(HEADER + ROWS))
    assert (error.key, error.problem) == ("header", problem)


def test_numbers_may_have_spaces_around_them(tmp_path: Path) -> None:
    (row,) = table(tmp_path, HEADER + "\ns,v, 1, 4, 0.5 ,10,,,\n").rows
    assert (row.cores, row.point.batch, row.point.latency_p99_s, row.line) == (1, 4, 0.5, 2)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_lacks_all_columns(tmp_path: Path, text: str) -> None:
    assert "lacks the columns stage" in error_of(tmp_path, text).problem


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    assert "UTF-8" in error_of(tmp_path, HEADER.encode() + b"\ns,\xe9,1,1,0.2,5,,,\n").problem


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_profile_table(tmp_path / "none.csv")
