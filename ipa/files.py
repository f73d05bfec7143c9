"""Reads files of other people: whole, of bounded size, and only what is a regular file of text.

What can be wrong is said in one line by an :class:`~ipa.errors.UnreadableFileError`; a pipe or a device is
refused at once instead of waited for, and a small archive never grows beyond the limit in memory.
"""

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import stat
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from ipa.errors import UnreadableFileError, brief

_CHUNK_BYTES = 1024
"""Compressed bytes taken at a time; they become at most some 32 MB of zstd output."""

_PART_BYTES = 1_000_000
"""Bytes read at a time."""

_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"PK\x05\x06": "an empty zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"PAR1": "a Parquet file; write it as CSV first",
    b"\x89HDF": "an HDF5 file; write it as CSV first",
    b"%PDF": "a PDF",
}
_OTHER_TEXTS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def is_regular_file(file: Path) -> bool:
    """Whether there is such a file; names that no file can have are no error."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except (OSError, ValueError):
        return False


def resolve_path(path: Path) -> Path:
    """Return the absolute path behind links; of a name that no file can have, the name as it is."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def read_bytes(file: Path, limit_bytes: int) -> bytes:
    """Read a regular file of at most ``limit_bytes``.

    Raises
    ------
    UnreadableFileError
        If it is missing, no regular file, unreadable or larger.
    """
    try:
        # A pipe without a writer would block here for ever.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            _demand_regular(file, os.fstat(descriptor), limit_bytes)
            content = _read(os.fdopen(descriptor, "rb", closefd=False), limit_bytes + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise UnreadableFileError(file, f"cannot be read: {why or error}") from error
    if len(content) > limit_bytes:
        raise _too_large(file, limit_bytes)
    return content


def read_text(file: Path, limit_bytes: int) -> str:
    """Read a text file in UTF-8, with or without a byte order mark."""
    return as_text(file, read_bytes(file, limit_bytes))


def read_json(file: Path, limit_bytes: int) -> Any:
    """Read a JSON file; what is no JSON, or nested too deeply to be read, is an UnreadableFileError."""
    text = read_text(file, limit_bytes)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnreadableFileError(file, "is nested too deeply") from error
    except ValueError as error:
        raise UnreadableFileError(file, f"is not valid JSON: {brief(str(error), 200)}") from error


def as_text(file: Path, content: bytes) -> str:
    """Return the text of a file's content; a byte that is no UTF-8 is named with its line.

    Raises
    ------
    UnreadableFileError
        If it is another encoding, or no text at all.
    """
    for magic, encoding in _OTHER_TEXTS.items():
        if content.startswith(magic):
            raise UnreadableFileError(file, f"is {encoding} text; save it as UTF-8")
    for magic, kind in _OTHER_FILES.items():
        if content.startswith(magic):
            raise UnreadableFileError(file, f"is {kind}")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise UnreadableFileError(
            file, f"holds a null byte in line {line}, so it is not UTF-8 text; save it as such"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"the byte 0x{content[error.start]:02x} in line {line}"
        raise UnreadableFileError(file, f"holds {byte}, which is not UTF-8; save it as UTF-8") from error


def decompress(file: Path, content: bytes, limit_bytes: int) -> bytes:
    """Return what a gzip, xz, bzip2 or zstd file holds, recognised by content; anything else as it is.

    Raises
    ------
    UnreadableFileError
        If it is damaged or holds more than ``limit_bytes``.
    """
    for magic, unpack in _DECOMPRESSORS.items():
        if content.startswith(magic):
            try:
                content = unpack(content, limit_bytes + 1)
            except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
                raise UnreadableFileError(file, f"cannot be read, perhaps it is cut off: {error}") from error
            break
    if len(content) > limit_bytes:
        raise UnreadableFileError(file, f"decompresses to more than the limit of {limit_bytes:,} bytes")
    return content


def _read(stream: BufferedIOBase, size: int) -> bytes:
    """Read at most so many bytes; asked for all at once, Python would allocate them before it reads any."""
    parts, length = [], 0
    with stream:
        while length < size and (part := stream.read(min(_PART_BYTES, size - length))):
            parts.append(part)
            length += len(part)
    return b"".join(parts)


def _zstd(content: bytes, size: int) -> bytes:
    """Decompress frame by frame; unlike the library's stream this tells when the last one is cut off."""
    import zstandard

    source, parts, length, frame, rest = io.BytesIO(content), [], 0, None, b""
    while length < size and (chunk := rest or source.read(_CHUNK_BYTES)):
        frame = frame or zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
        try:
            parts.append(frame.decompress(chunk))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        length += len(parts[-1])
        rest = frame.unused_data if frame.eof else b""
        frame = None if frame.eof else frame
    if frame is not None and length < size:
        raise EOFError("the last frame is not complete")
    return b"".join(parts)


_DECOMPRESSORS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"BZh": lambda content, size: _read(bz2.BZ2File(io.BytesIO(content)), size),
    b"\xfd7zXZ\x00": lambda content, size: _read(lzma.LZMAFile(io.BytesIO(content)), size),  # noqa: SIM115 (_read closes it)
    b"\x1f\x8b": lambda content, size: _read(gzip.GzipFile(fileobj=io.BytesIO(content)), size),
    b"\x28\xb5\x2f\xfd": _zstd,
}
"""(content, bytes wanted) -> so many bytes of what it holds, or a few more; by magic bytes."""


def _demand_regular(file: Path, status: os.stat_result, limit_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableFileError(file, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFileError(file, "is a device or a pipe, not a regular file")
    if status.st_size > limit_bytes:
        raise _too_large(file, limit_bytes)


def _too_large(file: Path, limit_bytes: int) -> UnreadableFileError:
    return UnreadableFileError(file, f"is larger than the limit of {limit_bytes:,} bytes")
