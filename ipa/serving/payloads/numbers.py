"""Random numbers: of a given size, or as the model's inputs want them."""

import math

import numpy as np

from ipa.errors import PayloadError, brief
from ipa.limits import Range
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, Input, MadePayload, Payload, PayloadRequest
from ipa.serving.v2 import DTYPES, Tensor

SIZE = Range(1, 64_000_000, "bytes", whole=True)
"""Bytes of one item; servers take messages of up to 64 MiB."""


@PAYLOADS.named("bytes")
def random_bytes(request: PayloadRequest) -> Payload:
    """Return items of random bytes (``size``, 1024 by default): for models that do not look at them."""
    given = request.whole_numbers({"size": (1024, SIZE), "items": (64, ITEMS)})
    names = request.names("UINT8", "bytes")

    def make(item: int) -> list[Tensor]:
        return [
            Tensor(name, "UINT8", (1, given["size"]), request.rng(item, place).bytes(given["size"]))
            for place, name in enumerate(names)
        ]

    return MadePayload(given["items"], make)


@PAYLOADS.named("numbers")
def random_numbers(request: PayloadRequest) -> Payload:
    """Return items with random values for every input of the model, of its datatype and shape.

    An axis of any length has the length ``axis``, 1 by default; the first one, which counts items, always 1.
    """
    given = request.whole_numbers({"axis": (1, Range(1, 100_000, whole=True)), "items": (64, ITEMS)})
    if not request.inputs:
        raise PayloadError(
            "payload numbers follows the inputs of the model, and this one describes none; give another"
            " --payload"
        )
    for wanted in request.inputs:
        _check(wanted, given["axis"])

    def make(item: int) -> list[Tensor]:
        return [
            _drawn(wanted, given["axis"], request.rng(item, place))
            for place, wanted in enumerate(request.inputs)
        ]

    return MadePayload(given["items"], make)


def _check(wanted: Input, axis: int) -> None:
    if wanted.datatype not in DTYPES:
        raise PayloadError(
            f"payload numbers cannot fill input {brief(wanted.name)!r}, which takes {brief(wanted.datatype)};"
            " give --payload text, image or files"
        )
    size = DTYPES[wanted.datatype].itemsize * math.prod(_shape(wanted, axis))
    SIZE.check(f"bytes of input {brief(wanted.name)!r}", size)


def _shape(wanted: Input, axis: int) -> tuple[int, ...]:
    return (1, *(axis if length < 1 else length for length in wanted.shape[1:]))


def _drawn(wanted: Input, axis: int, rng: np.random.Generator) -> Tensor:
    dtype, shape = DTYPES[wanted.datatype], _shape(wanted, axis)
    if dtype.kind == "f":
        return Tensor.of(wanted.name, rng.random(shape).astype(dtype))
    # Small whole numbers are good for pixels, tokens and switches alike.
    return Tensor.of(wanted.name, rng.integers(0, 2 if dtype.kind == "b" else 100, shape).astype(dtype))
