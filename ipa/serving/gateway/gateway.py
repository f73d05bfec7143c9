"""A gateway without whoever tells it its plan: engine, doors, and what they share."""

import asyncio
import gc
import os
from collections.abc import Sequence
from pathlib import Path

from mlserver import MLServer
from mlserver.settings import ModelParameters, ModelSettings, Settings
from prometheus_client import REGISTRY

from ipa.serving.doors import Doors
from ipa.serving.gateway.data_plane import PipelineDataPlane
from ipa.serving.gateway.description import Description
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.clock import LoopClock
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.front import Front
from ipa.serving.gateway.grpc_door import STOP_GRACE_S, GrpcDoor
from ipa.serving.gateway.metrics import PipelineMetrics
from ipa.serving.gateway.pipeline_model import PipelineModel
from ipa.serving.gateway.rest_door import RestDoor
from ipa.serving.gateway.settings import ServedPipeline
from ipa.serving.gateway.tasks import Tasks
from ipa.serving.replica import ServerReady
from ipa.serving.stock_server import FROM_NOWHERE_ELSE, server_settings

GARBAGE_THRESHOLD = 10_000
"""New objects after which garbage is looked for; Python's 700 are those of a handful of requests."""


class PipelineServer(MLServer):  # type: ignore[misc]
    """MLServer with the doors of a pipeline.

    Parameters
    ----------
    settings
        Of MLServer.
    front
        Serves requests.
    connection_age_s
        Age at which connections over gRPC are ended in order; None: never.
    """

    def __init__(self, settings: Settings, front: Front, connection_age_s: float | None) -> None:
        self._front, self._connection_age_s = front, connection_age_s
        super().__init__(settings)

    def _create_servers(self) -> None:
        data_plane = self._data_plane = PipelineDataPlane(self.__dict__["_data_plane"])
        parts = self._settings, data_plane, self._model_repository_handlers
        self._kafka_server = None
        self._rest_server = self.rest = RestDoor(*parts)
        self._grpc_server = self.grpc = GrpcDoor(*parts, self._front, self._connection_age_s)

    def _add_signal_handlers(self) -> None:
        """Leave the signals to the process."""

    async def load(self, model: ModelSettings) -> None:
        """Make the pipeline known."""
        await self._model_registry.load(model)


class Gateway:
    """Engine and doors of one pipeline.

    Parameters
    ----------
    served
        What it serves.
    doors
        Where it answers.
    folder
        Where MLServer may put files.
    metrics
        Count what happens; None: those that every gateway has.

    Attributes
    ----------
    engine
        Decides; it has to be told a plan.
    description
        What the pipeline tells of itself; it learns from the replicas.
    tasks
        Own whatever runs beside.
    """

    def __init__(
        self, served: ServedPipeline, doors: Doors, folder: Path, metrics: PipelineMetrics | None = None
    ) -> None:
        self.tasks = Tasks()
        self._open_doors: list[asyncio.Task[None]] = []
        self.description = Description(served.pipeline)
        metrics = metrics or PipelineMetrics(served.pipeline, REGISTRY)
        self.engine = Engine(
            served.pipeline, stage_limits(served), LoopClock(), served.seed, served.journal_limit, metrics
        )
        metrics.watch(self.engine)
        front = Front(self.engine, served.model)
        self._server = PipelineServer(mlserver_settings(served, doors, folder), front, doors.connection_age_s)
        self._model = ModelSettings(
            **FROM_NOWHERE_ELSE,
            name=served.model,
            implementation=PipelineModel,
            parameters=ModelParameters(
                **FROM_NOWHERE_ELSE, extra={"front": front, "description": self.description}
            ),
        )

    async def open(self) -> ServerReady:
        """Open all doors and tell where they are."""
        await self._server.load(self._model)
        await self._server.grpc.open()
        self._open_doors.append(self.tasks.start(self._server.rest.start()))
        http_port = self._server.rest.port
        return ServerReady(self._server.grpc.port, http_port, http_port, os.getpid())

    def leave(self) -> None:
        """Let clients over REST connect anew for their next request: soon this gateway is no more."""
        self._server.rest.leave()

    async def close_doors(self, grace_s: float = STOP_GRACE_S) -> None:
        """Take no more requests, and let those in flight end within a time."""
        self._server.rest.close()
        await self._server.grpc.close(grace_s)
        await asyncio.gather(*self._open_doors, return_exceptions=True)

    async def close(self) -> None:
        """Close all doors and let go of all replicas."""
        await self.close_doors()
        await self.tasks.stop()


def stage_limits(served: ServedPipeline) -> Sequence[StageLimits]:
    """Return what each stage bears."""
    return [
        StageLimits(served.drop_limit_s(place), served.queue_limit, served.hang_after_s)
        for place in range(len(served.pipeline.stages))
    ]


def mlserver_settings(served: ServedPipeline, doors: Doors, folder: Path) -> Settings:
    """Return what MLServer is to do."""
    return server_settings(
        f"ipa-gateway-{served.pipeline.name}",
        folder,
        doors,
        metrics_endpoint=None,
        load_models_at_startup=False,
    )


def settle_garbage() -> None:
    """Look for garbage seldom, now that everything is there.

    What the libraries made while they were imported need not be searched again and again; what a request
    makes frees itself.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
