"""The files of a run: written whole or not at all, read back as tables."""

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ipa.errors import ResultsError

DECISIONS = "decisions.jsonl"
REQUESTS = "requests.parquet"
SUMMARY = "summary.json"
PROVENANCE = "provenance.json"

ALL_FILES = (DECISIONS, REQUESTS, SUMMARY)
"""What a run leaves, besides its provenance."""

KEPT_IN_BRIEF = (DECISIONS, SUMMARY)
"""What is kept of a run whose single requests nothing reads afterwards."""

NUMBER_ENCODINGS = {"f": "BYTE_STREAM_SPLIT", "i": "DELTA_BINARY_PACKED"}
"""How Parquet stores columns of numbers, by NumPy's kind."""


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` once everything in it is written.

    A process killed half-way leaves only a hidden folder behind, which nothing reads.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    draft.mkdir()
    try:
        yield draft
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file whole or not at all; keys keep their order, NaN and infinity become null."""
    text = json.dumps(without_nan(content), indent=2, ensure_ascii=False) + "\n"
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def read_json(file: Path) -> Any:
    """Read a JSON file; a missing or broken one is a ResultsError."""
    with _reading(file):
        return json.loads(file.read_text(encoding="utf-8"))


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Turn what can go wrong while a file is read into a ResultsError."""
    try:
        yield file
    except OSError as error:
        raise ResultsError(
            f"{file}: cannot be read: {error.strerror or error}; run the experiment again"
        ) from error
    except ValueError as error:
        raise ResultsError(f"{file}: is damaged: {error}; delete the folder and run again") from error


def write_lines(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    with file.open("w", encoding="utf-8") as stream:
        for record in records:
            stream.write(json.dumps(without_nan(record), ensure_ascii=False) + "\n")


def read_decisions(folder: Path) -> pd.DataFrame:
    """Read the decision records of a run, one row a step; the plan stays a list of stages."""
    with _reading(folder / DECISIONS) as file:
        # Not splitlines(), which also breaks lines at characters that JSON allows in text.
        lines = file.read_text(encoding="utf-8").split("\n")
        return pd.DataFrame([json.loads(line) for line in lines if line])


def write_requests(file: Path, requests: pd.DataFrame) -> None:
    """Write the account of every request, without loss and in about half the space of the default encodings.

    Bytes of numbers that are all different compress well only side by side with their like; dictionaries are
    left to the columns of names.
    """
    numbers = {
        column: NUMBER_ENCODINGS[kind]
        for column in requests
        if (kind := requests[column].dtype.kind) in NUMBER_ENCODINGS
    }
    pq.write_table(
        pa.Table.from_pandas(requests, preserve_index=False),
        file,
        compression="zstd",
        use_dictionary=[column for column in requests if column not in numbers],
        column_encoding=numbers,
    )


def read_requests(folder: Path) -> pd.DataFrame:
    """Read the account of every request of a run."""
    with _reading(folder / REQUESTS) as file:
        return pd.read_parquet(file)


def read_summary(folder: Path) -> dict[str, Any]:
    """Read what a run was and its measures."""
    summary: dict[str, Any] = read_json(folder / SUMMARY)
    return summary


def fingerprint_of(folder: Path, needed: Iterable[str] = ALL_FILES) -> str | None:
    """Return the fingerprint of a run that left the files needed; None if it did not or cannot be read."""
    if not all((folder / name).is_file() for name in needed):
        return None
    try:
        return str(read_json(folder / PROVENANCE)["fingerprint"])
    except (ResultsError, KeyError, TypeError):
        return None


def without_nan(value: Any) -> Any:
    """Return plain values with every NaN and infinity replaced by None, which JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
