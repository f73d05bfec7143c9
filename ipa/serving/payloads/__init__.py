"""What requests carry: made up, seeded and labelled where the truth is known; never downloaded.

A new kind is one function under a name of ``PAYLOADS``::

    @PAYLOADS.named("zeros")
    def zeros(request: PayloadRequest) -> Payload:
        return FixedPayload([[Tensor.of("input", np.zeros((1, 4), np.float32))]])
"""

from ipa.serving.payloads import audio, digests, files, images, numbers, ocr, text
from ipa.serving.payloads.catalogue import make_payload
from ipa.serving.payloads.payload import PAYLOADS, FixedPayload, Input, MadePayload, Payload, PayloadRequest

__all__ = [
    "PAYLOADS",
    "FixedPayload",
    "Input",
    "MadePayload",
    "Payload",
    "PayloadRequest",
    "audio",
    "digests",
    "files",
    "images",
    "make_payload",
    "numbers",
    "ocr",
    "text",
]
