"""Downloading the trace, against a server on this machine."""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import TraceError
from ipa.workload.fetch import fetch_trace

ARCHIVE = bytes(range(256)) * 2000
HALF = len(ARCHIVE) // 2


class ArchiveServer(BaseHTTPRequestHandler):
    """Serves one archive; the class attributes of a subclass say how badly."""

    content = ARCHIVE
    status = 200
    ranges = True
    sends_from: int | None = None
    says_length = True
    sends_bytes = len(ARCHIVE)
    requests: list[str | None]

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.requests.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        size = len(self.content)
        if self.status != 200:
            self.send_error(self.status)
            return
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.end_headers()
            return
        partial = start > 0
        start = start if self.sends_from is None else self.sends_from
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if self.says_length:
            self.send_header("Content-Length", str(size - start))
        self.end_headers()
        self.wfile.write(self.content[start : self.sends_bytes])

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving(**behaviour: Any) -> Any:
    handler: Any = type("Handler", (ArchiveServer,), {**behaviour, "requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/workload.tbz2", handler.requests
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def archive_is_the_published_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the data folder announce ``ARCHIVE``, and let no proxy come between."""
    folder = tmp_path / "data" / "workloads"
    folder.mkdir(parents=True)
    (folder / "trace.yaml").write_text(
        f"url: http://127.0.0.1:1/unused\narchive_sha256: {hashlib.sha256(ARCHIVE).hexdigest()}\n"
        f"text_sha256: {'a' * 64}\ntext_name: workload.txt\nfile_name: trace.tbz2\nn_s: 1\n"
    )
    monkeypatch.setenv("IPA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("ipa.workload.source.cache_dir", lambda: tmp_path / "cache")


@pytest.fixture
def target(tmp_path: Path) -> Any:
    return tmp_path / "new" / "trace.tbz2"


@pytest.fixture
def part(target: Path) -> Any:
    return target.with_name("trace.tbz2.part")


def with_part(part: Path, content: Any) -> None:
    part.parent.mkdir(parents=True)
    part.write_bytes(content)


def files_beside(target: Path) -> Any:
    return sorted(path.name for path in target.parent.iterdir())


def test_the_archive_arrives_whole_and_leaves_nothing_beside_it(target: Path) -> None:
    with serving() as (url, _):
        assert fetch_trace(target, source=url) == target
    assert target.read_bytes() == ARCHIVE
    assert files_beside(target) == ["trace.tbz2"]


def test_without_a_target_it_goes_into_the_cache(tmp_path: Path) -> None:
    with serving() as (url, _):
        assert fetch_trace(source=url) == tmp_path / "cache" / "trace.tbz2"


def test_progress_rises_to_the_total(target: Path) -> None:
    seen = []
    with serving() as (url, _):
        fetch_trace(target, source=url, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, len(ARCHIVE))
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_progress_has_no_total_if_the_server_does_not_say(target: Path) -> None:
    seen = []
    with serving(says_length=False) as (url, _):
        fetch_trace(target, source=url, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(ARCHIVE), None)


def test_what_is_there_already_is_not_downloaded_again(target: Path) -> None:
    with serving() as (url, requests):
        fetch_trace(target, source=url)
        fetch_trace(target, source=url)
        assert len(requests) == 1


def test_a_wrong_file_at_the_target_is_replaced(target: Path) -> None:
    with_part(target, b"something else")
    with serving() as (url, _):
        fetch_trace(target, source=url)
    assert target.read_bytes() == ARCHIVE


def test_an_aborted_download_resumes_where_it_broke_off(target: Path, part: Path) -> None:
    with serving(sends_bytes=HALF) as (url, _), pytest.raises(TraceError, match=f"broke after {HALF} of"):
        fetch_trace(target, source=url)
    assert part.read_bytes() == ARCHIVE[:HALF]
    assert not target.exists()
    with serving() as (url, requests):
        fetch_trace(target, source=url)
        assert requests == [f"bytes={HALF}-"]
    assert target.read_bytes() == ARCHIVE


def test_a_server_without_ranges_starts_over(target: Path, part: Path) -> None:
    with_part(part, ARCHIVE[:HALF])
    with serving(ranges=False) as (url, _):
        fetch_trace(target, source=url)
    assert target.read_bytes() == ARCHIVE


def test_a_server_that_sends_another_range_than_asked_for_is_taken_at_its_word(
    target: Path, part: Path
) -> None:
    with_part(part, ARCHIVE[:HALF])
    with serving(sends_from=0) as (url, _):
        fetch_trace(target, source=url)
    assert target.read_bytes() == ARCHIVE


def test_a_download_that_stopped_just_before_the_move_is_completed(target: Path, part: Path) -> None:
    with_part(part, ARCHIVE)
    with serving() as (url, requests):
        fetch_trace(target, source=url)
        assert len(requests) == 1
    assert target.read_bytes() == ARCHIVE


def test_a_partial_file_longer_than_the_archive_is_thrown_away(target: Path, part: Path) -> None:
    with_part(part, ARCHIVE + b"too long")
    with serving() as (url, requests):
        fetch_trace(target, source=url)
        assert requests == [f"bytes={len(ARCHIVE) + 8}-", None]
    assert target.read_bytes() == ARCHIVE


@pytest.mark.parametrize("start", [b"", b"wrong beginning"])
def test_a_wrong_checksum_is_refused_and_set_aside(target: Path, part: Path, start: Any) -> None:
    if start:
        with_part(part, start)
    with (
        serving(content=b"<html>please log in</html>") as (url, _),
        pytest.raises(TraceError, match=r"did not send the published trace: SHA-256 is .* set aside as"),
    ):
        fetch_trace(target, source=url)
    assert files_beside(target) == ["trace.tbz2.rejected"]


def test_a_refused_archive_is_not_resumed_but_fetched_anew(target: Path) -> None:
    with serving(content=b"wrong") as (url, _), pytest.raises(TraceError):
        fetch_trace(target, source=url)
    with serving() as (url, requests):
        fetch_trace(target, source=url)
        assert requests == [None]
    assert target.read_bytes() == ARCHIVE


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusing_server_is_an_error_that_offers_a_local_copy(target: Path, status: int) -> None:
    with serving(status=status) as (url, _), pytest.raises(TraceError, match=rf"{status}.*set IPA_TRACE"):
        fetch_trace(target, source=url)
    assert not target.exists()


def test_nobody_listening_is_an_error_that_offers_a_local_copy(target: Path) -> None:
    with serving() as (url, _):
        pass
    with pytest.raises(TraceError, match="set IPA_TRACE to a local copy"):
        fetch_trace(target, source=url)


def test_a_target_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with serving() as (url, _), pytest.raises(TraceError, match=r"cannot download .* to .*file/trace"):
        fetch_trace(tmp_path / "file" / "trace.tbz2", source=url)


@pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://somewhere/x", "workload.tbz2"])
def test_only_web_addresses_are_sources(target: Path, source: str) -> None:
    with pytest.raises(TraceError, match="must start with http"):
        fetch_trace(target, source=source)
