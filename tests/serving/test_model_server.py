"""A replica comes up as a V2 server that knows who it is, and goes when it is asked to."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import psutil
import pytest
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from ipa.serving.model_server import ReplicaSettings, ServerFailed, ServerReady
from ipa.serving.v2 import Tensor, V2Client
from tests.support import replicas

SETTINGS = ReplicaSettings("replica-7", "detect", "small", max_batch=8, profile=replicas.profile(0.005))

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server() -> Iterator[ServerReady]:
    with replicas.replica(SETTINGS) as ready:
        yield ready


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        content: bytes = answer.read()
    return content


def test_it_tells_its_name_its_variant_and_its_source(server: ServerReady) -> None:
    async def told() -> dict[str, str]:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            metadata = await client.model_metadata("detect")
            return {name: value.string_param for name, value in metadata.parameters.items()}

    assert asyncio.run(told()) == {"replica": "replica-7", "variant": "small", "source": "emulated"}


def test_rest_answers_as_grpc_does(server: ServerReady) -> None:
    assert json.loads(get(server.http_port, "/v2/models/detect"))["parameters"]["replica"] == "replica-7"
    item = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["hello"]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.http_port}/v2/models/detect/infer",
        json.dumps({"id": "request-1", "inputs": [item]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (http)
        content: Any = json.load(answer)
    assert content["id"] == "request-1"
    assert [output["name"] for output in content["outputs"]] == ["digest"]


def test_no_client_can_unload_the_model(server: ServerReady) -> None:
    for action in ("load", "unload"):
        url = f"http://127.0.0.1:{server.http_port}/v2/repository/models/detect/{action}"
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10)
        assert error.value.code == 403

    async def unload() -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            request = pb.RepositoryModelUnloadRequest(model_name="detect")
            await GRPCInferenceServiceStub(channel).RepositoryModelUnload(request)

    with pytest.raises(grpc.aio.AioRpcError, match="by whoever runs this server"):
        asyncio.run(unload())
    assert json.loads(get(server.http_port, "/v2/models/detect"))["name"] == "detect"


def test_metrics_have_a_door_of_their_own(server: ServerReady) -> None:
    assert b"model_infer_request_duration" in get(server.metrics_port, "/metrics")


def test_all_doors_are_on_this_machine_only(server: ServerReady) -> None:
    connections = psutil.Process(server.pid).net_connections("inet")
    doors = [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert {door.ip.removeprefix("::ffff:") for door in doors} == {"127.0.0.1"}
    assert {door.port for door in doors} == {server.grpc_port, server.http_port, server.metrics_port}


def test_two_replicas_have_ports_of_their_own(server: ServerReady) -> None:
    with replicas.replica(replace(SETTINGS, name="replica-8")) as other:
        mine = {server.grpc_port, server.http_port, server.metrics_port}
        assert not mine & {other.grpc_port, other.http_port, other.metrics_port}


def test_ctrl_c_in_the_terminal_is_not_for_a_replica(server: ServerReady) -> None:
    psutil.Process(server.pid).send_signal(signal.SIGINT)

    async def calls() -> None:
        async with V2Client(f"127.0.0.1:{server.grpc_port}") as client:
            for _ in range(50):
                await client.infer("detect", [Tensor.of("x", [b"a"])], timeout_s=10.0)

    # MLServer's HTTP doors would close within a tenth of a second.
    asyncio.run(calls())
    assert json.loads(get(server.http_port, "/v2/models/detect"))["name"] == "detect"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"max_batch": 16}, "batch size 9 lies outside the measured 1..8"),
        ({"source": "random", "task": "guessing"}, "unknown task 'guessing'"),
    ],
)
def test_a_replica_that_cannot_load_says_why(changes: dict[str, Any], problem: str) -> None:
    with replicas.starting_replica(replace(SETTINGS, **changes)) as answer:
        assert isinstance(answer, ServerFailed)
        assert answer.message.startswith("replica-7: ")
        assert problem in answer.message
