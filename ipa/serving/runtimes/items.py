"""The items of a batch as tasks take them out of tensors, and how they put answers back."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError, MissingExtraError
from ipa.serving.v2 import Tensor

Float32s = NDArray[np.float32]


def texts_of(tensor: Tensor) -> list[str]:
    """Return the text of every item.

    Raises
    ------
    InvalidValueError
        If one is no UTF-8.
    """
    try:
        return [bytes(element).decode() for element in tensor.numpy().ravel()]
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"input {tensor.name} holds what is no text in UTF-8: {error}") from None


def of_texts(name: str, texts: Sequence[str]) -> Tensor:
    """Return texts as a tensor, one an item."""
    return Tensor.of(name, [text.encode() for text in texts])


def pictures_of(tensor: Tensor) -> list[Any]:
    """Return the picture of every item, as Pillow has it, in colours.

    Raises
    ------
    InvalidValueError
        If one is no picture.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("Pillow, which reads pictures,", "models") from error
    pictures = []
    for element in tensor.numpy().ravel():
        try:
            pictures.append(Image.open(io.BytesIO(element)).convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InvalidValueError(
                f"input {tensor.name} holds {len(element)} bytes that are no picture; give a JPEG or PNG"
            ) from error
    return pictures


def pixels_of(picture: Any, pixels: int, mean: Sequence[float], deviation: Sequence[float]) -> Float32s:
    """Return a picture squeezed into a square as networks take it; shape (3, pixels, pixels).

    Parameters
    ----------
    picture
        As Pillow has it.
    pixels
        Side of the square.
    mean, deviation
        Of each colour, from 0 to 1, in what the network was trained on.
    """
    square = np.asarray(picture.resize((pixels, pixels)), dtype=np.float32) / 255
    scaled = (square - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))
