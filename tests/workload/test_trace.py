"""Reading and finding the load trace."""

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import TraceError
from ipa.workload import describe_trace, find_trace, load_trace
from ipa.workload.source import cached_trace, published_source
from ipa.workload.trace import _parse

TEXT = b"5 0 12 7 \n"
RATES = [5, 0, 12, 7]


def tar_of(files: Any, mode: str = "w") -> Any:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(content: Any, name: str = "trace.txt") -> Any:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to_file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", TEXT),
        ("a.txt", b"\xef\xbb\xbf5\r\n0\r\n12 \r\n\t7"),
        ("a.txt", b"5\r0\r12\r7\r\r"),
        ("a.zst", zstandard.compress(TEXT)),
        ("a.zst", zstandard.compress(TEXT[:4]) + zstandard.compress(TEXT[4:])),
        ("a.xz", lzma.compress(TEXT)),
        ("a.bz2", bz2.compress(TEXT)),
        ("a.gz", gzip.compress(TEXT, mtime=0)),
        ("misnamed.txt", gzip.compress(TEXT, mtime=0)),
        ("a.tbz2", tar_of({"workload.txt": TEXT}, "w:bz2")),
        ("a.tar", tar_of({"folder/workload.txt": TEXT, "readme.txt": b"words"})),
        ("a.tgz", tar_of({"other.txt": TEXT, "data.csv": b"x"}, "w:gz")),
    ],
    # Archives hold the time, and every worker has to call a test the same.
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_every_supported_container_gives_the_same_rates(
    write: Callable[..., Path], name: str, content: Any
) -> None:
    rates = load_trace(write(content, name))
    assert rates.tolist() == RATES
    assert rates.dtype == np.int64


@given(st.lists(st.integers(0, 10**7), min_size=1), st.sampled_from([" ", "\n", "\r\n", " \t"]))
def test_what_was_written_is_read(rates: Any, separator: str) -> None:
    text = separator.join(map(str, rates)).encode()
    assert _parse(text, Path("x"), "rates", "refuse").tolist() == rates


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 2 x3 4", r"number 3 is not a whole number: 'x3'"),
        (b"1 2.5", r"number 2 is not a whole number: '2.5'"),
        (b"1 nan", r"number 2 is not a whole number: 'nan'"),
        (b"3 4 -2 7", r"number 3 is negative: '-2'"),
        (b"1,2,3", r"number 1 is not a whole number: '1,2,3'"),
        (b"1 \xff\xfe", r"holds the byte 0xff in line 1, which is not UTF-8; save it as UTF-8"),
        (b"1 \x0c 2", r"number 2 is not a whole number: '\\x0c'"),
        ("1\xa0200".encode(), r"number 1 holds 2 values: '1\\xa0200'; .*separators of thousands"),
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (
            b"1 " + b"9" * 30,
            r"number 2 is more than 10,000,000 requests: '9+'; if these are times",
        ),
        (lzma.compress(TEXT)[:-8], "cannot be read, perhaps it is cut off"),
        (bz2.compress(TEXT)[:-8], "cannot be read, perhaps it is cut off"),
        (gzip.compress(TEXT, mtime=0)[:-8], "cannot be read, perhaps it is cut off"),
        (zstandard.compress(TEXT)[:-3], "cannot be read, perhaps it is cut off"),
        (tar_of({"a.csv": b"1"}), r"must hold one \.txt file, it holds: a\.csv"),
        (tar_of({"a.txt": b"1", "b.txt": b"2"}), r"must hold one \.txt file"),
    ],
)
def test_a_damaged_trace_is_refused_with_its_fault(
    write: Callable[..., Path], content: Any, message: str
) -> None:
    path = write(content)
    with pytest.raises(TraceError, match=message) as caught:
        load_trace(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_missing_file_is_an_error_that_says_where_to_get_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(TraceError, match="ipa trace fetch"):
        load_trace(tmp_path / name)


def test_another_trace_is_refused_where_the_published_one_is_demanded(write: Callable[..., Path]) -> None:
    path = write(TEXT)
    with pytest.raises(TraceError, match=f"{hashlib.sha256(TEXT).hexdigest()}, expected 2285592c"):
        load_trace(path, published=True)


def test_a_trace_is_described(write: Callable[..., Path]) -> None:
    info = describe_trace(write(TEXT))
    assert (info.n_s, info.total_requests, info.min_rps, info.max_rps, info.zero_seconds) == (4, 24, 0, 12, 1)
    assert info.mean_rps == 6
    assert info.text_sha256 == hashlib.sha256(TEXT).hexdigest()
    assert not info.published


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ipa.workload.source.cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_the_named_trace_is_preferred_to_the_download(
    write: Callable[..., Path], empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_cache.mkdir()
    cached_trace().write_bytes(TEXT)
    monkeypatch.delenv("IPA_TRACE", raising=False)
    assert find_trace() == cached_trace()
    named = write(TEXT)
    monkeypatch.setenv("IPA_TRACE", str(named))
    assert find_trace() == named


@pytest.mark.parametrize("value", [None, ""])
def test_without_variable_and_download_there_is_no_trace(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.delenv("IPA_TRACE", raising=False)
    if value is not None:
        monkeypatch.setenv("IPA_TRACE", value)
    assert not empty_cache.exists()
    assert find_trace() is None


def test_a_variable_that_points_nowhere_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPA_TRACE", str(tmp_path / "nowhere"))
    with pytest.raises(TraceError, match=r"IPA_TRACE is set to .*nowhere, which is not a file"):
        find_trace()


@pytest.mark.trace
def test_the_real_trace_has_the_published_fingerprint_and_totals(trace_path: str) -> None:
    info = describe_trace(trace_path)
    assert info.published
    assert info.n_s == published_source().n_s
    assert (info.total_requests, info.max_rps, info.zero_seconds) == (120_774_326, 388, 37_899)
    assert len(load_trace(trace_path, published=True)) == info.n_s
