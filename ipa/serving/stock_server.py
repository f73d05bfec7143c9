"""Runs stock MLServer with one model, by default on ports that the kernel picks."""

import asyncio
import gc
import os
import signal
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from mlserver import MLModel, MLServer
from mlserver.settings import ModelParameters, ModelSettings, Settings
from mlserver.utils import install_uvloop_event_loop

from ipa.errors import ServerStartError
from ipa.serving.closed_server import ClosedServer
from ipa.serving.doors import LOCAL_DOORS, Doors
from ipa.serving.replica import Report, ServerFailed, ServerReady
from ipa.serving.v2.client import MAX_MESSAGE_BYTES, V2Client

FROM_NOWHERE_ELSE: dict[str, Any] = {"_env_file": None, "_env_prefix": "IPA_NOT_READ_"}
"""Keeps settings of MLServer from being changed by its environment variables or a file .env."""

DOORS_TIMEOUT_S = 20.0
"""Time in which a server whose model is loaded has to open its doors."""

POLL_S = 0.005

IDENTITY = "replica"
"""Parameter in the metadata of a model that holds the name of the server."""


@dataclass(slots=True)
class StartUp:
    """What a model tells the process that loads it.

    Parameters
    ----------
    loaded
        Set once loading has ended, well or not.
    problem
        Why the model could not be loaded; empty if it could.
    """

    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str = ""


def serve_model(
    runtime: type[MLModel],
    model: str,
    name: str,
    extra: Mapping[str, Any],
    ready: Report,
    doors: Doors = LOCAL_DOORS,
) -> None:
    """Serve one model until SIGTERM, in the main thread of a process of its own.

    Parameters
    ----------
    runtime
        Class that serves it; it finds ``extra``, and a ``StartUp`` under ``start_up``, in the extra
        parameters of its settings, and tells ``name`` as the parameter ``replica`` of its metadata.
    model
        Name of the model that clients ask.
    name
        Name of this server, by which it recognises itself behind its port.
    extra
        What the runtime is given.
    ready
        Gets ``ServerReady`` or ``ServerFailed``; then it is closed.
    doors
        Where it answers.

    Raises
    ------
    OSError
        If the port of its gRPC door is taken.
    """
    hold_back_interrupts()
    # What the template left is never garbage. Looking for it would take a tenth of a second now and then, in
    # the middle of a batch, and write to pages that all replicas share.
    gc.freeze()
    install_uvloop_event_loop()
    with tempfile.TemporaryDirectory(prefix="ipa-mlserver-") as folder, _reserved_port(doors) as reserved:
        stock = _Stock(runtime, model, name, extra, Path(folder), doors, reserved)
        asyncio.run(_serve(stock, ready))


def server_settings(name: str, folder: Path, doors: Doors, **others: Any) -> Settings:
    """Return what MLServer is to do; neither an .env file nor the environment changes it.

    Parameters
    ----------
    name
        Name of the server.
    folder
        Where it may put files.
    doors
        Where it answers.
    others
        Whatever else is not the same for all servers.
    """
    ports = {"http_port": doors.http_port, "grpc_port": doors.grpc_port, "metrics_port": doors.metrics_port}
    return Settings(
        **FROM_NOWHERE_ELSE,
        host=doors.host,
        debug=False,
        parallel_workers=0,
        server_name=name,
        grpc_max_message_length=MAX_MESSAGE_BYTES,
        environments_dir=str(folder),
        metrics_dir=str(folder),
        gzip_enabled=False,
        **ports,
        **others,
    )


def hold_back_interrupts() -> None:
    """Let no Ctrl-C of the terminal, which reaches every process, end this one.

    Only who started it knows what has to end before it; uvicorn would take it as a wish to stop.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGQUIT})


@dataclass(frozen=True, slots=True)
class _Stock:
    runtime: type[MLModel]
    model: str
    name: str
    extra: Mapping[str, Any]
    folder: Path
    doors: Doors
    reserved: socket.socket

    @property
    def grpc_port(self) -> int:
        return int(self.reserved.getsockname()[1])

    def settings(self) -> Settings:
        return server_settings(self.name, self.folder, replace(self.doors, grpc_port=self.grpc_port))

    def model_settings(self, start_up: StartUp) -> ModelSettings:
        parameters = ModelParameters(**FROM_NOWHERE_ELSE, extra={**self.extra, "start_up": start_up})
        return ModelSettings(
            **FROM_NOWHERE_ELSE, name=self.model, implementation=self.runtime, parameters=parameters
        )


async def _serve(stock: _Stock, ready: Report) -> None:
    start_up = StartUp()
    server = ClosedServer(stock.settings())
    serving = asyncio.create_task(server.start([stock.model_settings(start_up)]))
    try:
        message: ServerReady | ServerFailed = await _first_signs(server, serving, stock, start_up)
    except ServerStartError as error:
        message = ServerFailed(str(error))
        await server.stop()
    stock.reserved.close()
    with ready:
        ready.send(message)
    await serving


async def _first_signs(
    server: MLServer, serving: asyncio.Task[None], stock: _Stock, start_up: StartUp
) -> ServerReady:
    """Wait until the server serves, and make sure that it is this one that answers at its port."""
    loaded = asyncio.create_task(start_up.loaded.wait())
    await asyncio.wait({loaded, serving}, return_when=asyncio.FIRST_COMPLETED)
    if not loaded.done():
        loaded.cancel()
        raise ServerStartError(f"{stock.name}: the model server ended while it loaded; see its log file")
    if start_up.problem:
        raise ServerStartError(f"{stock.name}: {start_up.problem}")
    async with V2Client(f"{stock.doors.own_host}:{stock.grpc_port}") as client:
        try:
            async with asyncio.timeout(DOORS_TIMEOUT_S):
                while not (_is_open(server) and await _answers(client, stock)):
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ServerStartError(
                f"{stock.name}: its doors did not open within {DOORS_TIMEOUT_S:g} s; see its log file"
            ) from None
    rest, metrics = (uvicorn.servers[0].sockets[0].getsockname()[1] for uvicorn in _uvicorns(server))
    return ServerReady(stock.grpc_port, rest, metrics, os.getpid())


async def _answers(client: V2Client, stock: _Stock) -> bool:
    try:
        if not await client.model_ready(stock.model, timeout_s=1.0):
            return False
        found = (await client.model_metadata(stock.model, timeout_s=1.0)).parameters[IDENTITY].string_param
    except grpc.aio.AioRpcError:
        return False
    if found != stock.name:
        raise ServerStartError(f"{stock.name}: port {stock.grpc_port} is answered by {found or 'another'!r}")
    return True


def _uvicorns(server: MLServer) -> list[Any]:
    # MLServer does not tell on which ports its HTTP servers ended up; uvicorn does.
    doors = (server._rest_server, server._metrics_server)  # noqa: SLF001 (no public name)
    return [getattr(door, "_server", None) for door in doors]


def _is_open(server: MLServer) -> bool:
    return all(uvicorn is not None and uvicorn.started for uvicorn in _uvicorns(server))


def _reserved_port(doors: Doors) -> socket.socket:
    """Return a socket that keeps the port for gRPC, which may be of the kernel's choice.

    gRPC binds with SO_REUSEPORT, so it can open the port though it is taken by a socket that does not listen;
    nobody else is given the port meanwhile.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((doors.host, doors.grpc_port))
    return reserved
