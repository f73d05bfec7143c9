"""The process of a gateway: engine, doors and control socket in one event loop."""

import asyncio
import gc
import logging
import os
import signal
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from mlserver import MLServer
from mlserver.settings import ModelParameters, ModelSettings, Settings
from mlserver.utils import install_uvloop_event_loop
from prometheus_client import REGISTRY

from ipa.errors import IpaError
from ipa.serving.gateway.control_server import ControlServer, drain
from ipa.serving.gateway.description import Description
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.clock import LoopClock
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.front import Front
from ipa.serving.gateway.grpc_door import GrpcDoor
from ipa.serving.gateway.metrics import PipelineMetrics
from ipa.serving.gateway.pipeline_model import PipelineModel
from ipa.serving.gateway.replica_links import ReplicaLinks
from ipa.serving.gateway.rest_door import RestDoor
from ipa.serving.gateway.settings import GatewaySettings
from ipa.serving.gateway.tasks import Tasks
from ipa.serving.replica import ServerFailed, ServerReady
from ipa.serving.stock_server import FROM_NOWHERE_ELSE, hold_back_interrupts, server_settings

STOP_DRAIN_S = 5.0
"""Time that requests in flight have to end when the process is told to stop; its owner drains it before."""

GARBAGE_THRESHOLD = 10_000
"""New objects after which garbage is looked for; Python's 700 are those of a handful of requests."""

_log = logging.getLogger(__name__)


class PipelineServer(MLServer):  # type: ignore[misc]
    """MLServer with the doors of a pipeline.

    Parameters
    ----------
    settings
        Of MLServer.
    front
        Serves requests.
    """

    def __init__(self, settings: Settings, front: Front) -> None:
        self._front = front
        super().__init__(settings)

    def _create_servers(self) -> None:
        parts = self._settings, self._data_plane, self._model_repository_handlers
        self._kafka_server = None
        self._rest_server = self.rest = RestDoor(*parts)
        self._grpc_server = self.grpc = GrpcDoor(*parts, self._front)

    def _add_signal_handlers(self) -> None:
        """Leave the signals to the process."""

    async def load(self, model: ModelSettings) -> None:
        """Make the pipeline known."""
        await self._model_registry.load(model)


async def serve(settings: GatewaySettings, ready: Connection) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with tempfile.TemporaryDirectory(prefix="ipa-gateway-") as folder, ready:
        try:
            gateway = Gateway(settings, Path(folder))
            message: ServerReady | ServerFailed = await gateway.open()
        except (IpaError, OSError, RuntimeError) as error:
            _log.exception("the gateway could not be started")
            ready.send(ServerFailed(f"the gateway could not be started: {error}"))
            return
        # What the libraries made while they were imported need not be searched for garbage again and again;
        # what a request makes frees itself.
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        ready.send(message)
        ready.close()
        await stop.wait()
        await gateway.close()


class Gateway:
    """Everything that serves one pipeline.

    Parameters
    ----------
    settings
        Of the gateway.
    folder
        Where MLServer may put files.
    """

    def __init__(self, settings: GatewaySettings, folder: Path) -> None:
        self._tasks = Tasks()
        limits = stage_limits(settings)
        metrics = PipelineMetrics(settings.pipeline, REGISTRY)
        self.engine = Engine(
            settings.pipeline, limits, LoopClock(), settings.seed, settings.journal_limit, metrics
        )
        metrics.watch(self.engine)
        front = Front(self.engine, settings.model)
        description = Description(settings.pipeline)
        self._server = PipelineServer(mlserver_settings(settings, folder), front)
        self._model = ModelSettings(
            **FROM_NOWHERE_ELSE,
            name=settings.model,
            implementation=PipelineModel,
            parameters=ModelParameters(
                **FROM_NOWHERE_ELSE, extra={"front": front, "description": description}
            ),
        )
        links = ReplicaLinks(self.engine, self._tasks, description)
        self._control = ControlServer(settings.control_socket, settings.control_token, self.engine, links)

    async def open(self) -> ServerReady:
        """Open all doors and tell where they are."""
        await self._server.load(self._model)
        await self._server.grpc.open()
        self._http = [
            self._tasks.start(self._server.rest.start()),
            self._tasks.start(self._control.start()),
        ]
        http_port = self._server.rest.port
        return ServerReady(self._server.grpc.port, http_port, http_port, os.getpid())

    async def close(self) -> None:
        """Let requests in flight end, close all doors, and let go of all replicas."""
        await drain(self.engine, STOP_DRAIN_S)
        self._server.rest.close()
        self._control.close()
        await self._server.grpc.close()
        await asyncio.gather(*self._http, return_exceptions=True)
        await self._tasks.stop()


def stage_limits(settings: GatewaySettings) -> Sequence[StageLimits]:
    """Return what each stage bears."""
    return [
        StageLimits(settings.drop_limit_s(place), settings.queue_limit, settings.hang_after_s)
        for place in range(len(settings.pipeline.stages))
    ]


def mlserver_settings(settings: GatewaySettings, folder: Path) -> Settings:
    """Return what MLServer is to do."""
    return server_settings(
        f"ipa-gateway-{settings.pipeline.name}",
        folder,
        http_port=settings.http_port,
        grpc_port=settings.grpc_port,
        metrics_endpoint=None,
        load_models_at_startup=False,
    )


def run(settings: GatewaySettings, ready: Connection) -> None:
    """Serve until SIGTERM, in the main thread of this process."""
    hold_back_interrupts()
    install_uvloop_event_loop()
    asyncio.run(serve(settings, ready))
