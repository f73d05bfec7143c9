"""The REST door of the gateway: MLServer's, with a pipeline's statuses and without a model repository."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from mlserver.errors import MLServerError, ModelNotReady
from mlserver.handlers import DataPlane, ModelRepositoryHandlers
from mlserver.metrics.prometheus import PrometheusEndpoint
from mlserver.rest.responses import Response
from mlserver.rest.server import RESTServer
from mlserver.settings import Settings

from ipa.errors import brief
from ipa.serving.gateway.asgi import BoundedRequests
from ipa.serving.gateway.front import NotServedError

STATUS = {
    "expired": 504,
    "refused": 429,
    "unavailable": 503,
    "model-error": 500,
    "bad-answer": 500,
    "cancelled": 499,
}

RETRY_SOON = {"Retry-After": "1"}

BACKLOG = 1024
"""Connections that may wait to be accepted."""

NOT_SERVED = ("/v2/repository", "infer_stream", "generate_stream")
"""Parts of paths that a pipeline does not have."""


class RestError(MLServerError):  # type: ignore[misc]
    """What MLServer turns into an answer."""

    def __init__(self, error: NotServedError) -> None:
        super().__init__(error.message, STATUS[error.reason])
        self.told = error.told()


class QuietServer(uvicorn.Server):
    """uvicorn that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch none."""
        yield


class RestDoor(RESTServer):  # type: ignore[misc]
    """MLServer's REST server for a pipeline.

    Parameters
    ----------
    settings, data_plane, handlers
        Of MLServer.
    """

    def __init__(self, settings: Settings, data_plane: DataPlane, handlers: ModelRepositoryHandlers) -> None:
        super().__init__(settings, data_plane, handlers)
        app: FastAPI = self._app
        app.router.routes = [
            route
            for route in app.routes
            if not any(part in getattr(route, "path", "") for part in NOT_SERVED)
        ]
        app.add_exception_handler(RestError, _not_served)
        app.add_exception_handler(ModelNotReady, _not_ready)
        app.add_exception_handler(RequestValidationError, _malformed)
        app.add_route("/metrics", PrometheusEndpoint(settings).handle_metrics)
        self._socket = listen(settings.host, settings.http_port)
        self._requests = BoundedRequests(app)
        config = uvicorn.Config(self._requests, access_log=False, log_config=None, lifespan="off")
        self._server = QuietServer(config)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Serve until ``close``."""
        await self._server.serve([self._socket])

    def leave(self) -> None:
        """End each connection after its next answer."""
        self._requests.last_ones = True

    def close(self) -> None:
        """Let requests end and take no more."""
        self._server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is the kernel's choice."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    return found


async def _not_served(_request: Request, error: Exception) -> Response:
    status, headers = getattr(error, "status_code", 500), getattr(error, "told", None)
    return Response({"error": str(error)}, status, headers)


async def _not_ready(_request: Request, _error: Exception) -> Response:
    return Response({"error": "unavailable: the pipeline has no plan yet, or is stopping"}, 503, RETRY_SOON)


async def _malformed(_request: Request, error: Exception) -> Response:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ())[1:])
    problem = f"{where}: {first.get('msg', 'malformed')}" if where else str(first.get("msg", "malformed"))
    return Response({"error": f"no request of the V2 protocol: {brief(problem, 200)}"}, 400)
