"""Download the published trace into this user's cache."""

import hashlib
import http.client
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn
from urllib.error import HTTPError

from ipa.errors import TraceError
from ipa.workload.source import cached_trace, published_source
from ipa.workload.trace import TRACE_VARIABLE

CONNECTION_TIMEOUT_S = 5.0
CHUNK_BYTES = 64 * 1024

Progress = Callable[[int, int | None], None]


def fetch_trace(
    target: Path | str | None = None, *, source: str | None = None, progress: Progress | None = None
) -> Path:
    """Download the authors' archive, verify it and move it into place.

    What arrives is kept in a ``.part`` file beside the target, so that an aborted download resumes. A file
    with a wrong checksum never reaches the target; it is set aside as ``.rejected``.

    Parameters
    ----------
    target
        Where the archive shall lie; the download cache if not given. If it holds the right archive already,
        nothing is downloaded.
    source
        Another http(s) address of the same archive.
    progress
        Called with the bytes that are there and the bytes expected (None if the server does not say).

    Returns
    -------
    Path
        The verified archive.

    Raises
    ------
    TraceError
        If the source does not answer, breaks off, or sends something other than the published archive.
    """
    path = cached_trace() if target is None else Path(target).expanduser()
    url = source or published_source().url
    if not url.startswith(("http://", "https://")):
        raise TraceError(f"cannot download from {url!r}: the address must start with http:// or https://")
    if path.is_file() and _sha256(path) == published_source().archive_sha256:
        return path
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, progress or _silent)
        _verify(part, path, url)
        part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        _give_up(url, path, str(error).removeprefix("<urlopen error ").rstrip(">") or type(error).__name__)
    return path


def _silent(_done_bytes: int, _total_bytes: int | None) -> None:
    """Show no progress."""


def _give_up(url: str, path: Path, why: str) -> NoReturn:
    raise TraceError(
        f"cannot download {url} to {path}: {why}. What arrived is kept, so trying again resumes."
        f" Or set {TRACE_VARIABLE} to a local copy of the trace."
    )


def _download(url: str, part: Path, progress: Progress) -> None:
    have_bytes = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have_bytes)
    except HTTPError as error:
        error.close()
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # Nothing lies beyond what is there: either it is complete or it belongs to another file.
        if have_bytes == _size_at_416(error):
            return
        part.unlink()
        have_bytes, response = 0, _open(url, 0)
    with response:
        if not _continues(response, have_bytes):
            have_bytes = 0
        total_bytes = have_bytes + response.length if response.length is not None else None
        with part.open("ab" if have_bytes else "wb") as file:
            have_bytes = _copy(response, file, have_bytes, total_bytes, progress)
    if total_bytes is not None and have_bytes < total_bytes:
        raise ConnectionError(f"the connection broke after {have_bytes} of {total_bytes} bytes")


def _open(url: str, from_byte: int) -> http.client.HTTPResponse:
    # The caller has checked that the scheme is http or https.
    request = urllib.request.Request(url, headers={"Range": f"bytes={from_byte}-"} if from_byte else {})  # noqa: S310
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=CONNECTION_TIMEOUT_S)  # noqa: S310
    return response


def _continues(response: http.client.HTTPResponse, have_bytes: int) -> bool:
    content_range = response.headers.get("Content-Range", "")
    return response.status == http.client.PARTIAL_CONTENT and content_range.startswith(f"bytes {have_bytes}-")


def _size_at_416(error: HTTPError) -> int | None:
    size = error.headers.get("Content-Range", "").removeprefix("bytes */")
    return int(size) if size.isdigit() else None


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    have_bytes: int,
    total_bytes: int | None,
    progress: Progress,
) -> int:
    progress(have_bytes, total_bytes)
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        have_bytes += len(chunk)
        progress(have_bytes, total_bytes)
    return have_bytes


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(part: Path, path: Path, url: str) -> None:
    digest, expected = _sha256(part), published_source().archive_sha256
    if digest != expected:
        rejected = part.replace(path.with_name(path.name + ".rejected"))
        raise TraceError(
            f"{url} did not send the published trace: SHA-256 is {digest}, expected {expected}."
            f" The file is set aside as {rejected}; nothing was installed."
        )
