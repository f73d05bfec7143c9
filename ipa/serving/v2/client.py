"""A client of one V2 server over gRPC."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from ipa.serving.v2.messages import make_request, read_response
from ipa.serving.v2.tensor import Answer, Parameters, Tensor

MAX_MESSAGE_BYTES = 64 * 2**20

CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A server counts more than two pings within five minutes of silence as an attack; gRPC sends at most two.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that was restarted is found again at once and not after up to two minutes. The least is also
    # how long an attempt to connect may take, where the server is busy.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Who calls knows whether to try again; to be ready for it costs gRPC a tenth of a call.
    ("grpc.enable_retries", 0),
    # Of its own, so that no other client's back-off or broken connection is shared.
    ("grpc.use_local_subchannel_pool", 1),
    # Servers here are on this machine or in this cluster; a proxy is for neither.
    ("grpc.enable_http_proxy", 0),
)


class V2Client:
    """Calls a V2 server; its connection stays open until ``close``.

    Every method raises ``grpc.aio.AioRpcError``, whose ``code()`` tells what went wrong, if the server cannot
    be reached, refuses or fails.

    Parameters
    ----------
    address
        Host and port of the server's gRPC door, for example ``127.0.0.1:8081``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = GRPCInferenceServiceStub(self._channel)

    async def infer(
        self,
        model: str,
        tensors: Sequence[Tensor],
        id: str = "",  # noqa: A002
        parameters: Parameters | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask a model and return its answer.

        Parameters
        ----------
        model
            Name of the model.
        tensors
            Its inputs.
        id
            Id of the request, which the answer carries too.
        parameters
            What is said beside the tensors.
        timeout_s
            Time after which the call ends with DEADLINE_EXCEEDED; None waits as long as it takes.

        Raises
        ------
        TensorError
            If the answer's contents do not fit its tensors.
        """
        message = make_request(model, tensors, id, parameters)
        return read_response(await self._stub.ModelInfer(message, timeout=timeout_s))

    async def model_ready(self, model: str, timeout_s: float | None = None) -> bool:
        """Return whether a model is loaded and serves; a model that the server does not know is not ready.

        Parameters
        ----------
        model
            Name of the model.
        timeout_s
            Time after which the call ends with DEADLINE_EXCEEDED; None waits as long as it takes.
        """
        try:
            answer = await self._stub.ModelReady(pb.ModelReadyRequest(name=model), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            # MLServer answers UNKNOWN for a model that it does not know.
            if error.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNKNOWN}:
                return False
            raise
        return bool(answer.ready)

    async def model_metadata(self, model: str, timeout_s: float | None = None) -> pb.ModelMetadataResponse:
        """Return what a model tells of itself: platform, versions, inputs and outputs.

        Parameters
        ----------
        model
            Name of the model.
        timeout_s
            Time after which the call ends with DEADLINE_EXCEEDED; None waits as long as it takes.
        """
        return await self._stub.ModelMetadata(pb.ModelMetadataRequest(name=model), timeout=timeout_s)

    async def close(self) -> None:
        """Close the connection; calls under way end with CANCELLED."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
