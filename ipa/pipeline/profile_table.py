"""A CSV file of measurements: one row per stage, variant, cores, batch size, offered load and series."""

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ipa.errors import ConfigError, UnreadableFileError, brief
from ipa.file_stamps import FileStamp, file_stamp
from ipa.files import read_text
from ipa.limits import BATCH, CORES, LATENCY_S, TABLE_BYTES, TABLE_ROWS, THROUGHPUT_RPS, Range
from ipa.pipeline.profiles import Profile, ProfilePoint

REQUIRED = ("stage", "variant", "cores", "batch", "latency_p99_s", "throughput_rps")
"""Columns a profile file must have; latency_avg_s, offered_load_rps, series and kind are optional."""

_RANGES = {
    "cores": CORES,
    "batch": BATCH,
    "latency_p99_s": LATENCY_S,
    "latency_avg_s": LATENCY_S,
    "throughput_rps": THROUGHPUT_RPS,
    "offered_load_rps": THROUGHPUT_RPS,
}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:nan|inf|infinity)")


class Lines(Protocol):
    """What ``csv.reader`` returns: the cells of each line, and the number of the last line read."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class ProfileSource:
    """Which rows of a table a stage takes.

    Parameters
    ----------
    stage
        Stage name in the table.
    series
        Profiling series in order of preference; all rows if empty.
    offered_load_rps
        Offered loads in order of preference; all rows if empty.
    """

    stage: str
    series: tuple[str, ...] = ()
    offered_load_rps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """A row of the table whose latency is known: what it says, its line, and whether it states a mean."""

    stage: str
    variant: str
    cores: int
    series: str
    offered_load_rps: float
    point: ProfilePoint
    line: int
    mean_given: bool


@dataclass(frozen=True)
class ProfileTable:
    """The measurements of a file.

    Parameters
    ----------
    file
        Where they were read from.
    rows
        The measurements.
    """

    file: Path
    rows: tuple[Measurement, ...]

    @property
    def stages(self) -> list[str]:
        """Names of the stages measured."""
        return sorted({row.stage for row in self.rows})

    def rows_of(self, source: ProfileSource, variant: str) -> dict[int, tuple[Measurement, ...]]:
        """Return the rows that count for a variant by cores, in ascending batch size.

        The rows for some cores come from the most preferred series and offered load that have measurements on
        that many cores, so that batch sizes are comparable.

        Raises
        ------
        ConfigError
            If two of the rows taken are for the same cores and batch size.
        """
        groups: dict[int, dict[tuple[int, int], dict[int, Measurement]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for row in self.rows:
            rank = _preference(source, row)
            if row.stage == source.stage and row.variant == variant and rank is not None:
                rows = groups[row.cores][rank]
                if row.point.batch in rows:
                    raise ConfigError(
                        self.file,
                        f"{source.stage}/{variant}",
                        f"has several rows for {row.cores} cores and batch size {row.point.batch}; choose"
                        " with the keys series and offered_load_rps of the stage's profile, or remove one",
                    )
                rows[row.point.batch] = row
        return {
            cores: tuple(row for _, row in sorted(ranked[min(ranked)].items()))
            for cores, ranked in sorted(groups.items())
        }

    def profiles(self, source: ProfileSource, variant: str) -> tuple[Profile, ...]:
        """Return the profiles of a variant, one per number of cores; see :meth:`rows_of`."""
        return tuple(
            Profile(cores, tuple(row.point for row in rows))
            for cores, rows in self.rows_of(source, variant).items()
        )


def _preference(source: ProfileSource, row: Measurement) -> tuple[int, int] | None:
    """Rank a row by the order in which the source names its series and load; None if it names neither."""
    try:
        return (
            source.series.index(row.series) if source.series else 0,
            source.offered_load_rps.index(row.offered_load_rps) if source.offered_load_rps else 0,
        )
    except ValueError:
        return None


def read_profile_table(file: Path) -> ProfileTable:
    """Read and validate a profile file; it is read again only when it has changed.

    Parameters
    ----------
    file
        A CSV file with the columns of ``REQUIRED``. Rows without a p99 latency say nothing about a decision
        and are left out. A missing mean latency is derived from the throughput.

    Raises
    ------
    ConfigError
        If a column is missing or a value is outside its domain; names the line.
    """
    return _read(file, file_stamp(file))


@lru_cache(maxsize=16)
def _read(file: Path, _stamp: FileStamp) -> ProfileTable:
    try:
        text = read_text(file, TABLE_BYTES)
    except UnreadableFileError as error:
        raise ConfigError(file, "", error.problem) from error
    return parse_profile_table(file, text)


def parse_profile_table(file: Path, text: str) -> ProfileTable:
    """Return the table that a text holds; ``file`` is where it comes from, as it reads in an error.

    Raises
    ------
    ConfigError
        As :func:`read_profile_table`.
    """
    try:
        return ProfileTable(file, _measurements(file, csv.reader(io.StringIO(text, newline=""))))
    except csv.Error as error:
        raise ConfigError(file, "", f"is not a CSV file: {error}") from error


def _measurements(file: Path, reader: "Lines") -> tuple[Measurement, ...]:
    header = next((cells for cells in reader if cells), [])
    _check_header(file, header)
    measurements: list[Measurement] = []
    for cells in reader:
        if cells:
            line = f"line {reader.line_num}"
            if len(cells) != len(header):
                raise ConfigError(file, line, f"must have {len(header)} fields, has {len(cells)}")
            row = _measurement(file, reader.line_num, dict(zip(header, cells, strict=True)))
            measurements += [] if row is None else [row]
        if len(measurements) > TABLE_ROWS:
            raise ConfigError(file, "", f"has more than {TABLE_ROWS:,} rows")
    return tuple(measurements)


def _check_header(file: Path, header: Sequence[str]) -> None:
    missing = [column for column in REQUIRED if column not in header]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if missing and any(separator in cell for cell in header):
            raise ConfigError(file, "header", f"is separated by {name}; use commas")
    spaced = [cell for cell in header if cell != cell.strip()]
    if spaced:
        raise ConfigError(file, "header", f"has spaces around {brief(spaced[0])!r}; remove them")
    if missing:
        raise ConfigError(
            file, "header", f"lacks the columns {', '.join(missing)}; required: {', '.join(REQUIRED)}"
        )
    twice = [cell for cell in header if header.count(cell) > 1]
    if twice:
        raise ConfigError(file, "header", f"names the column {brief(twice[0])!r} twice")


def _measurement(file: Path, line: int, record: dict[str, str]) -> Measurement | None:
    for key in ("stage", "variant", "series"):
        if (text := record.get(key, "")) != text.strip():
            raise ConfigError(
                file, f"line {line}, {key}", f"has spaces around the text: {brief(text)!r}; remove them"
            )
    if not record["latency_p99_s"].strip():
        return None

    def number(key: str) -> float:
        return _number(file, f"line {line}, {key}", record[key].strip(), _RANGES[key])

    cores, batch, p99_s, throughput_rps = map(number, ("cores", "batch", "latency_p99_s", "throughput_rps"))
    given = bool(record.get("latency_avg_s", "").strip())
    load = bool(record.get("offered_load_rps", "").strip())
    return Measurement(
        stage=record["stage"],
        variant=record["variant"],
        cores=int(cores),
        series=record.get("series", ""),
        offered_load_rps=number("offered_load_rps") if load else math.nan,
        point=ProfilePoint(
            int(batch),
            p99_s,
            number("latency_avg_s") if given else mean_latency_s(batch, p99_s, throughput_rps),
            throughput_rps,
        ),
        line=line,
        mean_given=given,
    )


def mean_latency_s(batch: float, p99_s: float, throughput_rps: float) -> float:
    """Return the mean latency of a batch where only its p99 and the throughput were measured."""
    # A replica that is busy all the time completes a batch every batch / throughput seconds.
    return max(min(batch / throughput_rps, p99_s), LATENCY_S.low)


def _number(file: Path, key: str, text: str, allowed: Range) -> float:
    if not _NUMBER.fullmatch(text):
        comma = "; write a decimal point" if re.fullmatch(r"[0-9]+,[0-9]+", text) else ""
        raise ConfigError(file, key, f"must be a number, not {brief(text)!r}{comma}")
    value = float(text)
    if not allowed.holds(value):
        raise ConfigError(file, key, f"must {allowed}, not {brief(text)}")
    return value
