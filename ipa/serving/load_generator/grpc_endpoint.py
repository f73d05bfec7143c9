"""A model behind a gRPC door."""

from collections.abc import Sequence
from typing import Any

import grpc
from mlserver.grpc import dataplane_pb2 as pb

from ipa.errors import EndpointError, TensorError, brief
from ipa.serving.load_generator.endpoint import Failure, Stamp, failure, pause_s
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor, V2Client
from ipa.serving.v2.client import CHANNEL_OPTIONS
from ipa.serving.v2.messages import make_request, read_response

INFER = "/inference.GRPCInferenceService/ModelInfer"

ASK_S = 10.0
"""Seconds within which an endpoint has to say what it is."""

REASON_OF_STATUS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: "timeout",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "refused",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
    grpc.StatusCode.CANCELLED: "cancelled",
}
"""Why a request failed if the endpoint gives no reason; every other status is an error of the model."""


class GrpcEndpoint:
    """A model behind a gRPC door.

    Parameters
    ----------
    address
        ``HOST:PORT``.
    model
        Name of the model.
    timeout_s
        Seconds after which a request is given up.
    """

    def __init__(self, address: str, model: str, timeout_s: float) -> None:
        self._address, self._model, self._timeout_s = address, model, timeout_s
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        # The message is made at the last moment, in the call itself: that is when the request goes out.
        self._infer: Any = self._channel.unary_unary(
            INFER, request_serializer=_stamped, response_deserializer=pb.ModelInferResponse.FromString
        )
        self._items: list[bytes] = []

    async def inputs(self) -> tuple[Input, ...]:
        """Return the inputs that the model describes."""
        async with V2Client(self._address) as client:
            try:
                if not await client.model_ready(self._model, timeout_s=ASK_S):
                    raise _no_such_model(self._address, self._model)
                described = await client.model_metadata(self._model, timeout_s=ASK_S)
            except grpc.aio.AioRpcError as error:
                raise _unreachable(self._address, error) from None
        return tuple(Input(item.name, item.datatype, tuple(item.shape)) for item in described.inputs)

    def prepare(self, items: Sequence[Sequence[Tensor]]) -> None:
        """Serialise the payloads once; the id, which is appended later, is merged in, as messages are."""
        self._items = [make_request(self._model, tensors).SerializeToString() for tensors in items]

    async def send(self, item: int, request_id: str, stamp: Stamp) -> Answer | Failure:
        """Send one request and return what came of it."""
        request = self._items[item], request_id, stamp
        try:
            return read_response(await self._infer(request, timeout=self._timeout_s))
        except grpc.aio.AioRpcError as error:
            reason = REASON_OF_STATUS.get(error.code(), "model-error")
            return failure(error.details() or "", reason, _again_after_s(error))
        except TensorError as error:
            return Failure("bad-answer", "", str(error))

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()


def _stamped(request: tuple[bytes, str, Stamp]) -> bytes:
    item, request_id, stamp = request
    stamp()
    return item + bytes(pb.ModelInferRequest(id=request_id).SerializeToString())


def _again_after_s(error: grpc.aio.AioRpcError) -> float | None:
    """Return when a call may be made again: by gRPC's rules any that ended as unavailable."""
    told = dict(error.trailing_metadata() or ()).get("retry-after")
    return pause_s(told, 0.0 if error.code() is grpc.StatusCode.UNAVAILABLE else None)


def _no_such_model(address: str, model: str) -> EndpointError:
    return EndpointError(
        f"no model {brief(model)!r} is ready at {address}; check --model, or wait until it is loaded"
    )


def _unreachable(address: str, error: grpc.aio.AioRpcError) -> EndpointError:
    why = brief((error.details() or "no answer").rpartition(": ")[2], 120)
    if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return EndpointError(
            f"nobody answers V2 over gRPC at {address} ({why}); is it up, and"
            " is that its gRPC port? A REST door is given as http://HOST:PORT"
        )
    return EndpointError(f"{address} does not answer as V2 over gRPC: {why}")
