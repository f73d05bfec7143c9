"""Where things lie: the data shipped with the repository, results, and downloads of this user."""

import hashlib
import os
import time
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

from ipa.errors import IpaError

T = TypeVar("T")

DATA_VARIABLE = "IPA_DATA"


def data_dir() -> Path:
    """Return the folder with pipelines, profiles and published figures.

    Returns
    -------
    Path
        ``$IPA_DATA`` if set, else ``data/`` beside the package.

    Raises
    ------
    IpaError
        If that folder does not exist, which happens when the package is installed without its repository.
    """
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else Path(__file__).resolve().parent.parent / "data"
    if not folder.is_dir():
        raise IpaError(
            f"data folder {folder} not found; install IPA from a clone (pip install -e .)"
            f" or set {DATA_VARIABLE} to the clone's data folder"
        )
    return folder


def published_results_dir() -> Path:
    """Return the folder for the results that are part of the repository; it need not exist yet."""
    return data_dir().parent / "results" / "published"


def cache_dir() -> Path:
    """Return the folder for this user's downloads; it need not exist yet."""
    return user_cache_path("ipa")


FileStamp = str
"""SHA-256 of what a file holds; empty if there is no such file."""

RECENT_NS = 2_000_000_000
"""A file that changed less than this before it was read may change again without a later time stamp."""

_Key = tuple[int, int, int, int, int]
_stamps: dict[_Key, FileStamp] = {}


def file_stamp(file: Path) -> FileStamp:
    """Return what tells whether a file has changed since it was read: the hash of its content.

    The content of a file whose time stamps, size and place on the disk are the same is not read again.
    """
    try:
        known = _stamps.get(_key(file.stat()))
        if known is not None:
            return known
        # Opening a pipe to read from would wait for a writer.
        if not file.is_file():
            return ""
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > RECENT_NS:
        _stamps[_key(status)] = found
    return found


def _key(status: os.stat_result) -> _Key:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def cached_by_content(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Keep what reading a file gave until the file's content changes.

    Parameters
    ----------
    read
        Reads one file.
    """
    kept = lru_cache(maxsize=16)(lambda path, _stamp: read(path))

    @wraps(read)
    def cached(path: Path) -> T:
        return kept(path, file_stamp(path))

    return cached
