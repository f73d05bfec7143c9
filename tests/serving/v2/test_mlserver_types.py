"""Tensors survive the way through an MLServer runtime, as REST and as gRPC hand them over."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from mlserver import types
from mlserver.codecs.json import encode_to_json_bytes
from mlserver.grpc import converters

from ipa.errors import TensorError
from ipa.serving.v2 import Answer, Tensor
from ipa.serving.v2 import messages as grpc_messages
from ipa.serving.v2.mlserver_types import (
    make_request,
    make_response,
    read_parameters,
    read_request,
    read_response,
)
from tests.serving.v2.test_messages import PARAMETERS, tensors


@given(tensors())
def test_a_tensor_passes_through_a_runtime_over_grpc(tensor: Tensor) -> None:
    got = converters.ModelInferRequestConverter.to_types(
        grpc_messages.make_request("model", [tensor], "id-1", PARAMETERS)
    )
    # MLServer takes raw contents of no bytes for missing ones, which are none either.
    assert read_request(got) == (tensor,)
    assert read_parameters(got) == PARAMETERS
    given_back = make_response("model", [tensor], "id-1", PARAMETERS)
    wire = converters.ModelInferResponseConverter.from_types(given_back, use_raw=True)
    assert grpc_messages.read_response(wire) == Answer((tensor,), PARAMETERS, "id-1")


def over_rest(response: types.InferenceResponse) -> types.InferenceResponse:
    return types.InferenceResponse.model_validate_json(encode_to_json_bytes(response.model_dump()))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor.of("x", np.array([[1.5, -2.0]], dtype=np.float32)),
        Tensor.of("x", np.array([[True, False]])),
        Tensor.of("x", np.array([2**64 - 1, 0], dtype=np.uint64)),
        Tensor.of("x", [b"hello", "ä".encode()]),
    ],
)
def test_a_tensor_passes_through_json(tensor: Tensor) -> None:
    answer = read_response(over_rest(make_response("model", [tensor], "id-1", PARAMETERS)))
    assert answer == Answer((tensor,), PARAMETERS, "id-1")


def rest_request(datatype: str, shape: list[int], data: Any, **parameters: str) -> types.InferenceRequest:
    item = {"name": "x", "datatype": datatype, "shape": shape, "data": data, "parameters": parameters}
    return types.InferenceRequest.model_validate_json(json.dumps({"inputs": [item]}))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (rest_request("FP32", [2, 2], [[1, 2], [3, 4.5]]), np.array([[1, 2], [3, 4.5]], dtype=np.float32)),
        (rest_request("INT64", [1], [2**63 - 1]), np.array([2**63 - 1])),
        (rest_request("UINT8", [2], [True, 255]), np.array([1, 255], dtype=np.uint8)),
        (rest_request("INT32", [0], []), np.zeros(0, dtype=np.int32)),
    ],
)
def test_numbers_may_be_nested(request_: types.InferenceRequest, expected: Any) -> None:
    assert read_request(request_) == (Tensor.of("x", expected),)


def test_bytes_may_be_nested_single_or_in_base64() -> None:
    assert read_request(rest_request("BYTES", [1, 2], [["a", "b"]]))[0].data == (b"a", b"b")
    assert read_request(rest_request("BYTES", [1], "a"))[0].data == (b"a",)
    text = base64.b64encode(b"\xff\xd8").decode()
    assert read_request(rest_request("BYTES", [1], [text], content_type="base64"))[0].data == (b"\xff\xd8",)


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (rest_request("FP32", [2], ["1", "2"]), "are no values of FP32"),
        (rest_request("FP32", [1], [None]), "are no values of FP32"),
        (rest_request("FP32", [2], [[1], [2, 3]]), "are no values of FP32"),
        (rest_request("INT32", [1], [1.5]), "are no values of INT32"),
        (rest_request("UINT8", [1], [-1]), "are no values of UINT8"),
        (rest_request("BOOL", [1], [2]), "are no values of BOOL"),
        (rest_request("INT32", [3], [1]), "takes 12 bytes, not 4"),
        (rest_request("BYTES", [1], [7]), "elements of BYTES are strings, not 7"),
        (rest_request("BYTES", [1], ["?"], content_type="base64"), "no base64"),
    ],
)
def test_data_that_do_not_fit_are_refused(request_: types.InferenceRequest, problem: str) -> None:
    with pytest.raises(TensorError, match=problem):
        read_request(request_)


def test_an_unknown_datatype_is_refused() -> None:
    request = make_request([Tensor.of("x", [b"a"])])
    request.inputs[0].datatype = "TEXT"
    with pytest.raises(TensorError, match="unknown datatype 'TEXT'"):
        read_request(request)


def test_parameters_of_mlserver_are_not_the_clients() -> None:
    request = make_request([Tensor.of("x", [b"a"])], "id-1", {"variant": "small"})
    assert request.parameters is not None
    request.parameters.headers = {"host": "here"}
    assert read_parameters(request) == {"variant": "small"}
    assert read_parameters(make_request([Tensor.of("x", [b"a"])])) == {}
