"""Reads the text on a crop: a network that scores every character at every position, and its best reading.

The networks are PP-OCR recognisers, trained with connectionist temporal classification (Graves et al. 2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipa.serving.images import Pixels, opencv
from ipa.serving.runtimes.onnx_model import Float32s, OnnxModel

HEIGHT_PX = 48
BLANK = 0
"""Class that stands for no character."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Parameters
    ----------
    text
        The text.
    score
        Mean probability of its characters; 0 where there are none.
    """

    text: str
    score: float


class TextRecogniser:
    """Reads every crop of a batch.

    Parameters
    ----------
    file
        Weights.
    characters
        File with the characters that the network knows, one a line.
    width_px
        Width that crops of height 48 are padded to; wider ones are squeezed.
    cores
        Threads that compute.
    """

    def __init__(self, file: Path, characters: Path, width_px: int, cores: int = 1) -> None:
        self._model = OnnxModel(file, cores)
        self._characters = read_characters(characters)
        self._width_px = width_px

    def read(self, crops: Sequence[Pixels]) -> list[Reading]:
        """Return one reading per crop."""
        scores = self._model(np.stack([scale_crop(crop, self._width_px) for crop in crops]))
        return [best_reading(positions, self._characters) for positions in scores]


def read_characters(file: Path) -> tuple[str, ...]:
    """Return the characters by class: the blank first, then those of the file, then the space."""
    # Only a line feed ends a line here: some of the characters are line separators to Python.
    lines = file.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    return ("", *(line.removesuffix("\r") for line in lines), " ")


def scale_crop(crop: Pixels, width_px: int) -> Float32s:
    """Return a crop as the network takes it: 48 pixels high, padded to a width; shape (3, 48, width)."""
    height, width = crop.shape[:2]
    scaled_px = min(width_px, max(1, round(HEIGHT_PX * width / height)))
    small = opencv().resize(crop, (scaled_px, HEIGHT_PX), interpolation=opencv().INTER_LINEAR)
    padded = np.zeros((3, HEIGHT_PX, width_px), np.float32)
    padded[:, :, :scaled_px] = small.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1
    return padded


def best_reading(scores: Float32s, characters: Sequence[str]) -> Reading:
    """Return the best class of every position, repetitions and blanks left out.

    Parameters
    ----------
    scores
        Probabilities; shape (positions, classes).
    characters
        Characters by class, the blank first.

    Examples
    --------
    >>> best_reading(np.eye(4, dtype=np.float32)[[1, 1, 0, 1, 3, 2]], ("", "o", "k", " "))
    Reading(text='oo k', score=1.0)
    """
    classes = scores.argmax(axis=1)
    kept = classes != BLANK
    kept[1:] &= classes[1:] != classes[:-1]
    if not kept.any():
        return Reading("", 0.0)
    text = "".join(characters[index] for index in classes[kept])
    return Reading(text.strip(), float(scores.max(axis=1)[kept].mean()))
