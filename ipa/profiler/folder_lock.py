"""One profiler at a time into a folder: a second one would end the replicas of the first as left over."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ipa.errors import ProfilerError
from ipa.platforms.local.folder import live_root


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises
    ------
    ProfilerError
        If another process of this machine holds it.
    """
    lock = FileLock(live_root() / f"profile-{folder_digest(folder)}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ProfilerError(
            f"another ipa profile measures into {folder}; wait for it, or choose another folder with --out"
        ) from None
    try:
        yield
    finally:
        lock.release()


def folder_digest(folder: Path) -> str:
    """Return what tells a folder from others, in a few characters."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
