"""The 21-day load trace: find a copy on this machine, read it, describe it."""

import hashlib
import io
import logging
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from ipa.errors import TraceError, UnknownNameError, UnreadableFileError, brief
from ipa.files import as_text, decompress, is_regular_file, read_bytes
from ipa.limits import LOAD_BYTES
from ipa.workload.load_formats import LOAD_FORMATS, Gaps, LoadFormat
from ipa.workload.load_text import LoadText
from ipa.workload.source import cached_trace, published_source
from ipa.workload.workload import Rates

TRACE_VARIABLE = "IPA_TRACE"
_RISING_VALUES = 4
"""Different numbers from which on a load that never falls looks like a list of time stamps."""

_log = logging.getLogger(__name__)


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
        if not is_regular_file(path):
            raise TraceError(
                f"{TRACE_VARIABLE} is set to {named}, which is not a file;"
                " point it to a copy of the trace, or unset it to use the download or the synthetic workloads"
            )
        return path
    cached = cached_trace()
    return cached if cached.is_file() else None


def load_trace(
    path: Path | str, *, published: bool = False, load_format: LoadFormat = "rates", gaps: Gaps = "refuse"
) -> Rates:
    """Read requests per second from a load file, compressed or in a tar archive or neither.

    Parameters
    ----------
    path
        A file in UTF-8; may be compressed with gzip, xz, bzip2 or zstd and packed into a tar archive
        (recognised by content, not by name).
    published
        Demand the trace of the paper: the SHA-256 of the decompressed text must be the known one.
    load_format
        What the numbers mean, see :mod:`ipa.workload.load_formats`.
    gaps
        What to do with seconds or minutes that a table leaves out: ``refuse``, or ``fill`` with 0.

    Returns
    -------
    NDArray[np.int64]
        Requests in each second, shape (n_s,).

    Raises
    ------
    TraceError
        If the file is missing, unreadable, empty, does not hold what the format says, or is not the published
        trace though that was demanded; names the line.
    """
    text = _read_text(Path(path))
    if published:
        _demand_published(path, hashlib.sha256(text).hexdigest())
    return _parse(text, Path(path), load_format, gaps)


def describe_trace(path: Path | str, load_format: LoadFormat = "rates", gaps: Gaps = "refuse") -> TraceInfo:
    """Read a trace and sum up what it holds.

    Parameters
    ----------
    path, load_format, gaps
        As :func:`load_trace` takes them.

    Returns
    -------
    TraceInfo
        Its length, totals and fingerprint.
    """
    text = _read_text(Path(path))
    rates = _parse(text, Path(path), load_format, gaps)
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


def _parse(text: bytes, path: Path, load_format: LoadFormat, gaps: Gaps) -> Rates:
    if load_format not in LOAD_FORMATS:
        raise UnknownNameError("load format", load_format, LOAD_FORMATS)
    if gaps not in get_args(Gaps):
        raise UnknownNameError("treatment of gaps", gaps, get_args(Gaps))
    try:
        rates_rps = LOAD_FORMATS[load_format](LoadText(path, as_text(path, text)), gaps)
    except UnreadableFileError as error:
        raise TraceError(str(error)) from error
    if load_format == "rates" and (np.diff(rates_rps) >= 0).all() and len(set(rates_rps)) >= _RISING_VALUES:
        _log.warning("%s: the numbers never fall; if these are times of requests, say --timestamps", path)
    return rates_rps


def _demand_published(path: Path | str, digest: str) -> None:
    expected = published_source().text_sha256
    if digest != expected:
        raise TraceError(
            f"{path} is not the trace of the paper: SHA-256 of its text is {digest}, expected {expected};"
            " get it with `ipa trace fetch`"
        )


def _read_text(path: Path) -> bytes:
    try:
        content = decompress(path, read_bytes(path, LOAD_BYTES), LOAD_BYTES)
        return _only_text(content, path) if tarfile.is_tarfile(io.BytesIO(content)) else content
    except UnreadableFileError as error:
        hint = "" if is_regular_file(path) else "; `ipa trace fetch` gets the published trace"
        raise TraceError(f"{error}{hint}") from error
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise TraceError(f"{path}: cannot be read as a tar archive: {error}") from error


def _only_text(archive: bytes, path: Path) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        texts = [m for m in tar.getmembers() if m.isfile() and m.name.endswith(".txt")]
        wanted = [m for m in texts if Path(m.name).name == published_source().text_name] or texts
        member = tar.extractfile(wanted[0]) if len(wanted) == 1 else None
        if member is None:
            raise TraceError(
                f"archive {path} must hold one .txt file, it holds: {brief(', '.join(tar.getnames()))}"
            )
        content = member.read(LOAD_BYTES + 1)
    if len(content) > LOAD_BYTES:
        raise TraceError(f"archive {path} holds more than the limit of {LOAD_BYTES:,} bytes")
    return content
