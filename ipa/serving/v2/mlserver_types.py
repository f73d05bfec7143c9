"""Tensors to and from the payloads of an MLServer runtime."""

import base64
import binascii
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from mlserver import types

from ipa.errors import TensorError, brief
from ipa.serving.v2.tensor import DTYPES, Answer, Parameters, Tensor

KINDS = {"b": "b", "u": "bui", "i": "bui", "f": "buif"}
"""Kinds of numpy values that may stand for a kind of datatype: no text for a number, no 1.5 for an int."""


def read_request(request: types.InferenceRequest) -> tuple[Tensor, ...]:
    """Return the inputs of a request that a runtime got, over REST or gRPC.

    Raises
    ------
    TensorError
        If data do not fit their tensor.
    """
    return tuple(_read_tensor(item) for item in request.inputs)


def read_response(response: types.InferenceResponse) -> Answer:
    """Return what a runtime, or a server over REST, answered.

    Raises
    ------
    TensorError
        If data do not fit their tensor.
    """
    tensors = tuple(_read_tensor(item) for item in response.outputs)
    return Answer(tensors, read_parameters(response), response.id or "")


def read_parameters(payload: types.InferenceRequest | types.InferenceResponse) -> dict[str, bool | int | str]:
    """Return the parameters of a request or response; MLServer's own (headers, content type) are left out."""
    extra = (payload.parameters.model_extra if payload.parameters else None) or {}
    return {name: value for name, value in extra.items() if isinstance(value, bool | int | str)}


def make_request(
    tensors: Iterable[Tensor], request_id: str = "", parameters: Parameters | None = None
) -> types.InferenceRequest:
    """Return a request as a runtime gets it.

    Parameters
    ----------
    tensors
        Inputs of the model.
    request_id
        Id of the request.
    parameters
        What is said beside the tensors.
    """
    inputs = [types.RequestInput.model_construct(**_describe(tensor)) for tensor in tensors]
    return types.InferenceRequest.model_construct(
        id=request_id, inputs=inputs, parameters=_parameters(parameters)
    )


def make_response(
    model: str,
    tensors: Iterable[Tensor],
    request_id: str = "",
    parameters: Parameters | None = None,
) -> types.InferenceResponse:
    """Return an answer as a runtime gives it.

    Parameters
    ----------
    model
        Name of the model that answers.
    tensors
        Its outputs.
    request_id
        Id of the request that is answered.
    parameters
        What is said beside the tensors.
    """
    outputs = [types.ResponseOutput.model_construct(**_describe(tensor)) for tensor in tensors]
    return types.InferenceResponse.model_construct(
        model_name=model, id=request_id, outputs=outputs, parameters=_parameters(parameters)
    )


def _parameters(parameters: Parameters | None) -> types.Parameters | None:
    return types.Parameters(**parameters) if parameters else None


def _describe(tensor: Tensor) -> dict[str, Any]:
    # MLServer carries the elements as a Python list; it validates what it parses, not what is built here.
    data = list(tensor.data) if tensor.datatype == "BYTES" else tensor.numpy().ravel().tolist()
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
        "data": types.TensorData.model_construct(root=data),
    }


def _read_tensor(item: types.RequestInput | types.ResponseOutput) -> Tensor:
    name, shape = item.name, tuple(item.shape)
    datatype = item.datatype if isinstance(item.datatype, str) else item.datatype.value
    data = getattr(item.data, "root", item.data)
    if datatype == "BYTES":
        encoded = item.parameters is not None and item.parameters.content_type == "base64"
        elements = tuple(_read_element(name, part, encoded) for part in _flatten(data))
        return Tensor(name, datatype, shape, elements)
    if datatype not in DTYPES:
        return Tensor(name, datatype, shape, b"")  # refuses the datatype by name
    return Tensor(name, datatype, shape, _read_numbers(name, datatype, data))


def _flatten(data: Any) -> list[Any]:
    rows = data if isinstance(data, list) else [data]
    while any(isinstance(row, list) for row in rows):
        rows = list(itertools.chain.from_iterable(row if isinstance(row, list) else [row] for row in rows))
    return rows


def _read_element(name: str, element: Any, encoded: bool) -> bytes:
    if isinstance(element, str):
        element = element.encode()
    if not isinstance(element, bytes):
        raise TensorError(f"tensor {brief(name)}: elements of BYTES are strings, not {brief(element)}")
    if not encoded:
        return element
    try:
        return base64.b64decode(element, validate=True)
    except binascii.Error as error:
        raise TensorError(f"tensor {brief(name)}: no base64, as its content_type says: {error}") from error


def _read_numbers(name: str, datatype: str, data: Any) -> bytes:
    dtype = DTYPES[datatype]
    try:
        given = np.asarray(data)
        if given.size == 0 or given.dtype.kind in KINDS[dtype.kind] or _are_integers(data, dtype):
            with np.errstate(over="ignore"):
                return np.array(data, dtype).tobytes()
    except (OverflowError, TypeError, ValueError) as error:
        raise TensorError(f"tensor {brief(name)}: its data are no values of {datatype}: {error}") from error
    raise TensorError(f"tensor {brief(name)}: {brief(data)} are no values of {datatype}")


def _are_integers(data: Any, dtype: np.dtype[Any]) -> bool:
    # Beside others, integers beyond 2**63 become floats in numpy.
    return dtype.kind in "ui" and all(isinstance(value, int) for value in _flatten(data))
