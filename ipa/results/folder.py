"""The files of a run: written, read back as tables, and whether they are still what was written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipa.errors import ResultsError
from ipa.file_stamps import file_stamp
from ipa.results.json_files import _reading, read_json, without_nan, writing

if TYPE_CHECKING:
    import pandas as pd


DECISIONS = "decisions.jsonl"
REQUESTS = "requests.parquet"
SUMMARY = "summary.json"
PROVENANCE = "provenance.json"

ALL_FILES = (DECISIONS, REQUESTS, SUMMARY)
"""What a run leaves, besides its provenance."""

KEPT_IN_BRIEF = (DECISIONS, SUMMARY)
"""What is kept of a run whose single requests nothing reads afterwards."""

KEPT_MEASURES = (SUMMARY,)
"""What is kept of a run that only adds to an average."""

NUMBER_ENCODINGS = {"f": "BYTE_STREAM_SPLIT", "i": "DELTA_BINARY_PACKED"}
"""How Parquet stores columns of numbers, by NumPy's kind."""


_STRICT = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def write_lines(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    with writing(file), file.open("w", encoding="utf-8") as stream:
        for record in records:
            stream.write(as_line(record))


def as_line(record: dict[str, Any]) -> str:
    """Return a JSON object as one line, with null for what is no number."""
    try:
        return _STRICT.encode(record) + "\n"
    except ValueError:
        # Rare, and looking for it first took longer than all the writing.
        return _STRICT.encode(without_nan(record)) + "\n"


def read_decisions(folder: Path) -> "pd.DataFrame":
    """Read the decision records of a run, one row a step; the plan stays a list of stages."""
    import pandas as pd

    with _reading(folder / DECISIONS) as file:
        # Not splitlines(), which also breaks lines at characters that JSON allows in text.
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        if not all(isinstance(record, dict) for record in records):
            raise ValueError("every line must hold one JSON object")
        return pd.DataFrame(records)


def write_requests(file: Path, requests: "pd.DataFrame") -> None:
    """Write the account of every request, without loss and in about half the space of the default encodings.

    Bytes of numbers that are all different compress well only side by side with their like; dictionaries are
    left to the columns of names.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {
        column: NUMBER_ENCODINGS[kind]
        for column in requests
        if (kind := requests[column].dtype.kind) in NUMBER_ENCODINGS
    }
    with writing(file):
        pq.write_table(
            pa.Table.from_pandas(requests, preserve_index=False),
            file,
            compression="zstd",
            use_dictionary=[column for column in requests if column not in numbers],
            column_encoding=numbers,
        )


def read_requests(folder: Path) -> "pd.DataFrame":
    """Read the account of every request of a run."""
    import pandas as pd

    with _reading(folder / REQUESTS) as file:
        return pd.read_parquet(file)


def read_summary(folder: Path) -> dict[str, Any]:
    """Read what a run was and its measures."""
    with _reading(folder / SUMMARY) as file:
        summary = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("it must hold one JSON object")
        return summary


def fingerprint_of(folder: Path, needed: Iterable[str] = ALL_FILES) -> str | None:
    """Return the fingerprint of a run whose files are those that it left.

    Parameters
    ----------
    folder
        Folder of the run.
    needed
        Files that have to be there, each with the SHA-256 that its provenance states.

    Returns
    -------
    str or None
        None if a file is missing, was changed or is damaged, or if the run does not claim to be complete.
    """
    try:
        provenance = read_json(folder / PROVENANCE)
    except ResultsError:
        return None
    if not isinstance(provenance, dict):
        return None
    stated, hashes = provenance.get("fingerprint"), provenance.get("files_sha256")
    if not (isinstance(stated, str) and stated and isinstance(hashes, dict)):
        return None
    unchanged = all((found := file_stamp(folder / name)) and found == hashes.get(name) for name in needed)
    return stated if unchanged else None


RUN_KEYS = ("pipeline", "workload", "method", "edition", "trace", "seed")
"""Columns that say which run a row belongs to."""
