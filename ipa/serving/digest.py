"""What an emulated model answers: a fingerprint of what it was asked, so that a mixed-up answer shows."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from ipa.serving.v2.tensor import Tensor, split

DIGEST = "digest"
"""Name of the output."""


def digest_items(tensors: Sequence[Tensor]) -> Tensor:
    """Return a CRC-32 over the inputs of every item.

    It runs over the tensors ascending by name: over the name, then the raw bytes of the item; every element
    of BYTES has its length in front (4 bytes, little-endian).

    Parameters
    ----------
    tensors
        Inputs of a batch.

    Returns
    -------
    Tensor
        ``digest``, INT64 of shape (items, 1).

    Examples
    --------
    >>> digest_items([Tensor.of("text", [b"a", b"b"])]).numpy().tolist()
    [[2611773773], [44421367]]
    """
    items = split(sorted(tensors, key=lambda tensor: tensor.name), [1] * tensors[0].shape[0])
    return Tensor.of(DIGEST, np.array([[_crc32(item)] for item in items], dtype=np.int64).reshape(-1, 1))


def _crc32(tensors: Sequence[Tensor]) -> int:
    crc = 0
    for tensor in tensors:
        crc = zlib.crc32(tensor.name.encode(), crc)
        for part in tensor.data if isinstance(tensor.data, tuple) else ():
            crc = zlib.crc32(part, zlib.crc32(struct.pack("<I", len(part)), crc))
        if isinstance(tensor.data, bytes):
            crc = zlib.crc32(tensor.data, crc)
    return crc
