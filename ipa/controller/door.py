"""The door at which the kubelet asks whether the controller is well, and Prometheus for its metrics."""

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from ipa.errors import InvalidValueError

Answer = tuple[HTTPStatus, bytes]


class Door:
    """Answers GET requests, in threads of its own.

    Parameters
    ----------
    port
        To listen on, on all addresses; 0 lets the kernel pick one.
    pages
        What is answered, by path.

    Raises
    ------
    InvalidValueError
        If the port cannot be had.
    """

    def __init__(self, port: int, pages: dict[str, Callable[[], Answer]]) -> None:
        try:
            # Probes come from the node, scrapes from another pod.
            self._server = _Server(("0.0.0.0", port), _Handler)  # noqa: S104
        except OSError as error:
            raise InvalidValueError(f"port {port} cannot be had: {error.strerror}; choose another") from error
        self._server.pages = pages
        self._thread = Thread(target=self._server.serve_forever, name="door", daemon=True)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._server.server_address[1])

    def open(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pages: dict[str, Callable[[], Answer]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        status, body = (HTTPStatus.NOT_FOUND, b"no such page\n") if page is None else page()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""
