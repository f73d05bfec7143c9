"""Texts whose fingerprint a chain of emulated stages answers, so that a mixed-up answer shows."""

from dataclasses import dataclass

from ipa.limits import STAGES
from ipa.serving.digest import DIGEST, digest_items
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, Payload, PayloadRequest
from ipa.serving.v2 import Answer, Tensor


@dataclass(frozen=True, slots=True)
class DigestPayload(Payload):
    """Different texts, and what a chain of emulated stages makes of each.

    Parameters
    ----------
    name
        Name of the input.
    count
        How many texts there are.
    stages
        Stages of the chain.
    """

    name: str
    count: int
    stages: int

    @property
    def items(self) -> int:
        """How many different texts there are."""
        return self.count

    def tensors(self, index: int) -> list[Tensor]:
        """Return a text."""
        return [Tensor.of(self.name, [b"item %d" % index])]

    def is_right(self, index: int, answer: Answer) -> bool:
        """Return whether an answer is what a chain of so many stages makes of a text."""
        tensors = self.tensors(index)
        for _ in range(self.stages):
            tensors = [digest_items(tensors)]
        return [tensor.name for tensor in answer.tensors] == [DIGEST] and answer.tensors[0] == tensors[0]


@PAYLOADS.named("digest")
def digest(request: PayloadRequest) -> Payload:
    """Return ``items`` different texts for a chain of ``stages`` emulated stages."""
    numbers = request.whole_numbers({"items": (1000, ITEMS), "stages": (1, STAGES)})
    return DigestPayload(request.names("BYTES", "digest")[0], numbers["items"], numbers["stages"])
