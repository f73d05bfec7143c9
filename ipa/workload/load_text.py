"""The text of a load file: its lines, its table if it has a header, and errors that name the line."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ipa.errors import TraceError, brief

TIME_COLUMNS = (
    *("time", "time_s", "t", "second", "seconds", "second_s", "minute", "timestamp", "timestamp_s", "ts"),
    *(
        "date",
        "datetime",
        "arrival",
        "arrival_s",
        "arrival_time",
        "arrived_at",
        "start_time",
        "end_timestamp",
    ),
)
"""Headers of a column of times, in small letters."""

COUNT_COLUMNS = (
    *("rate", "rate_rps", "rps", "requests", "requests_per_second", "request_count", "count", "counts"),
    *("load", "invocations", "arrivals", "value"),
)
"""Headers of a column of counts, in small letters."""

_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class LoadText:
    """What a load file holds.

    Parameters
    ----------
    path
        The file, for messages.
    text
        Its text, with line ends of any system.
    """

    path: Path
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Lines in order; white space at the end of the file is no line."""
        text = self.text.rstrip()
        if not text:
            raise TraceError(f"{self.path} is empty; a load file holds one whole number per second")
        return re.split(r"\r\n|\r|\n", text)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Names of the columns in small letters; none if the first line names no column that is known."""
        names = tuple(cell.strip().strip('"').lower() for cell in self.lines[0].split(self._separator))
        known = {*TIME_COLUMNS, *COUNT_COLUMNS} | ({"1", "2"} if names[0][:1].isalpha() else set())
        return names if known.intersection(names) and not names[0][:1].isdigit() else ()

    @cached_property
    def _separator(self) -> str:
        counts = {separator: self.lines[0].count(separator) for separator in _SEPARATORS}
        return max(counts, key=lambda separator: counts[separator])

    def column(self, names: Sequence[str]) -> int | None:
        """Return the place of the first column that has one of these names; None if there is none."""
        return next((place for place, name in enumerate(self.header) if name in names), None)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each line below the header."""
        for number, line in enumerate(self.lines[1:], start=2):
            cells = self._cells(number, line) if '"' in line else line.split(self._separator)
            if len(cells) != len(self.header):
                problem = f"has {len(cells)} fields, the header has {len(self.header)}"
                raise self.fault(number, line, problem if line.strip() else "is blank")
            yield number, cells

    def _cells(self, number: int, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._separator))
        except csv.Error as error:
            raise self.fault(number, line, f"is no row of a CSV file ({error})") from error

    def fault(self, line: int, content: str, problem: str, advice: str = "") -> TraceError:
        """Return the error about a line: what it holds, what is wrong with it, what to do."""
        return TraceError(
            f"{self.path}: line {line} {problem}: {brief(content)!r}{f'; {advice}' if advice else ''}"
        )
