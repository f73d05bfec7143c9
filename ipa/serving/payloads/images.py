"""Pictures: coloured shapes on a soft background, encoded as JPEG."""

import io

import numpy as np

from ipa.errors import MissingExtraError
from ipa.limits import Range
from ipa.serving.payloads.payload import ITEMS, PAYLOADS, MadePayload, Payload, PayloadRequest
from ipa.serving.v2 import Tensor

PIXELS = Range(1, 8192, "pixels", whole=True)

SHAPES = 12


@PAYLOADS.named("image")
def pictures(request: PayloadRequest) -> Payload:
    """Return JPEG pictures of ``width`` (640) by ``height`` (480) pixels, encoded with ``quality`` (85)."""
    given = request.whole_numbers(
        {
            "width": (640, PIXELS),
            "height": (480, PIXELS),
            "quality": (85, Range(1, 95, whole=True)),
            "items": (16, ITEMS),
        }
    )
    names = request.names("BYTES", "image")
    size, quality = (given["width"], given["height"]), given["quality"]

    def make(item: int) -> list[Tensor]:
        return [
            Tensor.of(name, [_picture(size, quality, request.rng(item, place))])
            for place, name in enumerate(names)
        ]

    return MadePayload(given["items"], make)


def _picture(size: tuple[int, int], quality: int, rng: np.random.Generator) -> bytes:
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise MissingExtraError("Pillow, which encodes pictures,", "ocr") from None
    soft = Image.fromarray(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8))
    picture = soft.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for colour in rng.integers(0, 256, (SHAPES, 3)).tolist():
        left, right = sorted(rng.integers(0, size[0], 2).tolist())
        top, bottom = sorted(rng.integers(0, size[1], 2).tolist())
        shape = draw.rectangle if rng.random() < 0.5 else draw.ellipse
        shape((left, top, right, bottom), fill=tuple(colour))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()
