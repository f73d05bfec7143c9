"""Replicas that are processes of this machine, one measured at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.load import pipeline_config
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import Profile
from ipa.platforms.local.async_host import AsyncHost, received
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.launcher import Launcher
from ipa.platforms.local.processes import PRELOADED, ProcessHost
from ipa.platforms.local.settings import LocalSettings
from ipa.profiler.called_model import CalledModel
from ipa.profiler.calling_host import CallingHost
from ipa.profiler.folder_lock import alone_in
from ipa.profiler.meter import ProcessMeter
from ipa.profiler.single_replica import alone, unknown_profile
from ipa.profiler.target import Wanted, usable_cores
from ipa.serving.runtimes.catalogue import libraries_of


@asynccontextmanager
async def open_local_host(wanted: Wanted, folder: Path) -> AsyncIterator["LocalHost"]:
    """Keep a host whose processes end with the block, or with this process, whatever it ends by.

    Raises
    ------
    ProfilerError
        If another process measures into the same folder.
    """
    config = pipeline_config(wanted.pipeline)
    live = LiveFolder(folder / "processes", f"profile-{config.name}")
    live.logs.mkdir(parents=True, exist_ok=True)
    libraries = libraries_of((stage.task for stage in config.stages), wanted.source)
    with alone_in(folder):
        processes = ProcessHost(live.path / "pids", (*PRELOADED, *libraries))
        host = AsyncHost(processes)
        try:
            # The template takes a second or two to start, which is no part of the start of a replica.
            _, reader = await host.start_reporting("template", _report, None, live.log_file("template"))
            await received(reader)
            yield LocalHost(wanted, config, host, processes, live)
        finally:
            await host.close()
            live.remove()


def _report(_settings: object, ready: Connection) -> None:
    ready.send(True)


class LocalHost(CallingHost):
    """Starts model servers on this machine, as the local platform does.

    Parameters
    ----------
    wanted
        What is measured.
    config
        The pipeline.
    host, processes
        What starts processes.
    live
        Where their logs lie.
    """

    def __init__(
        self,
        wanted: Wanted,
        config: PipelineConfig,
        host: AsyncHost,
        processes: ProcessHost,
        live: LiveFolder,
    ) -> None:
        super().__init__(wanted, config)
        self._host, self._processes, self._live = host, processes, live

    def most_cores(self) -> int:
        """Return the cores of this machine."""
        return usable_cores()

    @asynccontextmanager
    async def serve(
        self, stage: StageConfig, variant: VariantConfig, cores: int, profile: Profile | None = None
    ) -> AsyncIterator[CalledModel]:
        """Start a variant, wait until it is ready, and stop it when the block ends."""
        settings = replace(self.wanted.serving or LocalSettings(), source=self.wanted.source)
        known = profile or unknown_profile(cores, self.wanted.batches)
        pipeline = alone(self.config, stage, variant, known)
        launcher = Launcher(self._host, pipeline, settings, self.wanted.seed, self._live)
        place = self.config.stages.index(stage)
        launch = await launcher.launch(place, StagePlan(stage.name, variant.name, 1, 1, cores))
        try:
            meter = ProcessMeter(self._process(launch.name))
            async with CalledModel(await launch.ready(), meter) as model:
                yield model
        finally:
            await launch.stop()

    def _process(self, name: str) -> psutil.Process | None:
        return next((psutil.Process(p.pid) for p in self._processes.processes if p.name == name), None)
