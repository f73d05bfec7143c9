"""The transport notices an API server that is gone, however it went."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from ipa.cluster.transport import HttpStream, HttpTransport, Request, TransportError

pytest.importorskip("kubernetes")

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SOON_S = 10.0
WATCH = Request("GET", "/api/v1/configmaps", {"watch": "true"}, timeout_s=0.2)


class Server:
    """Takes connections, says what it is given, and nothing after that."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        self._thread = Thread(target=self._serve)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        try:
            while True:
                taken, _ = self._socket.accept()
                self._taken.append(taken)
                taken.sendall(self._says)
        except OSError:
            return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for taken in self._taken:
            taken.close()


def chunk(line: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(line), line)


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> Iterator[HttpTransport]:
    """Return a transport to a server that says what the test wants."""
    from kubernetes.client import Configuration

    with closing(Server(request.param)) as server:
        configuration = Configuration()
        configuration.host = server.address
        made = HttpTransport(configuration)
        yield made
        made.close()


@pytest.mark.parametrize("transport", [b""], indirect=True)
def test_a_watch_that_is_not_even_answered_breaks(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipa.cluster.transport.FIRST_WORD_S", 0.1)
    began_s = time.monotonic()
    with pytest.raises(TransportError, match="timed out"):
        transport.open(Request("GET", "/", timeout_s=90.0))
    assert time.monotonic() - began_s < SOON_S


@pytest.mark.parametrize("transport", [HEAD + chunk(b"one\ntw") + chunk(b"o\n")], indirect=True)
def test_a_watch_that_falls_silent_breaks_after_what_it_told(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipa.cluster.transport.FIRST_WORD_S", SOON_S)
    stream = transport.open(WATCH)
    assert stream.status == 200
    lines = stream.lines()
    assert [next(lines), next(lines)] == [b"one", b"two"]
    with pytest.raises(TransportError, match="timed out"):
        next(lines)


@pytest.mark.parametrize("transport", [HEAD], indirect=True)
def test_the_silence_of_a_watch_may_last_longer_than_its_first_word(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipa.cluster.transport.FIRST_WORD_S", 0.1)
    stream = transport.open(Request("GET", "/", timeout_s=0.5))
    began_s = time.monotonic()
    with pytest.raises(TransportError, match="timed out"):
        next(stream.lines())
    assert time.monotonic() - began_s > 0.4


@pytest.mark.parametrize("transport", [HEAD], indirect=True)
def test_connections_ask_whether_the_other_end_is_still_there(transport: HttpTransport) -> None:
    stream = transport.open(WATCH)
    assert isinstance(stream, HttpStream)
    used = stream._response.connection.sock
    assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
    assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "what the library sets stays"
    stream.close()
    assert list(stream.lines()) == []
