"""Tensors survive the way through the messages of gRPC, raw and typed, ours and MLServer's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlserver.grpc import converters
from mlserver.grpc import dataplane_pb2 as pb

from ipa.errors import TensorError
from ipa.serving.v2 import DTYPES, Answer, Tensor
from ipa.serving.v2.messages import (
    CONTENTS,
    make_request,
    make_response,
    pack,
    read_request,
    read_response,
    unpack,
)

PARAMETERS = {"flag": True, "start_ns": 2**62, "variant": "yolov5n"}


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    datatype = draw(st.sampled_from([*sorted(DTYPES), "BYTES"]))
    if datatype != "BYTES":
        return Tensor.of("x", draw(arrays.arrays(DTYPES[datatype], shape)))
    elements = draw(arrays.arrays(object, shape, elements=st.binary(max_size=6)))
    return Tensor.of("x", elements)


@given(st.lists(tensors(), max_size=3))
def test_requests_and_responses_carry_tensors_raw(given_tensors: list[Tensor]) -> None:
    wire = make_request("model", given_tensors, "id-1", PARAMETERS).SerializeToString()
    call = read_request(pb.ModelInferRequest.FromString(wire))
    assert (call.model, call.id, call.parameters) == ("model", "id-1", PARAMETERS)
    assert call.tensors == tuple(given_tensors)
    wire = make_response("model", given_tensors, "id-1", PARAMETERS).SerializeToString()
    answer = read_response(pb.ModelInferResponse.FromString(wire))
    assert answer == Answer(tuple(given_tensors), PARAMETERS, "id-1")


@given(tensors().filter(lambda tensor: tensor.datatype in CONTENTS))
def test_typed_contents_are_read_too(tensor: Tensor) -> None:
    message = pb.ModelInferRequest()
    item = message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    getattr(item.contents, CONTENTS[tensor.datatype]).extend(tensor.numpy().ravel().tolist())
    assert read_request(message).tensors == (tensor,)


def test_mlserver_writes_raw_contents_as_we_do() -> None:
    tensor = Tensor.of("x", [b"", b"\0abc", "ä".encode()])
    request = converters.ModelInferRequestConverter.to_types(make_request("model", [tensor], "id-1"))
    theirs = converters.ModelInferRequestConverter.from_types(request, "model", use_raw=True)
    assert list(theirs.raw_input_contents) == [pack(tensor)]
    assert read_request(theirs).tensors == (tensor,)


@pytest.mark.parametrize("raw", [b"\x05\0\0\0abc", b"\x01\0", b"\xff\xff\xff\xffa", b"\x01\0\0\0a\x01\0\0\0"])
def test_bytes_that_end_too_early_are_refused(raw: bytes) -> None:
    with pytest.raises(TensorError, match="end inside an element"):
        unpack("x", "BYTES", (1,), raw)


@given(st.binary(max_size=30), st.sampled_from([*sorted(DTYPES), "BYTES", "BF16", ""]), st.integers(-1, 4))
def test_any_raw_contents_are_a_tensor_or_refused(raw: bytes, datatype: str, size: int) -> None:
    try:
        tensor = unpack("x", datatype, (size,), raw)
    except TensorError:
        return
    assert pack(tensor) == raw
    assert tensor.numpy().shape == (size,)


def described(datatype: str, shape: list[int], **contents: list[int]) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest()
    item = message.inputs.add(name="x", datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(item.contents, field).extend(values)
    return message


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (described("UINT8", [1], uint_contents=[300]), "a value does not fit UINT8"),
        (described("INT32", [2], int_contents=[1]), "takes 8 bytes, not 4"),
        (described("INT32", [1], fp32_contents=[1]), "takes 4 bytes, not 0"),
        (described("FP16", [1]), "takes 2 bytes, not 0"),
        (described("TEXT", [1]), "unknown datatype 'TEXT'"),
    ],
)
def test_typed_contents_that_do_not_fit_are_refused(message: pb.ModelInferRequest, problem: str) -> None:
    with pytest.raises(TensorError, match=problem):
        read_request(message)


def test_raw_contents_of_some_tensors_only_are_refused() -> None:
    message = make_request("model", [Tensor.of("x", np.zeros(1)), Tensor.of("y", np.zeros(1))])
    del message.raw_input_contents[1]
    with pytest.raises(TensorError, match="2 tensors are described and 1 have raw contents"):
        read_request(message)


def test_a_parameter_without_a_value_is_refused() -> None:
    message = make_request("model", [Tensor.of("x", np.zeros(1))])
    message.parameters["empty"].SetInParent()
    with pytest.raises(TensorError, match="parameter empty has no value"):
        read_request(message)


@pytest.mark.parametrize("value", [0.5, None, 2**63, [1]])
def test_what_grpc_would_lose_in_silence_is_refused_as_a_parameter(value: Any) -> None:
    with pytest.raises(TensorError, match="parameter late must be a bool, a string or an int"):
        make_request("model", [], parameters={"late": value})
