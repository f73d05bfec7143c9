"""The CSV file of measured points: a row is added as a point ends, and a torn last row is forgotten.

It is a profile as ``ipa.pipeline.profile_table`` reads it, with columns of its own besides.
"""

import csv
import io
import math
import os
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, get_type_hints
from uuid import uuid4

from ipa.errors import ResultsError
from ipa.files import read_text
from ipa.limits import TABLE_BYTES
from ipa.profiler.point import MeasuredPoint, PointKey
from ipa.results.json_files import writing

COLUMNS = tuple(field.name for field in fields(MeasuredPoint))
_TYPES: dict[str, type] = get_type_hints(MeasuredPoint)


def read_points(file: Path) -> dict[PointKey, MeasuredPoint]:
    """Return the points of a file, the last one of each kind; none if there is no file.

    Raises
    ------
    ResultsError
        If the file holds something else.
    """
    if not file.exists():
        return {}
    whole, _, _torn = read_text(file, TABLE_BYTES).rpartition("\n")
    reader = csv.DictReader(io.StringIO(whole, newline=""))
    if whole and tuple(reader.fieldnames or ()) != COLUMNS:
        raise ResultsError(f"{file}: is no profile of ipa profile; choose another folder with --out")
    try:
        points = [_point(row) for row in reader]
    except (TypeError, ValueError) as error:
        raise ResultsError(f"{file}: line {reader.line_num}: {error}; remove the line") from error
    return {point.key: point for point in points}


def write_points(file: Path, points: Iterable[MeasuredPoint]) -> None:
    """Write the file anew, whole or not at all."""
    draft = file.with_name(f".{file.name}.{uuid4().hex[:12]}")
    with writing(file, "--out"):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text("".join(map(_line, (COLUMNS, *map(astuple, points)))), encoding="utf-8")
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


def add_point(file: Path, point: MeasuredPoint) -> None:
    """Add a row at the end of a file, and see it to the disk; the first one makes the file."""
    if not file.exists():
        write_points(file, ())
    with writing(file, "--out"), file.open("a", encoding="utf-8") as stream:
        stream.write(_line(astuple(point)))
        stream.flush()
        os.fsync(stream.fileno())


def _line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: object) -> object:
    """Return a value as it stands in the file: seconds to 0.1 µs, nothing where there is no number."""
    if isinstance(value, float):
        return f"{round(value, 7):.10g}" if math.isfinite(value) else ""
    return value


def _point(row: dict[str, Any]) -> MeasuredPoint:
    values = {name: _value(name, row[name]) for name in COLUMNS}
    return MeasuredPoint(**values)


def _value(name: str, text: str | None) -> Any:
    if text is None:
        raise ValueError(f"{name} is missing")
    if _TYPES[name] is float and not text:
        return math.inf if name == "p99_high_s" else math.nan
    return _TYPES[name](text)
