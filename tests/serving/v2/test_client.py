"""The client against a real gRPC server of the protocol in this process."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import numpy as np
import pytest
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from ipa.errors import TensorError
from ipa.serving.v2 import Tensor, V2Client
from ipa.serving.v2.client import CHANNEL_OPTIONS
from ipa.serving.v2.messages import make_response, read_request


class Echo(GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers with its inputs; model ``torn`` answers with contents that do not fit, ``deaf`` never."""

    async def ModelInfer(self, request: pb.ModelInferRequest, _: object) -> pb.ModelInferResponse:  # noqa: N802
        call = read_request(request)
        if call.model == "deaf":
            await asyncio.Event().wait()
        message = make_response(call.model, call.tensors, call.id, call.parameters)
        if call.model == "torn":
            message.raw_output_contents[0] += b"\0"
        return message

    async def ModelReady(  # noqa: N802
        self,
        request: pb.ModelReadyRequest,
        context: grpc.aio.ServicerContext[pb.ModelReadyRequest, pb.ModelReadyResponse],
    ) -> pb.ModelReadyResponse:
        if request.name == "unknown":
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown model")
        if request.name == "broken":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return pb.ModelReadyResponse(ready=request.name == "echo")

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, _: object) -> pb.ModelMetadataResponse:  # noqa: N802
        return pb.ModelMetadataResponse(name=request.name, platform="replica-7")


def run(check: Callable[[V2Client], Awaitable[None]]) -> None:
    async def serve() -> None:
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        add_GRPCInferenceServiceServicer_to_server(Echo(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with V2Client(f"127.0.0.1:{port}") as client:
                await check(client)
        finally:
            await server.stop(grace=None)

    asyncio.run(serve())


def test_an_answer_carries_tensors_parameters_and_the_id() -> None:
    async def check(client: V2Client) -> None:
        tensors = (Tensor.of("x", np.array([[1.5]])), Tensor.of("text", [b"abc"]))
        answer = await client.infer("echo", tensors, id="request-1", parameters={"batch": 3})
        assert answer.tensors == tensors
        assert (answer.id, answer.parameters) == ("request-1", {"batch": 3})

    run(check)


async def shake_hands_late(port: int, after_s: float) -> asyncio.Server:
    """Return a way to a server on which nothing is heard of it for a while, as on a busy machine."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    async def connect(theirs: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        await asyncio.sleep(after_s)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(theirs, writer), copy(reader, answers))

    return await asyncio.start_server(connect, "127.0.0.1", 0)


def test_a_server_has_time_to_shake_hands() -> None:
    async def check(client: V2Client) -> None:
        way = await shake_hands_late(int(client.address.rpartition(":")[2]), after_s=0.3)
        async with way, V2Client(f"127.0.0.1:{way.sockets[0].getsockname()[1]}") as late:
            assert await late.model_ready("echo", timeout_s=10.0)

    run(check)


def test_messages_of_20_mb_pass() -> None:
    async def check(client: V2Client) -> None:
        large = Tensor.of("image", [bytes(20 * 10**6)])
        assert (await client.infer("echo", [large])).tensors == (large,)

    run(check)


def test_a_call_ends_with_its_time() -> None:
    async def check(client: V2Client) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.infer("deaf", [Tensor.of("x", [b""])], timeout_s=0.05)
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED

    run(check)


def test_an_answer_that_does_not_hold_together_is_no_answer() -> None:
    async def check(client: V2Client) -> None:
        with pytest.raises(TensorError, match="takes 8 bytes, not 9"):
            await client.infer("torn", [Tensor.of("x", np.zeros(1))])

    run(check)


def test_a_model_is_ready_known_or_the_server_in_trouble() -> None:
    async def check(client: V2Client) -> None:
        assert await client.model_ready("echo")
        assert not await client.model_ready("loading")
        assert not await client.model_ready("unknown")
        with pytest.raises(grpc.aio.AioRpcError):
            await client.model_ready("broken")

    run(check)


def test_a_model_tells_who_it_is() -> None:
    async def check(client: V2Client) -> None:
        assert (await client.model_metadata("echo")).platform == "replica-7"

    run(check)
