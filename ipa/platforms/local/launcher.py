"""Starts replicas, of whatever kind their variant asks for."""

import re
import socket
import time
from contextlib import ExitStack
from functools import partial
from itertools import count

from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.pipeline import Pipeline, Variant
from ipa.pipeline.plan import StagePlan
from ipa.platforms.local.async_host import AsyncHost
from ipa.platforms.local.cpus import CpuPool
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.launch import HOST, AddressLaunch, CommandLaunch, Launch, ModelServerLaunch
from ipa.platforms.local.replica_settings import replica_settings
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.serving.model_server import serve_replica

UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class Launcher:
    """Starts the replicas of one pipeline.

    Parameters
    ----------
    host
        Runs the processes.
    pipeline
        What is served.
    settings
        Source of the weights and whatever else the platform was told.
    seed
        Of all service times that are emulated.
    folder
        For the logs.
    """

    def __init__(
        self, host: AsyncHost, pipeline: Pipeline, settings: ServingSettings, seed: int, folder: LiveFolder
    ) -> None:
        self._host, self._pipeline, self._settings = host, pipeline, settings
        self._seed, self._folder = seed, folder
        self._cpus, self._numbers = CpuPool(), count(1)

    async def launch(self, stage_index: int, plan: StagePlan) -> Launch:
        """Start a replica for a plan of a stage."""
        stage = self._pipeline.stages[stage_index]
        variant = stage.variant(plan.variant)
        name = f"{UNFIT.sub('-', f'{stage.name}-{variant.name}')[:60]}-{next(self._numbers)}"
        if variant.server is not None:
            return await self._launch_external(name, variant.server)
        return await self._launch_own(name, stage_index, variant, plan.cores)

    async def _launch_external(self, name: str, server: ExternalServer) -> Launch:
        if server.address:
            return AddressLaunch(name, server.address, server.model)
        port, http_port, metrics_port = _free_ports(3)
        command = server.command_on(port, http_port, metrics_port)
        process = await self._host.start_command(name, command, self._folder.log_file(name))
        return CommandLaunch(self._host, process, "on all processors", f"{HOST}:{port}", server.model)

    async def _launch_own(self, name: str, stage_index: int, variant: Variant, cores: int) -> Launch:
        settings = replica_settings(
            self._pipeline,
            stage_index,
            variant.name,
            cores,
            self._settings,
            seed=self._seed,
            name=name,
            asked_ns=time.monotonic_ns(),
        )
        # Emulated replicas wait more than they compute.
        cpus = None if self._settings.source == "emulated" else self._cpus.take(cores)
        process, reader = await self._host.start_reporting(
            name, serve_replica, settings, self._folder.log_file(name), cpus
        )
        where = f"on processors {', '.join(map(str, sorted(cpus)))}" if cpus else "sharing all processors"
        return ModelServerLaunch(
            self._host, process, where, reader, settings.model, partial(self._cpus.give_back, cpus)
        )


def _free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago: a command cannot be handed open ones."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
