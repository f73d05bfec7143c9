"""The gRPC door of the gateway: V2 as MLServer speaks it, inference taken over from the messages directly.

MLServer's own servicer turns every tensor into a list of Python numbers and back, and knows no status for a
request that was refused or came too late; ``docs/serving.md`` has what that costs.
"""

from typing import Any

import grpc
from grpc import aio
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from mlserver.grpc.server import GRPCServer
from mlserver.grpc.servicers import InferenceServicer
from mlserver.handlers import DataPlane, ModelRepositoryHandlers
from mlserver.settings import Settings

from ipa.errors import TensorError, brief
from ipa.serving.gateway.front import Front, NotServedError
from ipa.serving.v2.client import MAX_MESSAGE_BYTES
from ipa.serving.v2.messages import make_response, read_request

STATUS = {
    "expired": grpc.StatusCode.DEADLINE_EXCEEDED,
    "refused": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "model-error": grpc.StatusCode.INTERNAL,
    "bad-answer": grpc.StatusCode.INTERNAL,
    "cancelled": grpc.StatusCode.CANCELLED,
}

OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A port that somebody else serves is an error, not a port to share.
    ("grpc.so_reuseport", 0),
)

AGED_GRACE_S = 300.0
"""Time that calls have to end on a connection that is too old."""

STOP_GRACE_S = 1.0
"""Time that calls have to end when the door closes, if nobody says another."""

Context = aio.ServicerContext[pb.ModelInferRequest, pb.ModelInferResponse]


class PipelineServicer(InferenceServicer):  # type: ignore[misc]
    """Health, readiness and metadata are MLServer's; a model cannot be loaded or unloaded through this door.

    Parameters
    ----------
    data_plane, handlers
        Of MLServer.
    front
        Serves requests.
    """

    def __init__(self, data_plane: DataPlane, handlers: ModelRepositoryHandlers, front: Front) -> None:
        super().__init__(data_plane, handlers)
        self._front = front

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:  # noqa: N802
        """Serve one request."""
        front = self._front
        await self._find(request.model_name, request.model_version, context)
        try:
            call = read_request(request)
            wanted = frozenset(output.name for output in request.outputs)
            answer = await front.serve(call.id, call.tensors, wanted)
        except TensorError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except NotServedError as error:
            await context.abort(STATUS[error.reason], error.message, tuple(error.told().items()))
        return make_response(front.model, answer.tensors, answer.id, answer.parameters)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:  # noqa: N802
        """Tell whether the pipeline takes requests; a model that is not here is an error, not a crash."""
        await self._find(request.name, request.version, context)
        return pb.ModelReadyResponse(ready=self._front.engine.ready)

    async def _find(self, model: str, version: str, context: "aio.ServicerContext[Any, Any]") -> None:
        """End a call that is for another model, or for a version: a pipeline has none."""
        served = self._front.model
        if model != served:
            problem = f"no model {brief(model)!r} here; this gateway serves {served!r}"
            await context.abort(grpc.StatusCode.NOT_FOUND, problem)
        if version:
            problem = (
                f"no version {brief(version)!r} of {served!r} here; a pipeline has no versions, name none"
            )
            await context.abort(grpc.StatusCode.NOT_FOUND, problem)

    async def ModelStreamInfer(self, _requests: object, context: Context) -> None:  # noqa: N802
        """Refuse to stream."""
        await _refuse(context, "a pipeline answers once; call ModelInfer")

    async def RepositoryIndex(self, _request: object, context: Context) -> None:  # noqa: N802
        """Refuse to list."""
        await _refuse(context, NO_REPOSITORY)

    async def RepositoryModelLoad(self, _request: object, context: Context) -> None:  # noqa: N802
        """Refuse to load."""
        await _refuse(context, NO_REPOSITORY)

    async def RepositoryModelUnload(self, _request: object, context: Context) -> None:  # noqa: N802
        """Refuse to unload."""
        await _refuse(context, NO_REPOSITORY)


NO_REPOSITORY = "there is no model repository behind a pipeline"


async def _refuse(context: Context, why: str) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, why)


class GrpcDoor(GRPCServer):  # type: ignore[misc]
    """MLServer's gRPC server with the pipeline's servicer.

    Parameters
    ----------
    settings, data_plane, handlers
        Of MLServer.
    front
        Serves requests.
    connection_age_s
        Age at which connections are ended in order; None: never.
    """

    def __init__(
        self,
        settings: Settings,
        data_plane: DataPlane,
        handlers: ModelRepositoryHandlers,
        front: Front,
        connection_age_s: float | None,
    ) -> None:
        super().__init__(settings, data_plane, handlers)
        self._options: tuple[tuple[str, int], ...] = OPTIONS
        if connection_age_s is not None:
            self._options += (
                ("grpc.max_connection_age_ms", round(connection_age_s * 1000)),
                ("grpc.max_connection_age_grace_ms", round(AGED_GRACE_S * 1000)),
            )
        self._servicer = PipelineServicer(data_plane, handlers, front)
        self.port = 0

    async def open(self) -> None:
        """Take requests from now on."""
        self._server = aio.server(options=self._options)
        add_GRPCInferenceServiceServicer_to_server(self._servicer, self._server)
        # An address that is taken is an exception here.
        self.port = self._server.add_insecure_port(f"{self._settings.host}:{self._settings.grpc_port}")
        await self._server.start()

    async def close(self, grace_s: float) -> None:
        """Take no more calls, and let those under way end within a time."""
        await self._server.stop(grace_s)
