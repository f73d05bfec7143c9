"""A model behind a gRPC door that the profiler calls directly, without a gateway."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from ipa.errors import ProfilerError, brief
from ipa.profiler.items import Item, batch_of
from ipa.profiler.meter import Meter
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.serving.payloads import Input
from ipa.serving.runtimes.emulated import BATCH_NUMBER
from ipa.serving.v2 import Answer, Tensor, V2Client

TIMEOUT_S = 600.0
"""Seconds that a batch may take."""

DIFFERENT_BATCHES = 8
"""Batches of one size that are sent in turns; they are made before the first one goes out."""


class CalledModel:
    """A model that is called with one batch after the other.

    Parameters
    ----------
    replica
        Where it answers.
    meter
        Looks at it and its machine.
    """

    def __init__(self, replica: ReplicaAddress, meter: Meter) -> None:
        self._replica, self.meter = replica, meter
        self._client = V2Client(replica.address)
        self._batches: dict[int, list[list[Tensor]]] = {}

    def prepare(self, items: Sequence[Item], sizes: Sequence[int]) -> None:
        """Make the batches that :meth:`send` sends."""
        self._batches = {
            size: [batch_of(items, size, number) for number in range(DIFFERENT_BATCHES)] for size in sizes
        }

    async def send(self, size: int, number: int) -> None:
        """Send a batch and check the answer.

        Parameters
        ----------
        size
            Requests in the batch.
        number
            How many batches were sent before it.
        """
        batch = self._batches[size][number % DIFFERENT_BATCHES]
        answer = await self._infer(batch, number)
        if answer.id not in {str(number), ""}:
            raise ProfilerError(f"{self._replica.name} answers batch {number} as {brief(answer.id)!r}")
        wrong = [tensor for tensor in answer.tensors if tensor.shape[:1] != (size,)]
        if wrong or not answer.tensors:
            shapes = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in wrong) or "nothing"
            rule = "the first axis of every output has to count the requests"
            raise ProfilerError(f"{self._replica.name} answers a batch of {size} with {shapes}; {rule}")

    async def answer(self, inputs: Item) -> tuple[Tensor, ...]:
        """Return what the model answers to one request."""
        return tuple((await self._infer(inputs, 0)).tensors)

    async def inputs(self) -> tuple[Input, ...]:
        """Return the inputs that the model describes."""
        try:
            said = await self._client.model_metadata(self._replica.model, timeout_s=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        return tuple(Input(each.name, each.datatype, tuple(each.shape)) for each in said.inputs)

    async def _infer(self, tensors: Item, number: int) -> Answer:
        try:
            return await self._client.infer(
                self._replica.model, tensors, str(number), {BATCH_NUMBER: number}, TIMEOUT_S
            )
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error

    def _failed(self, error: grpc.aio.AioRpcError) -> ProfilerError:
        return ProfilerError(
            f"{self._replica.name}: {error.code().name}: {brief(error.details() or '', 300)}"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
