"""Times that were measured once are kept, with the machine and code they belong to, until asked for anew."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ipa.errors import ResultsError
from ipa.results.json_files import read_json, write_json
from ipa.results.provenance import environment

MACHINE = ("cpu", "system", "python", "packages")
"""Entries of ``environment`` that times depend on; those of another machine are not shown as this one's."""


@dataclass(frozen=True, slots=True)
class KeptTimes:
    """Measured times and where they come from.

    Parameters
    ----------
    rows
        The table.
    note
        When and with which code they were measured, and whether that is the code of now.
    """

    rows: pd.DataFrame
    note: str


def keep_times(
    results_dir: Path,
    what: Mapping[str, object],
    measure: Callable[[], pd.DataFrame],
    *,
    again: bool = False,
) -> KeptTimes:
    """Return times that were measured on this machine before, else measure and keep them.

    Parameters
    ----------
    results_dir
        They are kept in its ``times/``.
    what
        What is measured, as plain values.
    measure
        Measures it; the columns hold plain values.
    again
        Measure anew whatever is kept.

    Returns
    -------
    KeptTimes
        The times. Changed code alone does not measure again, but the note says that it changed.
    """
    now = environment()
    machine = {key: now[key] for key in MACHINE}
    key = json.dumps([dict(what), machine], sort_keys=True, default=str)
    file = results_dir / "times" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    kept = None if again else _read(file)
    if kept is None:
        kept = {
            "what": dict(what),
            "machine": machine,
            "commit": now["commit"],
            "code_sha256": now["code_sha256"],
            "measured": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": measure().to_dict("records"),
        }
        write_json(file, kept)
    return KeptTimes(pd.DataFrame(kept["rows"]), _note(kept, now["code_sha256"]))


def _read(file: Path) -> dict[str, Any] | None:
    try:
        kept = read_json(file)
    except ResultsError:
        return None
    complete = isinstance(kept, dict) and {"measured", "commit", "code_sha256", "rows"} <= kept.keys()
    return kept if complete and kept["rows"] else None


def _note(kept: Mapping[str, Any], code_sha256: str) -> str:
    commit = f" at commit {kept['commit'][:7]}" if kept["commit"] else ""
    since = "" if kept["code_sha256"] == code_sha256 else "; the code has changed since"
    return f"measured {kept['measured'][:10]}{commit}{since}"
