"""Payloads and calls of the Open Inference Protocol (V2).

A :class:`Tensor` holds raw bytes, so that :func:`merge` makes a batch of requests, and :func:`split` takes
one apart, without touching a number. ``ipa.serving.v2.messages`` turns tensors into the messages of gRPC,
``ipa.serving.v2.mlserver_types`` into what an MLServer runtime gets and returns, and :class:`V2Client` sends
them to a server.
"""

from typing import TYPE_CHECKING

from ipa.lazy_names import import_on_use
from ipa.serving.v2.tensor import (
    DTYPES,
    Answer,
    Parameters,
    Signature,
    Tensor,
    check_items,
    merge,
    signature,
    split,
)

if TYPE_CHECKING:
    from ipa.serving.v2.client import V2Client

__all__ = [
    "DTYPES",
    "Answer",
    "Parameters",
    "Signature",
    "Tensor",
    "V2Client",
    "check_items",
    "merge",
    "signature",
    "split",
]

# The client brings gRPC and MLServer along; who only makes tensors waits for neither.
__getattr__ = import_on_use(__name__, {"V2Client": "ipa.serving.v2.client"})
