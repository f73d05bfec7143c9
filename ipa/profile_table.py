"""A CSV file of measurements: one row per stage, variant, cores, batch size, offered load and series."""

import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ipa.errors import ConfigError
from ipa.paths import FileStamp, file_stamp
from ipa.profiles import Profile, ProfilePoint

REQUIRED = ("stage", "variant", "cores", "batch", "latency_p99_s", "throughput_rps")
"""Columns a profile file must have; latency_avg_s, offered_load_rps, series and kind are optional."""


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
    """A row of the table whose latency is known."""

    stage: str
    variant: str
    cores: int
    series: str
    offered_load_rps: float
    point: ProfilePoint


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

    def profiles(self, source: ProfileSource, variant: str) -> tuple[Profile, ...]:
        """Return the profiles of a variant, one per number of cores.

        The points of one profile come from the most preferred series and offered load that have measurements
        on that many cores, so that batch sizes are comparable.

        Raises
        ------
        ConfigError
            If two of the rows taken are for the same cores and batch size.
        """
        groups: dict[int, dict[tuple[int, int], dict[int, ProfilePoint]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for row in self.rows:
            rank = _preference(source, row)
            if row.stage == source.stage and row.variant == variant and rank is not None:
                points = groups[row.cores][rank]
                if row.point.batch in points:
                    raise ConfigError(
                        self.file,
                        f"{source.stage}/{variant}",
                        f"has several rows for {row.cores} cores and batch size {row.point.batch}; choose"
                        " with the keys series and offered_load_rps of the stage's profile, or remove one",
                    )
                points[row.point.batch] = row.point
        return tuple(
            Profile(cores, tuple(point for _, point in sorted(ranked[min(ranked)].items())))
            for cores, ranked in sorted(groups.items())
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
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return ProfileTable(file, _measurements(file, csv.DictReader(stream)))
    except OSError as error:
        raise ConfigError(file, "", f"profile file cannot be read: {error.strerror or error}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(file, "", f"is not a CSV file in UTF-8: {error}") from error


def _measurements(file: Path, reader: "csv.DictReader[str]") -> tuple[Measurement, ...]:
    missing = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(
            file, "header", f"lacks the columns {', '.join(missing)}; required: {', '.join(REQUIRED)}"
        )
    measurements = []
    for record in reader:
        # The reader files surplus fields under None and fills missing ones with None.
        if None in record or None in record.values():
            raise ConfigError(
                file, f"line {reader.line_num}", f"must have {len(reader.fieldnames or ())} fields"
            )
        measurements.append(_measurement(file, reader.line_num, record))
    return tuple(row for row in measurements if row is not None)


def _measurement(file: Path, line: int, record: dict[str, str]) -> Measurement | None:
    if not record["latency_p99_s"].strip():
        return None
    cores, batch = (_number(file, line, record, key, whole=True) for key in ("cores", "batch"))
    p99_s, throughput_rps = (_number(file, line, record, key) for key in ("latency_p99_s", "throughput_rps"))
    if record.get("latency_avg_s", "").strip():
        mean_s = _number(file, line, record, "latency_avg_s")
    else:
        # A replica that is busy all the time completes a batch every batch / throughput seconds.
        mean_s = min(batch / throughput_rps, p99_s)
    load = record.get("offered_load_rps", "").strip()
    return Measurement(
        stage=record["stage"],
        variant=record["variant"],
        cores=int(cores),
        series=record.get("series", ""),
        offered_load_rps=_number(file, line, record, "offered_load_rps") if load else math.nan,
        point=ProfilePoint(int(batch), p99_s, mean_s, throughput_rps),
    )


def _number(file: Path, line: int, record: dict[str, str], key: str, *, whole: bool = False) -> float:
    text = record[key].strip()
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(file, f"line {line}, {key}", f"must be a number, not {text!r}") from None
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(file, f"line {line}, {key}", f"must be a finite number above 0, not {text}")
    if whole and value != int(value):
        raise ConfigError(file, f"line {line}, {key}", f"must be a whole number, not {text}")
    return value
