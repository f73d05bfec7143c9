"""The gRPC door of a replica: V2 as MLServer speaks it, inference taken over from the messages directly.

MLServer's own servicer turns every tensor into a list of Python numbers and back, and counts every call a
second time for gRPC; ``docs/serving.md`` has what that costs.
"""

from grpc import aio
from mlserver.errors import InferenceError
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from mlserver.grpc.server import GRPCServer
from mlserver.grpc.servicers import InferenceServicer
from mlserver.grpc.utils import handle_mlserver_error

from ipa.errors import TensorError
from ipa.serving.v2.messages import make_response, read_request

Context = aio.ServicerContext[pb.ModelInferRequest, pb.ModelInferResponse]


class ReplicaServicer(InferenceServicer):  # type: ignore[misc]
    """MLServer's servicer, whose model is a ``ReplicaRuntime`` and gets its tensors as they come."""

    @handle_mlserver_error  # type: ignore[untyped-decorator]
    async def ModelInfer(self, request: pb.ModelInferRequest, _context: Context) -> pb.ModelInferResponse:  # noqa: N802
        """Answer one batch; MLServer counts it, as those that come over REST."""
        name = request.model_name
        async with self._data_plane._infer_contextmanager(name, request.model_version) as model:  # noqa: SLF001
            try:
                call = read_request(request)
            except TensorError as error:
                raise InferenceError(str(error)) from error
            outputs, told = await model.serve(call.tensors, call.parameters)
        return make_response(name, outputs, call.id, told)


class ReplicaDoor(GRPCServer):  # type: ignore[misc]
    """MLServer's gRPC server with this servicer, and without the service that it calls deprecated."""

    def _create_server(self) -> aio.Server:
        self._server = aio.server(options=self._get_options())
        servicer = ReplicaServicer(self._data_plane, self._model_repository_handlers)
        add_GRPCInferenceServiceServicer_to_server(servicer, self._server)
        self._server.add_insecure_port(f"{self._settings.host}:{self._settings.grpc_port}")
        return self._server
