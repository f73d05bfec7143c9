"""HTTP over a Unix socket."""

import http.client
import socket
from collections.abc import Mapping
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    """A connection to a server behind a Unix socket.

    Parameters
    ----------
    path
        The socket.
    timeout_s
        Time in which it has to be connected, and every part of an answer has to come.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def call_unix(
    path: Path,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 5.0,
) -> tuple[int, bytes]:
    """Ask a server behind a Unix socket once; return the status and what it answers.

    Parameters
    ----------
    path
        The socket.
    method, target
        What is asked: ``"GET"``, ``"/state"``.
    body, headers
        What goes with it.
    timeout_s
        As for ``UnixConnection``.

    Raises
    ------
    OSError
        If nobody answers in time, or in another protocol.
    """
    connection = UnixConnection(path, timeout_s)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
