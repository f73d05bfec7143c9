"""The 21-day load trace: find a copy on this machine, read it, describe it."""

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipa.errors import TraceError
from ipa.workload.source import cached_trace, published_source
from ipa.workload.workload import Rates

TRACE_VARIABLE = "IPA_TRACE"
MAX_RATE_RPS = 10**9

_MAGIC = {b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress, b"\x1f\x8b": gzip.decompress}
_UNREADABLE = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, tarfile.TarError)


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """What a trace file holds.

    Parameters
    ----------
    path
        The file.
    n_s
        Seconds in it.
    total_requests, mean_rps, min_rps, max_rps
        Sum, mean and extremes of requests per second.
    zero_seconds
        Seconds without a request; the published trace has a gap at the end of each day.
    text_sha256
        SHA-256 of the decompressed text.
    published
        Whether that is the trace of the paper.
    """

    path: Path
    n_s: int
    total_requests: int
    mean_rps: float
    min_rps: int
    max_rps: int
    zero_seconds: int
    text_sha256: str
    published: bool


def find_trace() -> Path | None:
    """Find the load trace on this machine.

    Returns
    -------
    Path or None
        The file named by ``IPA_TRACE``, else the download in the cache, else None.

    Raises
    ------
    TraceError
        If ``IPA_TRACE`` names something that is not a file.
    """
    named = os.environ.get(TRACE_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise TraceError(
                f"{TRACE_VARIABLE} is set to {named}, which is not a file;"
                " point it to a copy of the trace, or unset it to use the download or the synthetic workloads"
            )
        return path
    cached = cached_trace()
    return cached if cached.is_file() else None


def load_trace(path: Path | str, *, published: bool = False) -> Rates:
    """Read requests per second from a text file, compressed or in a tar archive or neither.

    Parameters
    ----------
    path
        A file of whole numbers separated by spaces or line ends; may be compressed with xz, bzip2 or gzip and
        packed into a tar archive (recognised by content, not by name).
    published
        Demand the trace of the paper: the SHA-256 of the decompressed text must be the known one.

    Returns
    -------
    NDArray[np.int64]
        Requests in each second, shape (n_s,).

    Raises
    ------
    TraceError
        If the file is missing, unreadable, empty, holds anything but whole numbers of at least 0, or is not
        the published trace though that was demanded.
    """
    text = _read_text(Path(path))
    if published:
        _demand_published(path, hashlib.sha256(text).hexdigest())
    return _parse(text, path)


def describe_trace(path: Path | str) -> TraceInfo:
    """Read a trace and sum up what it holds.

    Parameters
    ----------
    path
        A file that :func:`load_trace` reads.

    Returns
    -------
    TraceInfo
        Its length, totals and fingerprint.
    """
    text = _read_text(Path(path))
    rates = _parse(text, path)
    digest = hashlib.sha256(text).hexdigest()
    return TraceInfo(
        path=Path(path),
        n_s=len(rates),
        total_requests=int(rates.sum()),
        mean_rps=float(rates.mean()),
        min_rps=int(rates.min()),
        max_rps=int(rates.max()),
        zero_seconds=int((rates == 0).sum()),
        text_sha256=digest,
        published=digest == published_source().text_sha256,
    )


def _demand_published(path: Path | str, digest: str) -> None:
    expected = published_source().text_sha256
    if digest != expected:
        raise TraceError(
            f"{path} is not the trace of the paper: SHA-256 of its text is {digest}, expected {expected};"
            " get it with `ipa trace fetch`"
        )


def _read_text(path: Path) -> bytes:
    if not path.is_file():
        raise TraceError(f"trace {path} not found; get it with `ipa trace fetch` or set {TRACE_VARIABLE}")
    try:
        content = path.read_bytes()
        for magic, decompress in _MAGIC.items():
            if content.startswith(magic):
                content = decompress(content)
                break
        return _only_text(content, path) if tarfile.is_tarfile(io.BytesIO(content)) else content
    except _UNREADABLE as error:
        raise TraceError(f"trace {path} cannot be read, perhaps it is cut off: {error}") from error


def _only_text(archive: bytes, path: Path) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        texts = [m for m in tar.getmembers() if m.isfile() and m.name.endswith(".txt")]
        wanted = [m for m in texts if Path(m.name).name == published_source().text_name] or texts
        member = tar.extractfile(wanted[0]) if len(wanted) == 1 else None
        if member is None:
            raise TraceError(f"archive {path} must hold one .txt file, it holds: {', '.join(tar.getnames())}")
        return member.read()


def _parse(text: bytes, path: Path | str) -> Rates:
    text = text.removeprefix(codecs.BOM_UTF8)
    if text.translate(None, b"0123456789 \t\r\n"):
        raise TraceError(f"{path}: {_first_fault(text)}; allowed are whole numbers separated by white space")
    if not text.strip():
        raise TraceError(f"{path} is empty; a trace holds one whole number per second")
    rates = np.fromstring(text, dtype=np.int64, sep=" ")
    # numpy clamps what does not fit into 64 bits, so this also catches overflow.
    if rates.max() > MAX_RATE_RPS:
        raise TraceError(f"{path}: second {rates.argmax()} has more than {MAX_RATE_RPS} requests per second")
    return rates


def _first_fault(text: bytes) -> str:
    for position, token in enumerate(text.split(), start=1):
        if not token.isdigit():
            shown = token[:40].decode("utf-8", "backslashreplace")
            negative = token[:1] == b"-" and token[1:].isdigit()
            return f"number {position} is {'negative' if negative else 'not a whole number'}: {shown!r}"
    return "it holds characters that are neither digits nor white space"
