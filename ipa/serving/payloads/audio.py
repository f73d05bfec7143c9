"""Sounds: a few tones that swell and fade, and noise."""

import numpy as np

from ipa.arrays import Floats
from ipa.limits import Range
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, MadePayload, Payload, PayloadRequest
from ipa.serving.v2 import Tensor

TONES = 5


@PAYLOADS.named("audio")
def sounds(request: PayloadRequest) -> Payload:
    """Return sounds of ``milliseconds`` (2000) sampled at ``rate`` (16000) hertz, as FP32 from -1 to 1."""
    given = request.whole_numbers(
        {
            "milliseconds": (2000, Range(1, 600_000, "ms", whole=True)),
            "rate": (16_000, Range(1000, 192_000, "hertz", whole=True)),
            "items": (16, ITEMS),
        }
    )
    names = request.names("FP32", "audio")

    def make(item: int) -> list[Tensor]:
        return [
            Tensor.of(name, _sound(given["milliseconds"], given["rate"], request.rng(item, place))[None])
            for place, name in enumerate(names)
        ]

    return MadePayload(given["items"], make)


def _sound(milliseconds: int, rate: int, rng: np.random.Generator) -> "Floats":
    time_s = np.arange(max(milliseconds * rate // 1000, 1)) / rate
    sound = 0.02 * rng.standard_normal(len(time_s))
    for _ in range(TONES):
        pitch, swell, phase = rng.uniform(80, 1200), rng.uniform(0.5, 4), rng.uniform(0, 2 * np.pi)
        sound += np.sin(2 * np.pi * pitch * time_s) * np.sin(2 * np.pi * swell * time_s + phase) ** 2
    scaled: Floats = (sound / np.abs(sound).max()).astype(np.float32)
    return scaled
