"""The one reader of other people's files: regular, bounded, text, never waiting and never growing."""

import bz2
import gzip
import lzma
import os
import time
from pathlib import Path

import pytest
import zstandard

from ipa.errors import UnreadableFileError
from ipa.files import as_text, decompress, is_regular_file, read_bytes, read_text

LIMIT = 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def refusal(file: Path) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read_text(file, LIMIT)
    assert str(caught.value) == f"{file}: {caught.value.problem}"
    return caught.value.problem


def test_a_text_is_read_with_and_without_a_byte_order_mark(file: Path) -> None:
    file.write_bytes("é\n".encode())
    assert read_text(file, LIMIT) == "é\n"
    file.write_bytes("é\n".encode("utf-8-sig"))
    assert read_text(file, LIMIT) == "é\n"


def test_the_limit_itself_is_allowed_and_a_byte_more_is_not(file: Path) -> None:
    file.write_bytes(b"x" * LIMIT)
    assert len(read_bytes(file, LIMIT)) == LIMIT
    file.write_bytes(b"x" * (LIMIT + 1))
    assert refusal(file) == "is larger than the limit of 1,000 bytes"


def test_a_pipe_is_refused_at_once(file: Path) -> None:
    os.mkfifo(file)
    began_s = time.monotonic()
    assert refusal(file) == "is a device or a pipe, not a regular file"
    assert time.monotonic() - began_s < 1
    assert not is_regular_file(file)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/dev/zero", "is a device or a pipe"),
        ("/dev/null", "is a device or a pipe"),
        ("/", "is a folder"),
        ("/no/such/file", "No such file"),
        ("/etc/passwd/x", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null byte"),
        ("", "is a folder"),
    ],
)
def test_what_is_no_readable_file_is_refused(path: str, problem: str) -> None:
    assert problem in refusal(Path(path))
    assert not is_regular_file(Path(path))


def test_a_loop_of_links_is_refused(file: Path) -> None:
    file.symlink_to(file)
    assert "cannot be read: Too many levels" in refusal(file)
    assert not is_regular_file(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("1\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("1\n".encode("utf-32"), "is UTF-32 text; save it as UTF-8"),
        ("1\n22\n".encode("utf-16-le"), "holds a null byte in line 1"),
        (b"1\n2\n\xff", "holds the byte 0xff in line 3, which is not UTF-8; save it as UTF-8"),
        ("naïve".encode("latin-1"), "holds the byte 0xef in line 1"),
        (b"PK\x03\x04rest", "is a zip archive; unpack it first"),
        (b"PAR1rest", "is a Parquet file"),
    ],
)
def test_what_is_no_text_in_utf_8_is_named(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    assert refusal(file).startswith(problem)


COMPRESS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zst": zstandard.compress}


@pytest.mark.parametrize("kind", COMPRESS)
def test_compressed_files_are_recognised_by_content(file: Path, kind: str) -> None:
    content = COMPRESS[kind](b"5\n7\n")
    assert decompress(file, content, LIMIT) == b"5\n7\n"
    assert decompress(file, content + COMPRESS[kind](b"9\n"), LIMIT) == b"5\n7\n9\n"
    assert decompress(file, b"5\n", LIMIT) == b"5\n"


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_cut_off_file_is_refused(file: Path, kind: str) -> None:
    content = COMPRESS[kind](b"5\n7\n" * 50)
    for length in (len(content) - 1, len(content) // 2, 8):
        with pytest.raises(UnreadableFileError, match="cannot be read, perhaps it is cut off"):
            decompress(file, content[:length], LIMIT)


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_bomb_does_not_grow_beyond_the_limit(file: Path, kind: str) -> None:
    content = COMPRESS[kind](bytes(10_000_000))
    with pytest.raises(UnreadableFileError, match="decompresses to more than the limit of 1,000 bytes"):
        decompress(file, content, LIMIT)


def test_a_text_may_be_empty(file: Path) -> None:
    assert as_text(file, b"") == ""
