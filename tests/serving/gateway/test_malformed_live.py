"""Whatever is sent to the doors, they say what is wrong, write nothing in the books, and stay open."""

import json
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

from ipa.serving.v2 import DTYPES
from tests.serving.gateway.test_doors_live import ask
from tests.support.gateway_lab import MODEL, Lab

pytestmark = pytest.mark.live

MANY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["text", "found", "", "text\x00", "ünï"]) | st.text(max_size=5)
datatypes = st.sampled_from([*DTYPES, "BYTES", "FP8", "", "bytes"])
shapes = st.lists(st.integers(-2, 5) | st.just(2**62), max_size=3)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "name": names | plain,
        "datatype": datatypes | plain,
        "shape": shapes | plain,
        "data": plain,
        "parameters": plain,
    },
)
bodies = plain | st.fixed_dictionaries(
    {"inputs": st.lists(inputs, max_size=3) | plain},
    optional={"id": plain, "outputs": plain, "parameters": plain},
)


@MANY
@given(bodies)
def test_no_body_of_json_breaks_the_rest_door(live: Lab, body: Any) -> None:
    before = live.control.state()
    status, _, answer = ask(f"{live.http}/v2/models/{MODEL}/infer", json.dumps(body).encode())
    arrived = live.control.state().arrived - before.arrived
    assert status in ((200,) if arrived else (400, 422)), answer
    if status != 200:
        assert json.loads(answer)["error"]


@MANY
@given(st.binary(max_size=200))
def test_no_bytes_break_the_rest_door(live: Lab, body: bytes) -> None:
    arrived = live.control.state().arrived
    status, _, answer = ask(f"{live.http}/v2/models/{MODEL}/infer", body)
    assert status == 400, answer
    assert live.control.state().arrived == arrived


@st.composite
def messages(draw: st.DrawFn) -> pb.ModelInferRequest:
    """Draw a request that is hardly ever one."""
    request = pb.ModelInferRequest(model_name=MODEL, id=draw(st.text(max_size=300)))
    for _ in range(draw(st.integers(0, 3))):
        tensor = request.inputs.add(name=draw(names), datatype=draw(datatypes), shape=draw(shapes))
        field = draw(
            st.sampled_from(["", "bytes_contents", "int_contents", "fp32_contents", "bool_contents"])
        )
        if field == "bytes_contents":
            tensor.contents.bytes_contents.extend(draw(st.lists(st.binary(max_size=5), max_size=3)))
        elif field:
            getattr(tensor.contents, field).extend(draw(st.lists(st.integers(0, 1), max_size=3)))
    request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=12), max_size=3)))
    for name in draw(st.lists(st.text(max_size=4), max_size=2)):
        request.parameters[name].SetInParent()
    return request


@MANY
@given(messages())
def test_no_message_breaks_the_grpc_door(live: Lab, message: pb.ModelInferRequest) -> None:
    before = live.control.state()

    async def send() -> grpc.StatusCode:
        async with grpc.aio.insecure_channel(live.address) as channel:
            call = GRPCInferenceServiceStub(channel).ModelInfer(message, timeout=20)
            code: grpc.StatusCode = await call.code()
            return code

    code = live.run(lambda _: send())
    arrived = live.control.state().arrived - before.arrived
    assert code == (grpc.StatusCode.OK if arrived else grpc.StatusCode.INVALID_ARGUMENT)


def test_the_pipeline_still_serves(live: Lab) -> None:
    good = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["fine"]}]}
    assert ask(f"{live.http}/v2/models/{MODEL}/infer", good)[0] == 200
