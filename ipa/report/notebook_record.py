"""What an executed notebook was made from and wrote, so that an unchanged one is not executed again.

Beside ``NAME.ipynb`` lies ``NAME.json``: a fingerprint of everything that determines the outputs (cells,
parameters, code, data, packages, load), and the SHA-256 of the notebook and of every file that its cells
wrote (``ipa.results.written_files``). A notebook is unchanged if both still hold.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ipa.errors import ResultsError
from ipa.paths import PACKAGE, data_dir, stored_results_dir
from ipa.results.json_files import read_json, write_json
from ipa.results.provenance import file_sha256, package_version, tree_sha256
from ipa.workload import load_workload
from ipa.workload.catalogue import TraceChoice

DRAWING_PACKAGES = ("matplotlib", "numpy", "pandas", "papermill")
"""Distributions that change what a notebook shows."""


def notebook_fingerprint(
    source: Path,
    parameters: Mapping[str, object],
    workloads: Iterable[str],
    *,
    trace: TraceChoice,
    seed: int,
) -> str:
    """Return a hash of everything that determines what a notebook shows.

    Parameters
    ----------
    source
        The notebook; its stored outputs do not count.
    parameters
        What it is executed with.
    workloads, trace, seed
        The loads that it may read.
    """
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    loads = (load_workload(name, trace=trace, seed=seed) for name in workloads)
    content = {
        "cells": [[cell["cell_type"], "".join(cell["source"])] for cell in cells],
        "parameters": {key: str(value) for key, value in sorted(parameters.items())},
        "code": tree_sha256(PACKAGE, "*.py"),
        "data": tree_sha256(data_dir(), "*"),
        "stored": tree_sha256(stored_results_dir(), "*"),
        "packages": {name: package_version(name) for name in DRAWING_PACKAGES},
        "loads": [[load.source, hashlib.sha256(load.rates_rps.tobytes()).hexdigest()] for load in loads],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def record_file(notebook: Path) -> Path:
    """Return where the record of an executed notebook lies."""
    return notebook.with_suffix(".json")


def write_record(notebook: Path, fingerprint: str, written: Iterable[Path]) -> None:
    """Record what an executed notebook was made from, and the notebook and files as they are now.

    Files are named relative to the notebook's folder, so that results can be moved as a whole.
    """
    files = {os.path.relpath(file, notebook.parent): file_sha256(file) for file in (notebook, *written)}
    write_json(record_file(notebook), {"fingerprint": fingerprint, "files_sha256": files})


def is_unchanged(notebook: Path, fingerprint: str) -> bool:
    """Whether an executed notebook has this fingerprint and everything it wrote is still there, unedited."""
    try:
        record: Any = read_json(record_file(notebook))
        files: Any = record["files_sha256"]
        return bool(
            record["fingerprint"] == fingerprint
            and notebook.name in files
            and all(file_sha256(notebook.parent / name) == sha256 for name, sha256 in files.items())
        )
    except (ResultsError, OSError, KeyError, TypeError, AttributeError):
        return False
