"""Unmodified clients call a pipeline as if it were a model, through both doors."""

import asyncio
import json
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.grpc.model_repository_pb2 import RepositoryModelUnloadRequest
from mlserver.grpc.model_repository_pb2_grpc import ModelRepositoryServiceStub

from ipa.errors import GatewayError
from ipa.serving.gateway import GatewayControl
from ipa.serving.v2 import Answer, Tensor, V2Client
from ipa.serving.v2.messages import make_request
from tests.support.faulty_server import marked
from tests.support.gateway_lab import MODEL, Lab, expected

pytestmark = pytest.mark.live

BODY = {"id": "r1", "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["fine"]}]}


def ask(url: str, body: object = None, method: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def infer(live: Lab, body: object = BODY) -> tuple[int, dict[str, str], dict[str, Any]]:
    status, headers, answer = ask(f"{live.http}/v2/models/{MODEL}/infer", body)
    return status, headers, json.loads(answer)


def test_an_answer_is_right_and_tells_of_each_stage(live: Lab) -> None:
    (answer,) = live.ask_all([marked("")])
    assert isinstance(answer, Answer)
    assert answer.id == "0"
    assert answer.tensors[0].numpy().tolist() == [[expected(marked(""))]]
    told = answer.parameters
    assert (told["first.variant"], told["first.batch"], told["second.variant"]) == ("a", 1, "a")
    assert told["arrival_ns"] == told["first.enter_ns"]
    spent = ("queue_ns", "batch_wait_ns", "service_ns")
    assert told["second.enter_ns"] == told["first.enter_ns"] + sum(int(told[f"first.{one}"]) for one in spent)
    assert int(told["second.service_ns"]) >= 10_000_000


def test_rest_answers_the_same(live: Lab) -> None:
    status, _, answer = infer(live)
    assert (status, answer["id"], answer["model_name"]) == (200, "r1", MODEL)
    (output,) = answer["outputs"]
    assert output["data"] == [expected(marked(""))]
    assert answer["parameters"]["first.variant"] == "a"


def test_health_readiness_and_metadata_are_told_through_both_doors(live: Lab) -> None:
    assert ask(f"{live.http}/v2/health/live")[0] == ask(f"{live.http}/v2/health/ready")[0] == 200
    assert ask(f"{live.http}/v2/models/{MODEL}/ready")[0] == 200
    told = json.loads(ask(f"{live.http}/v2/models/{MODEL}")[2])
    assert (told["name"], told["platform"]) == (MODEL, "ipa-pipeline")
    assert told["parameters"]["stages"] == "first, second"
    metadata = live.run(lambda client: client.model_metadata(MODEL))
    assert metadata.platform == "ipa-pipeline"
    assert live.run(lambda client: client.model_ready(MODEL))
    assert not live.run(lambda client: client.model_ready("another"))


def test_an_output_can_be_asked_for_by_name(live: Lab) -> None:
    status, _, answer = infer(live, BODY | {"outputs": [{"name": "digest"}]})
    assert (status, len(answer["outputs"])) == (200, 1)
    status, _, answer = infer(live, BODY | {"outputs": [{"name": "another"}]})
    assert (status, answer["outputs"]) == (200, [])


TRITON = """
import sys, numpy as np
import tritonclient.{kind} as triton
client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("{model}")
text = triton.InferInput("text", [1], "BYTES")
text.set_data_from_numpy(np.array([b"fine"], dtype=object){binary})
answer = client.infer("{model}", [text], request_id="t1"{outputs})
print(int(answer.as_numpy("digest")[0, 0]))
"""


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_an_unmodified_triton_client_calls_the_pipeline(live: Lab, kind: str) -> None:
    # MLServer's REST door takes JSON; the binary extension of the protocol is not part of it.
    http = {
        "binary": ", binary_data=False",
        "outputs": ', outputs=[triton.InferRequestedOutput("digest", binary_data=False)]',
    }
    script = TRITON.format(
        kind=kind, model=MODEL, **(http if kind == "http" else {"binary": "", "outputs": ""})
    )
    address = live.address if kind == "grpc" else live.http.removeprefix("http://")
    told = subprocess.run([sys.executable, "-c", script, address], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr[-2000:]
    assert int(told.stdout) == expected(marked(""))


def test_curl_calls_the_pipeline(live: Lab) -> None:
    command = ["curl", "-sS", f"{live.http}/v2/models/{MODEL}/infer", "--json", json.dumps(BODY)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout)
    assert told["outputs"][0]["data"] == [expected(marked(""))]


def test_a_payload_of_20_mb_goes_through_both_doors(live: Lab) -> None:
    text = b"x" * 20_000_000
    item = [Tensor.of("text", [text])]
    (answer,) = live.ask_all([item])
    assert isinstance(answer, Answer), answer
    assert answer.tensors[0].numpy().tolist() == [[expected(item)]]
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [text.decode()]}]
    assert infer(live, {"inputs": inputs})[0] == 200


def test_a_payload_that_is_too_large_is_refused_by_both_doors(live: Lab) -> None:
    (error,) = live.ask_all([[Tensor.of("text", [b"x" * (65 * 2**20)])]])
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    # Told as soon as the length is known, before the body is sent.
    with socket.create_connection(("127.0.0.1", live.ready.http_port), timeout=10) as door:
        head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {65 * 2**20}\r\n\r\n"
        door.sendall(head.encode())
        assert door.recv(100).startswith(b"HTTP/1.1 413")
    # Who sends all of it first sees the answer too, not a broken connection.
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{live.http}/v2/models/{MODEL}/infer", b"x" * (65 * 2**20), timeout=30)  # noqa: S310
    assert refused.value.code == 413


def test_json_of_more_values_than_can_be_parsed_beside_others_is_refused(live: Lab) -> None:
    status, _, answer = infer(live, b'{"inputs": [' + b"1," * 1_000_001 + b"1]}")
    assert status == 413
    assert "over gRPC" in answer["error"]


def test_a_compressed_body_is_refused_before_it_is_unpacked(live: Lab) -> None:
    request = urllib.request.Request(f"{live.http}/v2/models/{MODEL}/infer", b"bomb")  # noqa: S310
    request.add_header("Content-Encoding", "gzip")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    assert error.value.code == 415


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ([Tensor.of("text", [b"a", b"b"])], "a request is one item"),
        ([Tensor.of("other", [b"a"])], "input text is missing"),
        ([Tensor.of("text", [b"a"]), Tensor.of("text", [b"a"])], "names must differ"),
        ([], "there is no tensor"),
    ],
)
def test_a_request_that_no_pipeline_could_serve_is_not_in_the_books(
    live: Lab, item: list[Tensor], problem: str
) -> None:
    arrived = live.control.state().arrived
    (error,) = live.ask_all([item])
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert problem in str(error.details())
    inputs = [
        {"name": one.name, "datatype": "BYTES", "shape": list(one.shape), "data": ["a"] * one.shape[0]}
        for one in item
    ]
    status, _, answer = infer(live, {"inputs": inputs})
    assert status == 400
    assert problem in str(answer["error"])
    assert live.control.state().arrived == arrived


def test_another_model_is_not_found(live: Lab) -> None:
    error = live.run(lambda client: refused(client.infer("another", marked(""))))
    assert error == grpc.StatusCode.NOT_FOUND
    assert ask(f"{live.http}/v2/models/another/infer", BODY)[0] == 404
    # Else anybody could fill the memory with names that metrics count by.
    assert "another" not in ask(f"{live.http}/metrics")[2].decode()


def test_a_version_that_the_pipeline_does_not_have_is_not_found(live: Lab) -> None:
    arrived = live.control.state().arrived

    async def with_version(_: V2Client, version: str) -> list[grpc.StatusCode]:
        item = make_request(MODEL, marked(""))
        item.model_version = version
        async with grpc.aio.insecure_channel(live.address) as channel:
            stub = GRPCInferenceServiceStub(channel)
            calls = (
                stub.ModelInfer(item),
                stub.ModelReady(pb.ModelReadyRequest(name=MODEL, version=version)),
                stub.ModelMetadata(pb.ModelMetadataRequest(name=MODEL, version=version)),
            )
            return [await call.code() for call in calls]

    assert live.run(lambda client: with_version(client, "7")) == 3 * [grpc.StatusCode.NOT_FOUND]
    assert live.run(lambda client: with_version(client, "")) == 3 * [grpc.StatusCode.OK]
    for path, body in (("/infer", BODY), ("/ready", None), ("", None)):
        assert ask(f"{live.http}/v2/models/{MODEL}/versions/7{path}", body)[0] == 404
    assert live.control.state().arrived == arrived + 1


async def refused(call: "Awaitable[object]") -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code()


def test_the_data_doors_show_nothing_of_control_and_no_model_repository(live: Lab) -> None:
    for path in ("plan", "state", "clock", "arrivals", "journal", "drain"):
        for method in ("GET", "PUT", "POST"):
            assert ask(f"{live.http}/{path}", {} if method != "GET" else None, method)[0] == 404
    assert ask(f"{live.http}/v2/repository/index", {})[0] == 404
    for what in ("load", "unload"):
        assert ask(f"{live.http}/v2/repository/models/{MODEL}/{what}", {})[0] == 404

    async def try_all(_: V2Client) -> set[grpc.StatusCode]:
        async with grpc.aio.insecure_channel(live.address) as channel:
            stub, old = GRPCInferenceServiceStub(channel), ModelRepositoryServiceStub(channel)
            calls = [
                stub.RepositoryIndex(pb.RepositoryIndexRequest()),
                stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name=MODEL)),
                stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name=MODEL)),
                old.RepositoryModelUnload(RepositoryModelUnloadRequest(model_name=MODEL)),
            ]
            return {await refused(call) for call in calls}

    assert live.run(try_all) == {grpc.StatusCode.UNIMPLEMENTED}
    assert infer(live)[0] == 200


def test_control_is_for_those_who_know_the_token(live: Lab) -> None:
    path = live.settings.control_socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(GatewayError, match="the token is wrong"):
        GatewayControl(path, "another token").state()


def test_metrics_tell_of_load_queues_outcomes_and_plan(live: Lab) -> None:
    infer(live)
    shown = ask(f"{live.http}/metrics")[2].decode()
    for line in (
        'ipa_requests_ended_total{outcome="ok",reason=""}',
        'ipa_stage_queue_length{stage="first"} 0.0',
        'ipa_stage_batch_size_bucket{le="1.0",stage="second"}',
        'ipa_request_latency_seconds_bucket{le="1.0"}',
        'ipa_plan_info{batch="1",stage="first",variant="a"} 1.0',
        "ipa_serving_cores 3.0",
        "ipa_plan_pas 0.25",
        "model_infer_request_success_total",
    ):
        assert line in shown, line


def test_a_client_that_goes_is_noticed_at_both_doors(live: Lab) -> None:
    for one in live.first:
        one.switch.write_text("hang")
    before = live.control.state()

    async def go(client: V2Client) -> None:
        call = asyncio.ensure_future(client.infer(MODEL, marked(""), "gone-grpc"))
        _, writer = await asyncio.open_connection("127.0.0.1", live.ready.http_port)
        body = json.dumps(BODY | {"id": "gone-rest"}).encode()
        head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await until(lambda: live.control.state().arrived == before.arrived + 2)
        call.cancel()
        writer.close()
        await until(lambda: live.control.state().in_flight == 0)

    live.run(go)
    after = live.control.state()
    assert after.errors == before.errors + 2
    for one in live.first:
        one.switch.unlink()
    # The journal has them once the replicas have given up on them.
    reasons: dict[object, object] = {}
    while not {"gone-grpc", "gone-rest"} <= reasons.keys():
        reasons = {row["id"]: row["reason"] for row in live.journal()}
    assert (reasons["gone-grpc"], reasons["gone-rest"]) == ("cancelled", "cancelled")


async def until(holds: "Callable[[], bool]") -> None:
    deadline_s = time.monotonic() + 20
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline_s, "it did not come true"
        await asyncio.sleep(0.01)


def test_what_comes_while_queues_are_full_or_too_late_is_told_so(live: Lab) -> None:
    before = live.control.state()
    for one in live.first:
        one.switch.write_text("hang")

    async def crowd(client: V2Client) -> list[Any]:
        # Those that hung in the test before take the first two; else more than 100 would wait.
        await until(lambda: all(one.state == "ready" for one in live.control.state().stages[0].replicas))
        calls = [asyncio.ensure_future(client.infer(MODEL, marked(""), str(at))) for at in range(102)]
        await until(lambda: live.control.state().stages[0].waiting == 100)
        late = await asyncio.gather(client.infer(MODEL, marked(""), "late"), return_exceptions=True)
        status = await asyncio.to_thread(infer, live)
        for one in live.first:
            one.switch.unlink()
        return [late[0], status, await asyncio.gather(*calls, return_exceptions=True)]

    late, (status, headers, answer), others = live.run(crowd)
    assert late.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert late.details().startswith("refused: stage first: 100 requests wait")
    told = dict(late.trailing_metadata())
    assert told["request-id"] == "late", "it may be sent again under this id"
    retry = told["retry-after"]
    assert status == 429
    assert int(headers["retry-after"]) >= 1 <= int(retry)
    assert str(answer["error"]).startswith("refused: stage first:")
    dropped = [one for one in others if isinstance(one, grpc.aio.AioRpcError)]
    assert {one.code() for one in dropped} <= {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert all(str(one.details()).startswith("expired: stage first: older than 4 s") for one in dropped)
    after = live.control.state()
    assert after.ok - before.ok == 102 - len(dropped)
    assert after.dropped - before.dropped == len(dropped) + 2
    assert after.in_flight == 0
