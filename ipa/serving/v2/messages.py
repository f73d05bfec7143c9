"""Tensors to and from the messages of the protocol's gRPC form."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mlserver.grpc import dataplane_pb2 as pb

from ipa.errors import TensorError, brief
from ipa.serving.v2.tensor import DTYPES, Answer, Parameters, Tensor

CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of typed contents that holds each datatype; FP16 travels raw only."""

INT64_RANGE = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a server gets it.

    Parameters
    ----------
    model
        Name of the model that is asked.
    tensors
        Its inputs.
    parameters
        What the client says beside them.
    id
        Id of the request; empty if the client gave none.
    """

    model: str
    tensors: tuple[Tensor, ...]
    parameters: Parameters
    id: str


def make_request(
    model: str,
    tensors: Iterable[Tensor],
    request_id: str = "",
    parameters: Parameters | None = None,
) -> pb.ModelInferRequest:
    """Return the message of a request, its tensors raw.

    Parameters
    ----------
    model
        Name of the model that is asked.
    tensors
        Its inputs.
    request_id
        Id of the request.
    parameters
        What is said beside the tensors.
    """
    message = pb.ModelInferRequest(model_name=model, id=request_id)
    _put_parameters(message.parameters, parameters or {})
    _put_tensors(message.inputs, message.raw_input_contents, tensors)
    return message


def read_request(message: pb.ModelInferRequest) -> Call:
    """Return what a request says; tensors may be raw or typed.

    Raises
    ------
    TensorError
        If contents do not fit their tensor, or a parameter is none.
    """
    tensors = _read_tensors(message.inputs, message.raw_input_contents)
    return Call(message.model_name, tensors, _read_parameters(message.parameters), message.id)


def make_response(
    model: str,
    tensors: Iterable[Tensor],
    request_id: str = "",
    parameters: Parameters | None = None,
) -> pb.ModelInferResponse:
    """Return the message of an answer, its tensors raw; the parameters are those of ``make_request``."""
    message = pb.ModelInferResponse(model_name=model, id=request_id)
    _put_parameters(message.parameters, parameters or {})
    _put_tensors(message.outputs, message.raw_output_contents, tensors)
    return message


def read_response(message: pb.ModelInferResponse) -> Answer:
    """Return what an answer says; tensors may be raw or typed.

    Raises
    ------
    TensorError
        If contents do not fit their tensor, or a parameter is none.
    """
    tensors = _read_tensors(message.outputs, message.raw_output_contents)
    return Answer(tensors, _read_parameters(message.parameters), message.id)


def pack(tensor: Tensor) -> bytes:
    """Return a tensor as raw contents; every element of BYTES gets its length in front."""
    if isinstance(tensor.data, bytes):
        return tensor.data
    return b"".join(part for element in tensor.data for part in (struct.pack("<I", len(element)), element))


def unpack(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Tensor:
    """Return the tensor of raw contents.

    Parameters
    ----------
    name, datatype, shape
        Those of the tensor.
    raw
        Its contents.

    Raises
    ------
    TensorError
        If the contents do not fit the shape.
    """
    return Tensor(name, datatype, shape, _unpack_bytes(name, raw) if datatype == "BYTES" else raw)


def _unpack_bytes(name: str, raw: bytes) -> tuple[bytes, ...]:
    elements, start = [], 0
    while start < len(raw):
        end = start + 4
        if end <= len(raw):
            end += int.from_bytes(raw[start:end], "little")
        if end > len(raw) or end < start + 4:
            raise TensorError(f"tensor {brief(name)}: its raw contents end inside an element")
        elements.append(raw[start + 4 : end])
        start = end
    return tuple(elements)


def _put_tensors(described: Any, raw: Any, tensors: Iterable[Tensor]) -> None:
    for tensor in tensors:
        described.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        raw.append(pack(tensor))


def _read_tensors(described: Sequence[Any], raw: Sequence[bytes]) -> tuple[Tensor, ...]:
    if not raw:
        return tuple(_read_typed(item) for item in described)
    if len(raw) != len(described):
        raise TensorError(
            f"{len(described)} tensors are described and {len(raw)} have raw contents; "
            "give the contents of all of them raw or of none"
        )
    return tuple(
        unpack(item.name, item.datatype, tuple(item.shape), contents)
        for item, contents in zip(described, raw, strict=True)
    )


def _read_typed(item: Any) -> Tensor:
    name, datatype, shape = item.name, item.datatype, tuple(item.shape)
    if datatype not in CONTENTS:
        # FP16 without raw contents has none; an unknown datatype is refused by the tensor itself.
        return Tensor(name, datatype, shape, b"")
    values = getattr(item.contents, CONTENTS[datatype])
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, tuple(values))
    try:
        return Tensor(name, datatype, shape, np.array(list(values), DTYPES[datatype]).tobytes())
    except OverflowError as error:
        raise TensorError(f"tensor {brief(name)}: a value does not fit {datatype}: {error}") from error


def _put_parameters(fields: Any, parameters: Parameters) -> None:
    for name, value in parameters.items():
        if isinstance(value, bool):
            fields[name].bool_param = value
        elif isinstance(value, int) and value in INT64_RANGE:
            fields[name].int64_param = value
        elif isinstance(value, str):
            fields[name].string_param = value
        else:
            raise TensorError(
                f"parameter {brief(name)} must be a bool, a string or an int of 64 bits, not {brief(value)}; "
                "give a time as integer nanoseconds"
            )


def _read_parameters(fields: Mapping[str, pb.InferParameter]) -> dict[str, bool | int | str]:
    parameters: dict[str, bool | int | str] = {}
    for name, field in fields.items():
        kind = field.WhichOneof("parameter_choice")
        if kind is None:
            raise TensorError(f"parameter {brief(name)} has no value; allowed: bool, int of 64 bits, string")
        parameters[name] = getattr(field, kind)
    return parameters
