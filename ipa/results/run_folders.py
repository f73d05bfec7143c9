"""The folders of runs: locked while they are made, written whole or not at all, nothing else removed.

A run under way keeps a hidden lock and a hidden draft beside its folder ``<results>/<experiment>/<run>``; the
draft takes the folder's place at the end.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from ipa.errors import ResultsError
from ipa.results.folder import DECISIONS, PROVENANCE, REQUESTS, SUMMARY
from ipa.results.json_files import writing

OWN_FILES = frozenset({DECISIONS, REQUESTS, SUMMARY, PROVENANCE})
"""What a folder of a run may hold; a folder with anything else in it is not replaced."""

LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What file managers leave in any folder."""

DRAFT = re.compile(r"\.(?P<run>.+)\.[0-9a-f]{12}\.draft")
"""Name of a folder that a run is written in."""

LEAST_FREE_BYTES = 1 << 20
POLL_S = 0.02


def check_writable(results_dir: Path) -> None:
    """Make a results folder if there is none; raise a ResultsError if nothing can be written there.

    Raises
    ------
    ResultsError
        If it is a file or a device, may not be written to, or lies on a disk that is full.
    """
    with writing(results_dir):
        results_dir.mkdir(parents=True, exist_ok=True)
        probe = results_dir / f".{uuid4().hex[:12]}.probe"
        try:
            probe.write_bytes(b"x")
        finally:
            probe.unlink(missing_ok=True)
        free_bytes = shutil.disk_usage(results_dir).free
    if free_bytes < LEAST_FREE_BYTES:
        raise ResultsError(
            f"results cannot be written to {results_dir}: its disk is full ({free_bytes:,} bytes are free);"
            " choose another folder with --results, or make room"
        )


def check_inside(folder: Path, results_dir: Path) -> None:
    """Raise a ResultsError unless a folder is ``<results_dir>/<experiment>/<run>``, links followed."""
    with writing(folder):
        # Path.resolve() ends in a RuntimeError where links form a loop.
        real, root = (Path(os.path.realpath(path)) for path in (folder, results_dir))
    expected = root / folder.parent.name / folder.name
    if real != expected:
        raise ResultsError(
            f"{expected} leads to {real}, outside of where runs are kept; nothing is written there."
            " Remove the link, or choose another folder with --results"
        )


@contextmanager
def locked(folder: Path, results_dir: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a run's folder; another process or thread that wants it waits.

    Parameters
    ----------
    folder
        ``<results_dir>/<experiment>/<run>``; it need not exist.
    results_dir
        The results folder.
    wait
        Wait for whoever holds the lock; else that is a ResultsError.
    """
    check_inside(folder, results_dir)
    file = folder.with_name(f".{folder.name}.lock")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            raise ResultsError(
                f"{file} is a link, outside of where runs are kept; nothing is written there. Remove the link"
            )
        # The library tries for ever where a file cannot be made at all.
        with file.open("a"):
            pass
    # One object for a file in each thread, so that whoever holds the lock can ask for it again.
    lock = FileLock(file, is_singleton=True, poll_interval=POLL_S)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise ResultsError(f"{folder} is being written by another process; wait for it") from error
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            # Whoever waits for this file finds that it is gone, and takes a new one.
            file.unlink(missing_ok=True)
        lock.release()


@contextmanager
def replacing(folder: Path, results_dir: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of a run's folder once everything in it is written.

    A process killed half-way leaves only a hidden draft behind, which nothing reads and which the next one
    removes.

    Parameters
    ----------
    folder
        ``<results_dir>/<experiment>/<run>``.
    results_dir
        The results folder; nothing outside of it is written or removed.

    Raises
    ------
    ResultsError
        If the folder leads elsewhere, holds what no run writes, or cannot be written.
    """
    with locked(folder, results_dir):
        check_replaceable(folder)
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_drafts(folder)
            draft, old = _draft(folder), _draft(folder)
            draft.mkdir()
        try:
            yield draft
            with writing(folder):
                if folder.exists():
                    folder.rename(old)
                draft.rename(folder)
        finally:
            if old.exists() and not folder.exists():
                old.rename(folder)
            for left in (draft, old):
                shutil.rmtree(left, ignore_errors=True)


def check_replaceable(folder: Path) -> None:
    """Raise a ResultsError if a run's folder is a file, a link, or holds what no run writes."""
    with writing(folder):
        if not os.path.lexists(folder):
            return
        if folder.is_symlink() or not folder.is_dir():
            raise ResultsError(f"{folder} is in the way: it is not a folder; move it away and run again")
        foreign = [
            path.name
            for path in sorted(folder.iterdir())
            if path.name not in OWN_FILES | LITTER or (path.is_dir() and not path.is_symlink())
        ]
    if foreign:
        raise ResultsError(
            f"{folder} holds {', '.join(foreign[:3])}{', ...' if len(foreign) > 3 else ''}, which no run has"
            " written; it is left as it is. Move that away and run again, or choose another --results"
        )


def sweep(results_dir: Path) -> int:
    """Remove the drafts of runs that were killed, and return how many; runs under way are left alone."""
    swept = 0
    for draft in sorted(results_dir.glob("*/.*.draft")):
        found = DRAFT.fullmatch(draft.name)
        if found is None:
            continue
        folder = draft.with_name(found["run"])
        with suppress(ResultsError), locked(folder, results_dir, wait=False):
            shutil.rmtree(draft, ignore_errors=True)
            swept += not draft.exists()
    for file in results_dir.glob("*/.*.lock"):
        with suppress(ResultsError), locked(file.with_name(file.name[1:-5]), results_dir, wait=False):
            pass
    return swept


def _draft(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid4().hex[:12]}.draft")


def _remove_drafts(folder: Path) -> None:
    """Remove what killed runs left of a folder whose lock is held."""
    for path in folder.parent.iterdir():
        found = DRAFT.fullmatch(path.name)
        if found is not None and found["run"] == folder.name:
            shutil.rmtree(path, ignore_errors=True)
