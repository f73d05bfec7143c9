"""Images as they come over the wire and as models take them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError, MissingExtraError

Pixels = NDArray[np.uint8]


def opencv() -> Any:
    """Return the module ``cv2``."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("OpenCV, which draws and reads images,", "ocr") from error
    return cv2


def decode_image(encoded: bytes) -> Pixels:
    """Return the pixels of a JPEG or PNG image, blue first; shape (height, width, 3).

    Raises
    ------
    InvalidValueError
        If it is no image.
    """
    cv2 = opencv()
    buffer = np.frombuffer(encoded, np.uint8)
    try:
        pixels: Pixels | None = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if len(buffer) else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise InvalidValueError(f"an item of {len(encoded)} bytes is no JPEG or PNG image")
    return pixels


def encode_png(pixels: Pixels) -> bytes:
    """Return an image as PNG, which loses nothing."""
    # Level 1: crops are small, and a slow encoder would cost more than the bytes it saves.
    cv2 = opencv()
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(encoded)
