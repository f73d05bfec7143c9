"""Named tensors as the protocol carries them, and batches of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ipa.errors import TensorError, brief

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""The fixed-size datatypes of the protocol; BYTES holds strings of bytes of any length."""

MOST_AXES = 32
"""Axes of a tensor. No model takes as many, and whoever sends a million of them wants us to multiply them."""

DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}

Parameters = Mapping[str, bool | int | str]
"""What travels beside the tensors; gRPC carries no other kinds."""

Signature = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Name, datatype and shape of one item of every tensor, ascending by name."""


@dataclass(frozen=True, slots=True)
class Tensor:
    r"""A named tensor.

    Parameters
    ----------
    name
        Name of the input or output.
    datatype
        Datatype of the protocol, for example ``FP32`` or ``BYTES``.
    shape
        Length of every axis; the first one counts the items of a batch.
    data
        The elements in row-major order: raw little-endian bytes, or for BYTES a string of bytes each.

    Raises
    ------
    TensorError
        If the datatype is unknown, or the data do not fill the shape.

    Examples
    --------
    >>> Tensor.of("x", np.array([[1, 2]], dtype=np.int32))
    Tensor(name='x', datatype='INT32', shape=(1, 2), data=b'\x01\x00\x00\x00\x02\x00\x00\x00')
    >>> Tensor.of("text", [b"hello"]).shape
    (1,)
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes | tuple[bytes, ...]

    def __post_init__(self) -> None:
        if len(self.shape) > MOST_AXES:
            raise TensorError(f"tensor {brief(self.name)} has {len(self.shape)} axes; at most {MOST_AXES}")
        if self.shape and min(self.shape) < 0:
            raise TensorError(f"tensor {brief(self.name)}: shape {_brief_shape(self)} has a negative length")
        size = math.prod(self.shape)
        if self.datatype == "BYTES":
            if not isinstance(self.data, tuple) or len(self.data) != size:
                raise self._misfit(size, "elements", len(self.data))
            return
        if self.datatype not in DTYPES:
            raise TensorError(
                f"tensor {brief(self.name)}: unknown datatype {brief(self.datatype)!r}; "
                f"allowed: {', '.join(DTYPES)}, BYTES"
            )
        expected = size * DTYPES[self.datatype].itemsize
        if not isinstance(self.data, bytes) or len(self.data) != expected:
            raise self._misfit(expected, "bytes", len(self.data))

    @property
    def size_bytes(self) -> int:
        """Length of all data."""
        return len(self.data) if isinstance(self.data, bytes) else sum(map(len, self.data))

    def _misfit(self, expected: int, unit: str, given: int) -> TensorError:
        return TensorError(
            f"tensor {brief(self.name)}: {self.datatype} of shape {_brief_shape(self)} takes "
            f"{brief(expected)} {unit}, not {given}"
        )

    @classmethod
    def of(cls, name: str, values: NDArray[Any] | Sequence[bytes]) -> Self:
        """Return a tensor of an array, or of strings of bytes.

        Parameters
        ----------
        name
            Name of the tensor.
        values
            An array of numbers, or of objects that are bytes, of any shape; or a sequence of bytes, which
            becomes a tensor of one axis.
        """
        if not isinstance(values, np.ndarray):
            return cls(name, "BYTES", (len(values),), _all_bytes(name, values))
        if values.dtype == object:
            return cls(name, "BYTES", values.shape, _all_bytes(name, values.ravel().tolist()))
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        if little.dtype not in DATATYPES:
            raise TensorError(
                f"tensor {brief(name)}: no datatype of the protocol for numpy's {values.dtype}; "
                f"allowed: {', '.join(str(dtype) for dtype in DATATYPES)}, and objects that are bytes"
            )
        return cls(name, DATATYPES[little.dtype], values.shape, little.tobytes())

    def numpy(self) -> NDArray[Any]:
        """Return the tensor as a read-only array; BYTES become an array of objects."""
        if isinstance(self.data, bytes):
            return np.frombuffer(self.data, DTYPES[self.datatype]).reshape(self.shape)
        array = np.empty(len(self.data), dtype=object)
        array[:] = self.data
        array.flags.writeable = False
        return array.reshape(self.shape)


def _brief_shape(tensor: Tensor) -> str:
    """Return a shape as it may stand in a message: a client can give any number of axes."""
    return brief(list(tensor.shape), 100)


def _all_bytes(name: str, values: Sequence[bytes]) -> tuple[bytes, ...]:
    for value in values:
        if not isinstance(value, bytes):
            raise TensorError(f"tensor {brief(name)}: {brief(value)} is not bytes; encode text first")
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers to one call.

    Parameters
    ----------
    tensors
        Outputs of the model, in its order.
    parameters
        What the server tells beside them.
    id
        Id of the request that is answered.
    """

    tensors: tuple[Tensor, ...]
    parameters: Parameters = field(default_factory=dict)
    id: str = ""


def check_items(tensors: Sequence[Tensor], items: int) -> None:
    """Raise a TensorError unless every tensor holds that many items along its first axis.

    Parameters
    ----------
    tensors
        Tensors of one request or answer.
    items
        Length that their first axis must have.
    """
    if not tensors:
        raise TensorError("there is no tensor; a request and an answer hold at least one")
    for tensor in tensors:
        if not tensor.shape or tensor.shape[0] != items:
            raise TensorError(
                f"tensor {brief(tensor.name)} has shape {_brief_shape(tensor)};"
                f" its first axis must be {items}"
            )


def signature(tensors: Sequence[Tensor]) -> Signature:
    """Return what requests must have in common to make one batch.

    Parameters
    ----------
    tensors
        Tensors of one request.

    Raises
    ------
    TensorError
        If a name appears twice, or a tensor has no axis to batch along.
    """
    described: dict[str, tuple[str, str, tuple[int, ...]]] = {}
    for tensor in tensors:
        name, shape = tensor.name, tensor.shape
        if name in described:
            raise TensorError(f"two tensors are named {brief(name)!r}; names must differ")
        if not shape:
            raise TensorError(f"tensor {brief(name)} has no axis; its first one counts the items of a batch")
        described[name] = name, tensor.datatype, shape[1:]
    return tuple(described[name] for name in sorted(described))


def merge(requests: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Return the tensors of a batch: those of its requests, one behind the other along the first axis.

    Parameters
    ----------
    requests
        Tensors of every request; all of one signature.

    Raises
    ------
    TensorError
        If there is no request, or the signatures differ.
    """
    if not requests:
        raise TensorError("a batch takes at least one request")
    first = signature(requests[0])
    for request in requests[1:]:
        if (other := signature(request)) != first:
            raise TensorError(f"requests of different signatures make no batch: {first} and {other}")
    if len(requests) == 1:
        return list(requests[0])
    by_name = [{tensor.name: tensor for tensor in request} for request in requests]
    return [_concatenate([tensors[tensor.name] for tensors in by_name]) for tensor in requests[0]]


def _concatenate(parts: Sequence[Tensor]) -> Tensor:
    first = parts[0]
    shape = (sum(part.shape[0] for part in parts), *first.shape[1:])
    if first.datatype == "BYTES":
        return Tensor(first.name, "BYTES", shape, tuple(element for part in parts for element in part.data))  # type: ignore[misc]
    return Tensor(first.name, first.datatype, shape, b"".join(part.data for part in parts))  # type: ignore[misc]


def split(tensors: Sequence[Tensor], sizes: Sequence[int]) -> list[list[Tensor]]:
    """Take the tensors of a batch apart.

    Parameters
    ----------
    tensors
        Tensors of a batch.
    sizes
        Items that belong to each request, in the order of the batch.

    Returns
    -------
    list of list of Tensor
        Tensors of each request.

    Raises
    ------
    TensorError
        If there is no tensor, or the first axis of one is not as long as the batch.
    """
    check_items(tensors, sum(sizes))
    if len(sizes) == 1:
        return [list(tensors)]
    columns = [_cut(tensor, sizes) for tensor in tensors]
    return [list(request) for request in zip(*columns, strict=True)]


def _cut(tensor: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    per_item = len(tensor.data) // tensor.shape[0] if tensor.shape[0] else 0
    parts, start = [], 0
    for size in sizes:
        end = start + size * per_item
        parts.append(Tensor(tensor.name, tensor.datatype, (size, *tensor.shape[1:]), tensor.data[start:end]))
        start = end
    return parts
