"""Replicas that are processes of this machine, one measured at a time."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from ipa.errors import ProfilerError
from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.load import pipeline_config
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.local.async_host import AsyncHost, received
from ipa.platforms.local.folder import LiveFolder, live_root
from ipa.platforms.local.launcher import Launcher
from ipa.platforms.local.processes import PRELOADED, ProcessHost
from ipa.platforms.local.settings import LocalSettings
from ipa.profiler.called_model import CalledModel
from ipa.profiler.host import Replica
from ipa.profiler.items import Item, alike, inputs_of, needed_stages, request_of, stage_inputs
from ipa.profiler.target import EMULATED, Target, Wanted, usable_cores
from ipa.serving.payloads import Input, make_payload
from ipa.serving.runtimes.catalogue import libraries_of
from ipa.serving.runtimes.pipeline_tensors import request_inputs

ITEMS = 16
"""Different requests that batches are made of, at most."""


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
    with _alone_in(folder):
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


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: a second host would end the processes of the first as left over."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(live_root() / f"profile-{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ProfilerError(
            f"another ipa profile measures into {folder}; wait for it, or choose another folder with --out"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _report(_settings: object, ready: Connection) -> None:
    ready.send(True)


class LocalHost:
    """Starts model servers on this machine, as the local platform does, and calls them directly.

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
        self._wanted, self._config = wanted, config
        self._host, self._processes, self._live = host, processes, live
        self._request: list[Item] = []
        self._outputs: dict[str, list[Item]] = {}

    @asynccontextmanager
    async def replica(self, target: Target) -> AsyncIterator[Replica]:
        """Start a replica and keep it until the block ends."""
        items = alike(await self._items(target))
        begun_s = time.monotonic()
        async with self._served(target.stage, target.variant, target.cores, target.emulated) as model:
            start_up_s = time.monotonic() - begun_s
            model.prepare(items, target.batches)
            ran_already = target.variant.server is not None and target.variant.server.address
            yield Replica(model.send, model.process, float("nan") if ran_already else start_up_s)

    async def _items(self, target: Target) -> list[Item]:
        """Return inputs of a stage's model; those of a later stage are made by the stages before it."""
        if not self._request:
            await self._make_request()
        if target.emulated is not None:
            return self._request
        for before in needed_stages(self._config, target.stage):
            if before.name not in self._outputs:
                self._outputs[before.name] = await self._answers(before)
        return self._inputs(target.stage)

    def _inputs(self, stage: StageConfig) -> list[Item]:
        return [
            inputs_of(
                self._config, stage, request, {name: items[place] for name, items in self._outputs.items()}
            )
            for place, request in enumerate(self._request)
        ]

    async def _make_request(self) -> None:
        payload = make_payload(self._wanted.payload, await self._request_inputs(), self._wanted.seed)
        made = [payload.tensors(index) for index in range(min(payload.items, ITEMS))]
        # Where no task says what requests hold, they hold what the model of the first stage describes.
        known = bool(self._known_inputs())
        self._request = [item if known else request_of(self._config, item) for item in made]

    async def _request_inputs(self) -> tuple[Input, ...]:
        first = self._config.stages[0]
        if self._wanted.source == EMULATED and first.variants[0].server is None:
            return ()
        if known := self._known_inputs():
            return known
        async with self._served(first, first.variants[0], 1) as model:
            return await model.inputs()

    def _known_inputs(self) -> tuple[Input, ...]:
        stages = tuple(
            Stage(stage.name, (), task=stage.task, inputs=stage_inputs(self._config, stage))
            for stage in self._config.stages
        )
        specs = request_inputs(Pipeline(self._config.name, stages, self._config.sla_s))
        return tuple(Input(spec.name, spec.datatype, (-1, *spec.shape)) for spec in specs)

    async def _answers(self, stage: StageConfig) -> list[Item]:
        """Return what the most accurate variant of a stage, if any was trained, answers to each request."""
        variants = [variant for variant in stage.variants if variant.enabled]
        chosen = variants[0] if self._wanted.source == "random" else max(variants, key=_accuracy)
        async with self._served(stage, chosen, min(chosen.base_cores, usable_cores())) as model:
            return [await model.answer(inputs) for inputs in self._inputs(stage)]

    @asynccontextmanager
    async def _served(
        self, stage: StageConfig, variant: VariantConfig, cores: int, profile: Profile | None = None
    ) -> AsyncIterator[CalledModel]:
        """Start a variant, wait until it is ready, and stop it when the block ends."""
        settings = LocalSettings(source=self._wanted.source)
        pipeline = _alone(self._config, stage, variant, profile or _unknown(cores, self._wanted.batches))
        launcher = Launcher(self._host, pipeline, settings, self._wanted.seed, self._live)
        place = self._config.stages.index(stage)
        launch = await launcher.launch(place, StagePlan(stage.name, variant.name, 1, 1, cores))
        try:
            async with CalledModel(await launch.ready(), self._process(launch.name)) as model:
                yield model
        finally:
            await launch.stop()

    def _process(self, name: str) -> psutil.Process | None:
        return next((psutil.Process(p.pid) for p in self._processes.processes if p.name == name), None)


def _accuracy(variant: VariantConfig) -> float:
    return variant.accuracy


def _alone(config: PipelineConfig, stage: StageConfig, variant: VariantConfig, profile: Profile) -> Pipeline:
    """Return the pipeline as far as the start of one replica needs it: without any other variant."""
    server = variant.server and ExternalServer(**dict(variant.server))
    alone = Variant(**dict(variant) | {"server": server, "base_cores": profile.cores}, profiles=(profile,))
    stages = (
        Stage(other.name, (alone,) if other is stage else (), task=other.task) for other in config.stages
    )
    return Pipeline(config.name, tuple(stages), config.sla_s)


def _unknown(cores: int, batches: Sequence[int]) -> Profile:
    """Return a profile that says nothing but which batches there will be: it is about to be measured."""
    points = (ProfilePoint(batch, 0.001, 0.001, 1000.0 * batch) for batch in sorted(set(batches)))
    return Profile(cores, tuple(points))
