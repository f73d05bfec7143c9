"""A Hugging Face hub of one model on this machine: what ``huggingface_hub`` asks of the real one."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """Serves the files of a folder as a model, and remembers which were asked for.

    Parameters
    ----------
    model
        Id of the model.
    folder
        Its files.
    """

    def __init__(self, model: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model, self.folder = model, folder
        self.asked: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def described(self) -> bytes:
        files = [
            {"rfilename": file.name, "size": file.stat().st_size} for file in sorted(self.folder.iterdir())
        ]
        return json.dumps({"id": self.model, "sha": COMMIT, "siblings": files, "tags": []}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub, path = self.server, self.path.split("?")[0]
        file = hub.folder / path.removeprefix(f"/{hub.model}/resolve/{COMMIT}/")
        if path.startswith(f"/api/models/{hub.model}"):
            self._send(hub.described(), {"Content-Type": "application/json"}, body)
        elif file.is_file():
            if body:
                hub.asked.append(file.name)
            content = file.read_bytes()
            tag = hashlib.sha256(content).hexdigest()
            self._send(content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, body)
        else:
            self.send_error(404)

    def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def fake_hub(model: str, folder: Path) -> Iterator[FakeHub]:
    """Run a hub until the end of a ``with`` block."""
    with FakeHub(model, folder) as hub:
        Thread(target=hub.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            hub.shutdown()
