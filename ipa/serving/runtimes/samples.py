"""Items that variants are warmed up with."""

import base64

import numpy as np

from ipa.serving.v2 import Tensor

# A PNG of 8 x 8 grey pixels.
_GREY = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR42mNsYIAAJgaKGAAmCACQtTEKkQAAAABJRU5ErkJggg=="
)

SENTENCE = "A few words that say little, so that the network has something to work on."


def sample_picture(name: str) -> Tensor:
    """Return a picture."""
    return Tensor.of(name, [_GREY])


def sample_text(name: str) -> Tensor:
    """Return a text."""
    return Tensor.of(name, [SENTENCE.encode()])


def sample_sound(name: str) -> Tensor:
    """Return a second of noise."""
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 16_000))
    return Tensor.of(name, noise.astype(np.float32))
