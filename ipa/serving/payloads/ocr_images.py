"""Photographs with one text each, made from a seed, so that what they show and where is known.

A text is drawn with a font that matplotlib ships onto a part of one of the two photographs that scikit-learn
ships ("china" by danielbuechele, "flower" by vultilion; CC BY 2.0), straight on it or on a sign. It is seen
from an angle, and then what happens to photographs happens: shadow, blur, noise, JPEG.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import MissingExtraError
from ipa.serving.images import Pixels, opencv
from ipa.serving.payloads.ocr_texts import draw_text

SIDE_PX = 320
"""Width and height of an image."""

FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-Italic.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralBol.ttf",
    "STIXGeneralItalic.ttf",
)
PHOTOGRAPHS = ("china.jpg", "flower.jpg")

FONT_PX = (16.0, 44.0)
LEAN_DEG = 14.0
PERSPECTIVE = 0.22
MARGIN = 0.15
"""Room around the ink that counts as the text's box, as a share of the ink's height."""
SIGN_SHARE = 0.5
CONTRAST = (60.0, 180.0)
SHADOW_SHARE, SHADOW_DEPTH = 0.4, 0.5
BLUR_PX = 1.3
NOISE = 12.0
JPEG_QUALITY = (35, 90)

Corners = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image and what is true of it.

    Parameters
    ----------
    jpeg
        The encoded image.
    text
        What stands on it.
    corners
        Where: the corners of the text's box in pixels, clockwise from its upper left one; shape (4, 2).
    """

    jpeg: bytes
    text: str
    corners: Corners


def make_image(seed: int, index: int) -> LabelledImage:
    """Make one image; the same seed and index always make the same one.

    Parameters
    ----------
    seed
        Seed of the whole set.
    index
        Number of the image in it.
    """
    rng = np.random.default_rng([seed, index])
    text = draw_text(rng)
    scene = _background(rng)
    scene, corners = _write(rng, scene, text)
    return LabelledImage(_photograph(rng, scene), text, corners)


def _shipped(package: str, *parts: str) -> Path:
    """Return a file that a package ships, without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"{package}, which ships {parts[-1]},", "ocr")
    return Path(spec.submodule_search_locations[0], *parts)


@cache
def _photo(name: str) -> Pixels:
    pixels: Pixels = opencv().imread(str(_shipped("sklearn", "datasets", "images", name)))
    return pixels


def _background(rng: np.random.Generator) -> Pixels:
    photo = _photo(PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])
    side = int(rng.integers(SIDE_PX // 2, min(photo.shape[:2]) + 1))
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    part = photo[top : top + side, left : left + side]
    scene: Pixels = opencv().resize(part, (SIDE_PX, SIDE_PX), interpolation=opencv().INTER_AREA)
    return scene[:, ::-1] if rng.random() < 0.5 else scene


def _write(rng: np.random.Generator, scene: Pixels, text: str) -> tuple[Pixels, Corners]:
    """Draw a text somewhere on a scene; return the new scene and the corners of the text's box."""
    ink, margin = _ink(rng, text)
    height, width = ink.shape
    source = _corners(0, 0, width, height)
    target = _placed(rng, width, height)
    cv2 = opencv()
    view = cv2.getPerspectiveTransform(source, target)
    room = margin - MARGIN * (height - 2 * margin)
    box = _corners(room, room, width - room, height - room)
    corners = cv2.perspectiveTransform(box[None], view)[0]
    mask = cv2.warpPerspective(ink, view, (SIDE_PX, SIDE_PX), flags=cv2.INTER_AREA)
    if rng.random() < SIGN_SHARE:
        colour = rng.integers(0, 256, 3).astype(np.float64)
        sign = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        cv2.fillConvexPoly(sign, np.round(target).astype(np.int32), 255, cv2.LINE_AA)
        scene = _painted(scene, sign, colour)
    else:
        colour = _mean_colour(scene, corners)
    return _painted(scene, mask, _contrasting(rng, colour)), corners


def _ink(rng: np.random.Generator, text: str) -> tuple[Pixels, int]:
    """Return how much ink lies on every pixel of a flat text, and the margin around it in pixels."""
    from PIL import Image, ImageDraw, ImageFont

    size_px = float(np.exp(rng.uniform(*np.log(FONT_PX))))
    path = str(_shipped("matplotlib", "mpl-data", "fonts", "ttf", FONTS[rng.integers(len(FONTS))]))
    font = ImageFont.truetype(path, size_px)
    left, top, right, bottom = font.getbbox(text)
    widest = 0.85 * SIDE_PX
    if right - left > widest:
        font = ImageFont.truetype(path, size_px * widest / (right - left))
        left, top, right, bottom = font.getbbox(text)
    margin = int(rng.integers(4, 12))
    size = (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin)
    image = Image.new("L", size)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, fill=255, font=font)
    return np.asarray(image), margin


def _corners(left: float, top: float, right: float, bottom: float) -> Corners:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _placed(rng: np.random.Generator, width: float, height: float) -> Corners:
    """Return where the corners of a flat text go: leaning, in perspective, inside the image."""
    angle = np.deg2rad(rng.uniform(-LEAN_DEG, LEAN_DEG))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = _corners(-width / 2, -height / 2, width / 2, height / 2)
    bent = flat + rng.uniform(-PERSPECTIVE, PERSPECTIVE, (4, 2)) * height
    leant = bent @ turn.T
    corners = leant * min(1.0, 0.96 * SIDE_PX / float(np.ptp(leant, axis=0).max()))
    low, high = -corners.min(axis=0), SIDE_PX - corners.max(axis=0)
    return np.asarray(corners + rng.uniform(low, high), np.float32)


def _mean_colour(scene: Pixels, corners: Corners) -> NDArray[np.float64]:
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0, SIDE_PX - 1)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip(1, SIDE_PX)
    return np.asarray(scene[top:bottom, left:right].reshape(-1, 3).mean(axis=0), np.float64)


def _contrasting(rng: np.random.Generator, colour: NDArray[Any]) -> NDArray[np.float64]:
    """Return a colour that is lighter or darker than another one, wherever there is more room."""
    grey = float(np.mean(colour))
    contrast = rng.uniform(*CONTRAST)
    wanted = grey + contrast if grey + contrast <= 255 or grey < 128 else grey - contrast
    tint = rng.normal(0, 18, 3)
    return np.asarray(np.clip(wanted + tint - tint.mean(), 0, 255), np.float64)


def _painted(scene: Pixels, mask: Pixels, colour: NDArray[Any]) -> Pixels:
    cover = mask[..., None].astype(np.float32) / 255
    return np.round(scene * (1 - cover) + colour * cover).astype(np.uint8)


def _photograph(rng: np.random.Generator, scene: Pixels) -> bytes:
    """Return a scene as a poor camera keeps it."""
    cv2 = opencv()
    light = scene.astype(np.float32)
    if rng.random() < SHADOW_SHARE:
        light *= _shadow(rng)[..., None]
    if (sigma := rng.uniform(0, BLUR_PX)) > 0.3:
        light = cv2.GaussianBlur(light, (0, 0), sigma)
    light += rng.normal(0, rng.uniform(0, NOISE), light.shape).astype(np.float32)
    pixels = np.clip(np.round(light), 0, 255).astype(np.uint8)
    quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded)


def _shadow(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how much light is left on every pixel behind a soft straight edge."""
    angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX] / SIDE_PX - 0.5
    far = 1 / (1 + np.exp(-(x * np.cos(angle) + y * np.sin(angle) - edge) * 30))
    return np.asarray(1 - rng.uniform(0.2, SHADOW_DEPTH) * far, np.float32)
