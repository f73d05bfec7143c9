"""A variant that computes: in a thread of its own, so that probes and metrics are answered meanwhile."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mlserver.errors import InferenceError
from mlserver.settings import ModelSettings

from ipa.errors import TensorError
from ipa.serving.runtimes.catalogue import task_of
from ipa.serving.runtimes.metadata import described
from ipa.serving.runtimes.runtime import ReplicaRuntime
from ipa.serving.runtimes.task import Model
from ipa.serving.v2 import Parameters, Tensor, check_items

T = TypeVar("T")


class BlockingRuntime(ReplicaRuntime):
    """Serves a variant of a task, one batch at a time, each as one tensor batch."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self._task = task_of(self.replica)
        self._model: Model | None = None
        # One thread: it takes one batch after the other, in the order in which they come.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._batch_since_s: float | None = None
        self.inputs, self.outputs = described(self._task.inputs), described(self._task.outputs)

    @property
    def hangs(self) -> bool:
        """Whether its thread has computed one batch for too long; only an end of the process helps then."""
        since_s, limit_s = self._batch_since_s, self.replica.hang_after_s
        return since_s is not None and limit_s is not None and time.monotonic() - since_s > limit_s

    async def prepare(self) -> None:
        """Load the variant and serve a sample batch of one item, whose answer must be right in form."""
        self._model = await self._in_thread(lambda: self._task.load(self.replica))
        sample = {tensor.name: tensor for tensor in self._task.sample()}
        check_items(await self._in_thread(lambda: self._compute(sample)), 1)

    async def answer(
        self, tensors: Sequence[Tensor], items: int, _parameters: Parameters
    ) -> tuple[Sequence[Tensor], Parameters]:
        """Compute one batch."""
        try:
            inputs = self._task.check(tensors)
        except TensorError as error:
            raise InferenceError(f"task {self.replica.task}: {error}") from error
        outputs = await self._in_thread(lambda: self._compute_batch(inputs))
        check_items(outputs, items)
        return outputs, {}

    async def unload(self) -> bool:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        return True

    def _compute_batch(self, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        # Kept by the thread itself: who waits for the batch may give up, and the thread goes on.
        self._batch_since_s = time.monotonic()
        try:
            return self._compute(inputs)
        finally:
            self._batch_since_s = None

    def _compute(self, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        assert self._model is not None  # noqa: S101 (loaded before anything is served)
        return self._model(inputs)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
