"""What the numbers of a load file mean; each format is one function from its text to requests per second.

``rates``
    Requests in each second: one whole number a line, or all in one line; or rows under a header that names a
    time and a rate (``time,rate``), one second after the other.
``timestamps``
    One request a line: the time when it arrived, in seconds, as epoch (s, ms, µs, ns by magnitude) or in ISO
    8601; or rows under a header that names a time (BurstGPT, Azure LLM and Functions 2021). Second 0 is
    that of the first request.
``per-minute``
    Requests in each minute: one a line, all in one line, rows under a header that names a time and a count,
    or one row per function with the columns 1, 2, ..., 1440 (Azure Functions 2019), which are added up. A
    table that names times only holds one request a row; they are counted per minute. The requests of a
    minute are spread evenly over its seconds.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from ipa.errors import TraceError, brief
from ipa.limits import DURATION_S, REQUESTS_PER_SECOND
from ipa.workload.load_text import COUNT_COLUMNS, TIME_COLUMNS, LoadText
from ipa.workload.stamps import Seconds, stamps_s
from ipa.workload.workload import Rates

LoadFormat = Literal["rates", "timestamps", "per-minute"]
Gaps = Literal["refuse", "fill"]

MINUTE_S = 60

_BLANKS = " \t"
_ASK_TIMESTAMPS = "if these are times of requests, say --timestamps"
_ONE_A_LINE = "give one whole number a line, without units or separators of thousands"


def read_rates(load: LoadText, gaps: Gaps = "refuse") -> Rates:
    """Read requests per second."""
    if not load.header:
        return _check(load, plain_counts(load, REQUESTS_PER_SECOND.high), 1)
    count = load.column(COUNT_COLUMNS)
    if count is None:
        minutes = "1" in load.header
        raise load.fault(
            1,
            load.lines[0],
            f"names {'minutes' if minutes else 'times'} but no rate ({', '.join(COUNT_COLUMNS[:4])}, ...)",
            f"say {'--per-minute' if minutes else '--timestamps'}",
        )
    return _check(load, _timed_counts(load, count, 1, gaps), 1)


def read_timestamps(load: LoadText, gaps: Gaps = "refuse") -> Rates:  # noqa: ARG001 (silent seconds are no gap)
    """Count the requests of each second from their times."""
    return _check(load, _per_bin(_stamps(load), 1.0), 1)


def read_per_minute(load: LoadText, gaps: Gaps = "refuse") -> Rates:
    """Spread the requests of each minute evenly over its seconds."""
    return _spread(_check(load, _minute_counts(load, gaps), MINUTE_S))


LOAD_FORMATS: dict[LoadFormat, Callable[[LoadText, Gaps], Rates]] = {
    "rates": read_rates,
    "timestamps": read_timestamps,
    "per-minute": read_per_minute,
}


def plain_counts(load: LoadText, most: float) -> Rates:
    """Read whole numbers, one a line, or all in the only line there is."""
    lines = [line.strip(_BLANKS) for line in load.lines]
    cells = [cell for cell in lines[0].replace("\t", " ").split(" ") if cell] if len(lines) == 1 else lines
    counts = _whole_numbers(cells)
    if counts is None or counts.max() > most:
        wrong = next(place for place, cell in enumerate(cells) if not _is_count(cell, most))
        where = f"number {wrong + 1}" if len(lines) == 1 else f"line {wrong + 1}"
        problem, advice = _problem(cells[wrong], most)
        raise TraceError(f"{load.path}: {where} {problem}: {brief(cells[wrong])!r}; {advice}")
    return counts


def _is_count(cell: str, most: float) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) < 19 and int(cell) <= most


def _whole_numbers(cells: Sequence[str]) -> Rates | None:
    digits, lengths = "".join(cells), set(map(len, cells))
    if not (digits.isascii() and digits.isdigit() and min(lengths) >= 1 and max(lengths) < 19):
        return None
    # All at once: a trace has two million numbers, and every process of a reproduction reads it.
    return np.fromstring(" ".join(cells), np.int64, sep=" ")


def _problem(cell: str, most: float) -> tuple[str, str]:
    """Return what is wrong with what should be a whole number, and what to do."""
    if not cell:
        return "is blank", "write 0 where nothing arrives"
    if cell.isascii() and cell.isdigit():
        return f"is more than {most:,} requests", _ASK_TIMESTAMPS
    if len(cell.split()) > 1:
        return f"holds {len(cell.split())} values", f"{_ONE_A_LINE}, or a header such as time,rate"
    if cell[0] == "-" and cell[1:].isdigit():
        return "is negative", "a load has 0 requests at least"
    if re.fullmatch(r"\+?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell):
        return "is not a whole number", f"round it, and {_ASK_TIMESTAMPS}"
    return "is not a whole number", f"{_ONE_A_LINE}, or a header such as time,rate"


def _counts(load: LoadText, cells: Sequence[str], most: float) -> Rates:
    """Read a column of counts; 12.0 is a whole number here, because many programs write it so."""
    stripped = [cell.strip().removesuffix(".0") for cell in cells]
    counts = _whole_numbers(stripped)
    if counts is None or counts.max() > most:
        wrong = next(place for place, cell in enumerate(stripped) if not _is_count(cell, most))
        raise load.fault(wrong + 2, stripped[wrong], *_problem(stripped[wrong], most))
    return counts


def _columns(load: LoadText, *places: int) -> list[list[str]]:
    columns: list[list[str]] = [[] for _ in places]
    for _, cells in load.rows():
        for column, place in zip(columns, places, strict=True):
            column.append(cells[place])
    if not columns[0]:
        raise TraceError(f"{load.path} holds a header but no rows")
    return columns


def _timed_counts(load: LoadText, count: int, bin_s: int, gaps: Gaps) -> Rates:
    """Read counts per second or minute that stand beside their times."""
    most = REQUESTS_PER_SECOND.high * bin_s
    time = load.column(TIME_COLUMNS)
    if time is None:
        return _counts(load, _columns(load, count)[0], most)
    times, counts = _columns(load, time, count)
    steps = _steps(load, times, bin_s, gaps)
    rates = np.zeros(steps[-1] + 1, dtype=np.int64)
    rates[steps] = _counts(load, counts, most)
    return rates


def _steps(load: LoadText, cells: Sequence[str], bin_s: int, gaps: Gaps) -> Rates:
    """Return the second (or minute) of every row, counted from the first; each has to be after the last."""
    times = stamps_s(load, cells, first_line=2)
    steps = times - times[0]
    if bin_s > 1 and len(steps) > 1 and not (steps % bin_s).any():
        steps = steps / bin_s
    what = "second" if bin_s == 1 else "minute"
    whole = np.rint(steps)
    for wrong, problem in (
        (np.abs(steps - whole) > 1e-3, f"is no whole number of {what}s after the first row"),
        (np.diff(whole, prepend=-1) <= 0, "is not after the row before"),
    ):
        if wrong.any():
            place = int(wrong.argmax())
            raise load.fault(place + 2, cells[place], problem)
    _demand_steps_of_one(load, cells, np.diff(whole), what, gaps)
    steps_of_rows: Rates = whole.astype(np.int64)
    return steps_of_rows


def _demand_steps_of_one(load: LoadText, cells: Sequence[str], jumps: Seconds, what: str, gaps: Gaps) -> None:
    if not (jumps > 1).any():
        return
    place = int((jumps > 1).argmax()) + 1
    if len(jumps) > 1 and jumps.min() > 1:
        problem = f"is {jumps.min():.0f} {what}s after the row before, and none is nearer to its own"
        advice = "for counts per minute, say --per-minute" if what == "second" else "give a row a minute"
        raise load.fault(place + 2, cells[place], problem, advice)
    if gaps == "refuse":
        missing = f"leaves out {jumps[place - 1] - 1:.0f} {what}s"
        raise load.fault(place + 2, cells[place], missing, "--gaps fill puts 0 requests there")


def _stamps(load: LoadText) -> Seconds:
    if not load.header:
        return stamps_s(load, load.lines[0].split() if len(load.lines) == 1 else load.lines, first_line=1)
    time = load.column(TIME_COLUMNS)
    if time is None:
        raise load.fault(1, load.lines[0], "names no time", f"allowed are {', '.join(TIME_COLUMNS)}")
    if (count := load.column(COUNT_COLUMNS)) is not None:
        problem = f"names the column {load.header[count]}, so a row is not one request"
        raise load.fault(1, load.lines[0], problem, "leave --timestamps out")
    return stamps_s(load, _columns(load, time)[0], first_line=2)


def _per_bin(times_s: Seconds, bin_s: float) -> Rates:
    bins = np.floor(times_s / bin_s).astype(np.int64)
    counts: Rates = np.bincount(bins - bins.min()).astype(np.int64)
    return counts


def _minute_counts(load: LoadText, gaps: Gaps) -> Rates:
    if not load.header:
        return plain_counts(load, REQUESTS_PER_SECOND.high * MINUTE_S)
    if "1" in load.header:
        return _sum_of_rows(load)
    count = load.column(COUNT_COLUMNS)
    return _per_bin(_stamps(load), MINUTE_S) if count is None else _timed_counts(load, count, MINUTE_S, gaps)


def _sum_of_rows(load: LoadText) -> Rates:
    """Add up the rows of a table with one column per minute: 1, 2, and so on to the last."""
    first = load.header.index("1")
    minutes = load.header[first:]
    if minutes != tuple(str(minute) for minute in range(1, len(minutes) + 1)):
        raise load.fault(1, load.lines[0], f"must end with the columns 1 to {len(minutes)}, one per minute")
    total = np.zeros(len(minutes), dtype=np.int64)
    for number, cells in load.rows():
        row = _whole_numbers([cell.strip() for cell in cells[first:]])
        if row is None or total.max() + row.max() > REQUESTS_PER_SECOND.high * MINUTE_S:
            raise load.fault(
                number, ",".join(cells[first:]), "must hold whole numbers of requests per minute"
            )
        total += row
    if len(load.lines) == 1:
        raise TraceError(f"{load.path} holds a header but no rows")
    return total


def _spread(minutes: Rates) -> Rates:
    """Spread each minute's requests so that every part of it has its share to within one request."""
    ends = np.arange(MINUTE_S + 1)
    until = minutes[:, None] * ends // MINUTE_S
    rates: Rates = np.diff(until, axis=1).ravel()
    return rates


def _check(load: LoadText, counts: Rates, bin_s: int) -> Rates:
    if len(counts) * bin_s > DURATION_S.high:
        raise TraceError(
            f"{load.path} is a load of {len(counts) * bin_s:,} s; at most {DURATION_S.high:,} s are read"
        )
    return counts
