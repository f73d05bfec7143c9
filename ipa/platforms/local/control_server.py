"""Lets other processes of this user observe and change a live pipeline, over a Unix socket."""

import hmac
import http
import logging
import secrets
import socketserver
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

from ipa.errors import IpaError
from ipa.platforms.local.folder import LiveFolder

_log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000
"""Length of what a call may carry; a plan of 200 stages has some 20,000."""

Call = Callable[[bytes], bytes]
"""Takes what a call carries and returns the answer."""


class ControlServer:
    """A control socket, served by a thread of its own; only who can read the token beside it may call.

    Parameters
    ----------
    folder
        Of the live pipeline.
    calls
        What can be asked, by method and path: ``"GET /observation"``.
    """

    def __init__(self, folder: LiveFolder, calls: Mapping[str, Call]) -> None:
        token = secrets.token_urlsafe(32)
        folder.token_file.touch(mode=0o600)
        folder.token_file.write_text(token, encoding="ascii")
        self._server = _Server(folder.control_socket, token, calls)
        folder.control_socket.chmod(0o600)
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, token: str, calls: Mapping[str, Call]) -> None:
        self.token, self.calls = token, calls
        super().__init__(str(path), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10.0

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        status, body = self._call()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status == http.HTTPStatus.OK else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _call(self) -> tuple[http.HTTPStatus, bytes]:
        announced = self.headers.get("Content-Length") or "0"
        length = int(announced) if announced.isdecimal() else MOST_BYTES + 1
        if length > MOST_BYTES:
            return http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too long"
        # Read in any case: who is answered while still sending sees a broken connection and not the answer.
        body = self.rfile.read(length)
        given, wanted = self.headers.get("Authorization", ""), f"Bearer {self.server.token}"
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return http.HTTPStatus.UNAUTHORIZED, b"the token is missing or wrong"
        call = self.server.calls.get(f"{self.command} {self.path}")
        if call is None:
            return http.HTTPStatus.NOT_FOUND, f"calls: {', '.join(self.server.calls)}".encode()
        try:
            return http.HTTPStatus.OK, call(body)
        except IpaError as error:
            return http.HTTPStatus.BAD_REQUEST, str(error).encode()
        except Exception as error:
            # Whoever asks is told, whatever it is; the pipeline serves on.
            _log.warning("%s %s failed", self.command, self.path, exc_info=True)
            return http.HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}".encode()

    def log_message(self, *_: Any) -> None:
        """Keep the terminal quiet."""
