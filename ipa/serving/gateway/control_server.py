"""The control socket: HTTP over a Unix socket that only this user can open, and a token on top."""

import hmac
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyarrow as pa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ipa.errors import GatewayError, IpaError
from ipa.serving.gateway.drain import drain
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.messages import StageAssignment, decode, encode
from ipa.serving.gateway.replica_links import ReplicaLinks
from ipa.serving.gateway.rest_door import QuietServer

LONGEST_PATH = 107
"""Bytes that the kernel allows for the path of a Unix socket."""

MOST_SECONDS = 86_400


class ControlServer:
    """Tells the gateway its plan, and others what it does.

    Parameters
    ----------
    path
        Where the socket is made; a stale one is replaced.
    token
        What every call has to show.
    engine, links
        What is controlled.
    """

    def __init__(self, path: Path, token: str, engine: Engine, links: ReplicaLinks) -> None:
        self._path, self._token, self._engine, self._links = path, token, engine, links
        routes = [
            self._route("/plan", self._put_plan, "PUT"),
            self._route("/state", self._state, "GET"),
            self._route("/clock", self._put_clock, "PUT"),
            self._route("/arrivals", self._arrivals, "GET"),
            self._route("/journal", self._journal, "GET"),
            self._route("/drain", self._drain, "POST"),
        ]
        config = uvicorn.Config(Starlette(routes=routes), access_log=False, log_config=None, lifespan="off")
        self._server = QuietServer(config)
        self._socket = listen_unix(path)

    async def start(self) -> None:
        """Serve until ``close``."""
        await self._server.serve([self._socket])

    def close(self) -> None:
        """Take no more calls, and remove the socket."""
        self._server.should_exit = True
        self._path.unlink(missing_ok=True)

    def _route(self, path: str, answer: Callable[[Request], Awaitable[Response]], method: str) -> Route:
        async def guarded(request: Request) -> Response:
            shown = request.headers.get("authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
                return PlainTextResponse("the token is wrong", 401)
            try:
                return await answer(request)
            except (IpaError, ValueError, KeyError, TypeError) as error:
                return PlainTextResponse(str(error), 400)

        return Route(path, guarded, methods=[method])

    async def _put_plan(self, request: Request) -> Response:
        assignments = decode(tuple[StageAssignment, ...], await request.body())
        await self._links.put_plan(assignments, float(request.query_params["timeout_s"]))
        return JSONResponse("ok")

    async def _state(self, _request: Request) -> Response:
        return Response(encode(self._engine.state()), media_type="application/json")

    async def _put_clock(self, request: Request) -> Response:
        zero_ns = (await request.json())["zero_ns"]
        self._engine.account.set_zero(int(zero_ns) / 1e9)
        return JSONResponse("ok")

    async def _arrivals(self, request: Request) -> Response:
        first_s, end_s = int(request.query_params["first_s"]), int(request.query_params["end_s"])
        if not 0 <= end_s - first_s <= MOST_SECONDS:
            raise GatewayError(f"{end_s - first_s} seconds of arrivals; 0 to {MOST_SECONDS} can be asked for")
        return JSONResponse(self._engine.account.arrivals(first_s, end_s))

    async def _journal(self, request: Request) -> Response:
        table = self._engine.journal.table(int(request.query_params["after"]))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return Response(sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream")

    async def _drain(self, request: Request) -> Response:
        return JSONResponse(await drain(self._engine, float(request.query_params["timeout_s"])))


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def listen_unix(path: Path) -> socket.socket:
    """Return a Unix socket that nobody else on the machine can open."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise GatewayError(f"{path}: too long for a Unix socket; at most {LONGEST_PATH} bytes are allowed")
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            if _is_answered(path):
                raise GatewayError(f"{path}: another gateway answers here; end it first")
            path.unlink()
        before = os.umask(0o177)
        try:
            found.bind(str(path))
            found.listen()
        finally:
            os.umask(before)
    except OSError as error:
        found.close()
        raise GatewayError(f"{path}: no control socket can be made here: {error}") from error
    except GatewayError:
        found.close()
        raise
    return found
