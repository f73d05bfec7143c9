"""The gRPC door of a replica answers as MLServer's own would, and is counted as its REST door is."""

import asyncio
import re
from collections.abc import Iterator

import grpc
import pytest
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from ipa.serving.model_server import ReplicaSettings, ServerReady
from ipa.serving.v2 import Tensor
from ipa.serving.v2.messages import make_request, read_response
from tests.serving.test_model_server import get
from tests.support import replicas

SETTINGS = ReplicaSettings("replica-9", "detect", "small", max_batch=2, profile=replicas.profile(0.001))

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server() -> Iterator[ServerReady]:
    with replicas.replica(SETTINGS) as ready:
        yield ready


def infer(server: ServerReady, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    async def call() -> pb.ModelInferResponse:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            return await GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=10)

    return asyncio.run(call())


def request(*items: bytes, model: str = "detect") -> pb.ModelInferRequest:
    return make_request(model, [Tensor.of("text", list(items))], "request-1")


def counted(server: ServerReady, what: str) -> float:
    found = re.search(
        rf"^model_infer_request_{what}_total{{.*}} (\S+)$",
        get(server.metrics_port, "/metrics").decode(),
        re.M,
    )
    return float(found[1]) if found else 0.0


def test_tensors_may_be_raw_or_typed(server: ServerReady) -> None:
    typed = request(b"hello", b"world")
    del typed.raw_input_contents[:]
    typed.inputs[0].contents.bytes_contents.extend([b"hello", b"world"])
    answers = [read_response(infer(server, sent)) for sent in (request(b"hello", b"world"), typed)]
    assert answers[0] == answers[1]
    assert (answers[0].id, answers[0].tensors[0].shape[0]) == ("request-1", 2)


def too_long() -> pb.ModelInferRequest:
    wrong = request(b"a")
    wrong.inputs[0].shape[0] = 7
    return wrong


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        (request(b"a", model="elsewhere"), grpc.StatusCode.NOT_FOUND, "elsewhere"),
        (request(b"a", b"b", b"c"), grpc.StatusCode.INVALID_ARGUMENT, "1 to 2 items"),
        (too_long(), grpc.StatusCode.INVALID_ARGUMENT, "takes 7 elements, not 1"),
        (pb.ModelInferRequest(model_name="detect"), grpc.StatusCode.INVALID_ARGUMENT, "there is no input"),
    ],
)
def test_what_is_wrong_with_a_request_is_told(
    server: ServerReady, wrong: pb.ModelInferRequest, code: grpc.StatusCode, told: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        infer(server, wrong)
    assert error.value.code() is code
    assert told in (error.value.details() or "")


def test_calls_are_counted_as_those_of_the_other_door(server: ServerReady) -> None:
    before = [counted(server, what) for what in ("success", "failure")]
    infer(server, request(b"a"))
    with pytest.raises(grpc.aio.AioRpcError):
        infer(server, too_long())
    assert [counted(server, what) for what in ("success", "failure")] == [before[0] + 1, before[1] + 1]
