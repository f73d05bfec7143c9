"""A host that calls each replica directly, with the inputs that its stage gets in the pipeline."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ipa.pipeline.config import PipelineConfig, StageConfig, VariantConfig
from ipa.pipeline.pipeline import Pipeline, Stage
from ipa.pipeline.profiles import Profile
from ipa.profiler.called_model import CalledModel
from ipa.profiler.host import Replica
from ipa.profiler.items import Item, alike, inputs_of, needed_stages, request_of, stage_inputs
from ipa.profiler.target import EMULATED, Target, Wanted
from ipa.serving.payloads import Input, make_payload
from ipa.serving.runtimes.pipeline_tensors import request_inputs

ITEMS = 16
"""Different requests that batches are made of, at most."""


class CallingHost(ABC):
    """Makes the batches of every target and calls its replica; where replicas run is left open.

    Parameters
    ----------
    wanted
        What is measured.
    config
        The pipeline.
    """

    def __init__(self, wanted: Wanted, config: PipelineConfig) -> None:
        self.wanted, self.config = wanted, config
        self._request: list[Item] = []
        self._outputs: dict[str, list[Item]] = {}

    @abstractmethod
    def serve(
        self, stage: StageConfig, variant: VariantConfig, cores: int, profile: Profile | None = None
    ) -> AbstractAsyncContextManager[CalledModel]:
        """Start a variant, wait until it is ready, and stop it when the block ends, however it ends.

        Parameters
        ----------
        stage, variant
            What to serve.
        cores
            Cores of the replica.
        profile
            What it is to take, if it is emulated.
        """

    @abstractmethod
    def most_cores(self) -> int:
        """Return the cores that a replica may have where cores do not matter."""

    @asynccontextmanager
    async def replica(self, target: Target) -> AsyncIterator[Replica]:
        """Start a replica and keep it until the block ends."""
        items = alike(await self._items(target))
        begun_s = time.monotonic()
        async with self.serve(target.stage, target.variant, target.cores, target.emulated) as model:
            start_up_s = time.monotonic() - begun_s
            model.prepare(items, target.batches)
            ran_already = target.variant.server is not None and target.variant.server.address
            yield Replica(model.send, model.meter, float("nan") if ran_already else start_up_s)

    async def _items(self, target: Target) -> list[Item]:
        """Return inputs of a stage's model; those of a later stage are made by the stages before it."""
        if not self._request:
            await self._make_request()
        if target.emulated is not None:
            return self._request
        for before in needed_stages(self.config, target.stage):
            if before.name not in self._outputs:
                self._outputs[before.name] = await self._answers(before)
        return self._inputs(target.stage)

    def _inputs(self, stage: StageConfig) -> list[Item]:
        return [
            inputs_of(
                self.config, stage, request, {name: items[place] for name, items in self._outputs.items()}
            )
            for place, request in enumerate(self._request)
        ]

    async def _make_request(self) -> None:
        payload = make_payload(self.wanted.payload, await self._request_inputs(), self.wanted.seed)
        made = [payload.tensors(index) for index in range(min(payload.items, ITEMS))]
        # Where no task says what requests hold, they hold what the model of the first stage describes.
        known = bool(self._known_inputs())
        self._request = [item if known else request_of(self.config, item) for item in made]

    async def _request_inputs(self) -> tuple[Input, ...]:
        first = self.config.stages[0]
        if self.wanted.source == EMULATED and first.variants[0].server is None:
            return ()
        if known := self._known_inputs():
            return known
        async with self.serve(first, first.variants[0], 1) as model:
            return await model.inputs()

    def _known_inputs(self) -> tuple[Input, ...]:
        stages = tuple(
            Stage(stage.name, (), task=stage.task, inputs=stage_inputs(self.config, stage))
            for stage in self.config.stages
        )
        specs = request_inputs(Pipeline(self.config.name, stages, self.config.sla_s))
        return tuple(Input(spec.name, spec.datatype, (-1, *spec.shape)) for spec in specs)

    async def _answers(self, stage: StageConfig) -> list[Item]:
        """Return what the most accurate variant of a stage, if any was trained, answers to each request."""
        variants = [variant for variant in stage.variants if variant.enabled]
        chosen = variants[0] if self.wanted.source == "random" else max(variants, key=_accuracy)
        async with self.serve(stage, chosen, min(chosen.base_cores, self.most_cores())) as model:
            return [await model.answer(inputs) for inputs in self._inputs(stage)]


def _accuracy(variant: VariantConfig) -> float:
    return variant.accuracy
