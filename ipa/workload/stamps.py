"""Time stamps of any usual kind as seconds: numbers since a start or the epoch, or ISO 8601."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ipa.limits import DURATION_S
from ipa.workload.load_text import LoadText

_PER_SECOND = {1e17: 1e9, 1e14: 1e6, 1e11: 1e3}
"""From these magnitudes on a number counts nanoseconds, microseconds, milliseconds since 1970."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NUMBER_CHARACTERS = str.maketrans("", "", "0123456789.")
"""Translates a plain number into nothing."""

Seconds = NDArray[np.float64]


def stamps_s(load: LoadText, cells: Sequence[str], first_line: int) -> Seconds:
    """Return time stamps in seconds.

    Parameters
    ----------
    load
        The file, for messages.
    cells
        One time stamp each.
    first_line
        Line of the first one; the others follow line by line.

    Raises
    ------
    TraceError
        If one is no time stamp, is negative, or counts in another unit than the first.
    """
    stripped = [cell.strip().strip('"') for cell in cells]
    times = _all_at_once(stripped)
    if times is None:
        times = _one_by_one(load, stripped, first_line)
    return _in_seconds(load, times, stripped, first_line)


def _all_at_once(cells: Sequence[str]) -> Seconds | None:
    """Return plain numbers; None if there is anything else, which has to be looked at one by one."""
    if "".join(cells).translate(_NUMBER_CHARACTERS):
        return None
    try:
        times = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return times if np.isfinite(times).all() else None


def _one_by_one(load: LoadText, cells: Sequence[str], first_line: int) -> Seconds:
    read = float if _NUMBER.fullmatch(cells[0]) else _iso_s
    times = np.empty(len(cells))
    for place, cell in enumerate(cells):
        try:
            if read is float and not _NUMBER.fullmatch(cell):
                raise ValueError
            times[place] = read(cell)
        except (ValueError, OverflowError):
            problem = "is blank" if not cell else "is no time stamp"
            kind = "like the first one, a number of seconds" if read is float else "in ISO 8601"
            raise load.fault(first_line + place, cell, f"{problem} ({kind})") from None
        if not 0 <= times[place] < math.inf:
            raise load.fault(first_line + place, cell, "is no time: it must be finite and not negative")
    return times


def _iso_s(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _in_seconds(load: LoadText, times: Seconds, cells: Sequence[str], first_line: int) -> Seconds:
    earliest, latest = int(times.argmin()), int(times.argmax())
    units = [_per_second(float(times[place])) for place in (earliest, latest)]
    span_s = (times[latest] - times[earliest]) / units[1]
    if units[0] == units[1] and span_s < DURATION_S.high:
        return times / units[1]
    how = "in another unit than" if units[0] != units[1] else f"{span_s:.3g} s after"
    raise load.fault(
        first_line + latest,
        cells[latest],
        f"is {how} line {first_line + earliest} ({_cut(cells[earliest])})",
        f"a load lasts at most {DURATION_S.high:,} s",
    )


def _cut(text: str) -> str:
    """Return a number as it stands in the file, cut where it is absurdly long."""
    return text if len(text) <= 24 else f"{text[:24]}..."


def _per_second(time: float) -> float:
    return next((unit for magnitude, unit in _PER_SECOND.items() if time >= magnitude), 1.0)
