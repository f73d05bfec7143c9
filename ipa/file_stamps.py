"""Whether a file has changed since it was read, and what was read from it."""

import hashlib
import os
import time
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


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
