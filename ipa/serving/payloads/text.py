"""Texts of made-up sentences."""

import numpy as np

from ipa.limits import Range
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, MadePayload, Payload, PayloadRequest
from ipa.serving.v2 import Tensor

WORDS = tuple(
    word
    for line in (
        "the a this every some people children doctors farmers sailors cities rivers mountains letters songs",
        "films answers mistakes engines winters found built lost carried painted followed remembered changed",
        "heard sold quickly slowly never often again together bright quiet heavy strange happy terrible",
        "in under near behind without after before because and but",
    )
    for word in line.split()
)
"""What sentences are made of; the order carries no meaning."""


@PAYLOADS.named("text")
def sentences(request: PayloadRequest) -> Payload:
    """Return texts of random sentences with ``words`` words, 40 by default."""
    given = request.whole_numbers({"words": (40, Range(1, 100_000, whole=True)), "items": (64, ITEMS)})
    names = request.names("BYTES", "text")

    def make(item: int) -> list[Tensor]:
        texts = [_text(given["words"], request.rng(item, place)) for place in range(len(names))]
        return [Tensor.of(name, _one(text)) for name, text in zip(names, texts, strict=True)]

    return MadePayload(given["items"], make)


def _one(text: str) -> list[bytes]:
    return [text.encode()]


def _text(words: int, rng: np.random.Generator) -> str:
    chosen = rng.choice(WORDS, words).tolist()
    ends = np.cumsum(rng.integers(6, 15, words)).tolist()
    starts = [0, *(end for end in ends if end < words)]
    cut = [chosen[first:last] for first, last in zip(starts, [*starts[1:], words], strict=True)]
    return " ".join(f"{' '.join(sentence).capitalize()}." for sentence in cut)
