"""Finds the text on an image: a network that marks text pixels, and the rectangles around them.

The networks are PP-OCR detectors (differentiable binarisation, Liao et al. 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ipa.serving.images import Pixels, opencv
from ipa.serving.runtimes.onnx_model import Float32s, OnnxModel

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
SMALLEST_SIDE_PX = 3.0
MOST_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When pixels count as text, and by how much a rectangle around them is enlarged.

    Parameters
    ----------
    pixel
        Probability above which a pixel is text.
    box
        Mean probability in a rectangle above which it is kept.
    enlargement
        The networks mark a shrunken text: every side moves out by this times area over perimeter.
    """

    pixel: float
    box: float
    enlargement: float


@dataclass(frozen=True, slots=True)
class Detection:
    """The text found on an image.

    Parameters
    ----------
    corners
        Corners of its rectangle in pixels of the image, clockwise from the upper left one; shape (4, 2).
    score
        Mean probability of text in the rectangle; 0 where none was found and the rectangle is the image.
    """

    corners: Float32s
    score: float


class TextDetector:
    """Finds the most prominent text of every image of a batch.

    Parameters
    ----------
    file
        Weights.
    side_px
        The longer side that images are scaled to, a multiple of 32: a larger one finds smaller texts and
        costs more.
    thresholds
        Those that belong to the weights.
    cores
        Threads that compute.
    """

    def __init__(self, file: Path, side_px: int, thresholds: Thresholds, cores: int = 1) -> None:
        self._model = OnnxModel(file, cores)
        self._side_px = side_px
        self._thresholds = thresholds

    def detect(self, images: Sequence[Pixels]) -> list[Detection]:
        """Return one detection per image."""
        scaled = [self._scaled(image) for image in images]
        maps = self._model(np.stack([network_input for network_input, _ in scaled]))[:, 0]
        return [
            self._detection(probabilities, scale, image)
            for probabilities, (_, scale), image in zip(maps, scaled, images, strict=True)
        ]

    def _scaled(self, image: Pixels) -> tuple[Float32s, float]:
        """Return an image as the network takes it, in the upper left of a square, and its scale there."""
        height, width = image.shape[:2]
        scale = self._side_px / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = opencv().resize(image, size, interpolation=opencv().INTER_LINEAR)
        square = np.zeros((self._side_px, self._side_px, 3), np.float32)
        square[: size[1], : size[0]] = (small.astype(np.float32) / 255 - MEAN) / DEVIATION
        return square.transpose(2, 0, 1), scale

    def _detection(self, probabilities: Float32s, scale: float, image: Pixels) -> Detection:
        height, width = image.shape[:2]
        found = find_rectangles(probabilities, self._thresholds)
        if not found:
            whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            return Detection(whole, 0.0)
        best = max(found, key=prominence)
        corners = np.clip(best.corners / scale, 0, [width, height]).astype(np.float32)
        return Detection(corners, best.score)


def prominence(found: Detection) -> float:
    """Return how much a rectangle looks like the text that is meant: sure and large."""
    (upper_left, upper_right, _, lower_left) = found.corners
    area = np.linalg.norm(upper_right - upper_left) * np.linalg.norm(lower_left - upper_left)
    return found.score * float(np.sqrt(area))


def find_rectangles(probabilities: Float32s, thresholds: Thresholds) -> list[Detection]:
    """Return the rectangles around the text of a map of probabilities, in its pixels.

    Parameters
    ----------
    probabilities
        How probably every pixel is text; shape (height, width).
    thresholds
        Which pixels and rectangles count.
    """
    cv2 = opencv()
    mask = (probabilities > thresholds.pixel).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours[:MOST_CANDIDATES]:
        centre, size, angle = cv2.minAreaRect(contour)
        if min(size) < SMALLEST_SIDE_PX:
            continue
        score = mean_inside(probabilities, cv2.boxPoints((centre, size, angle)))
        if score >= thresholds.box:
            grown = enlarged(size, thresholds.enlargement)
            found.append(Detection(clockwise(cv2.boxPoints((centre, grown, angle))), score))
    return found


def enlarged(size: tuple[float, float], enlargement: float) -> tuple[float, float]:
    """Return the sides of a rectangle whose sides each moved out by enlargement times area over perimeter.

    Examples
    --------
    >>> enlarged((30.0, 10.0), 1.6)
    (42.0, 22.0)
    """
    width, height = size
    margin = enlargement * width * height / (2 * (width + height))
    return width + 2 * margin, height + 2 * margin


def mean_inside(probabilities: Float32s, corners: Float32s) -> float:
    """Return the mean of a map inside a quadrilateral."""
    cv2 = opencv()
    height, width = probabilities.shape
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0, [width - 1, height - 1])
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip(0, [width - 1, height - 1])
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [np.asarray(corners - [left, top], np.int32)], 1)
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0])


def clockwise(corners: NDArray[np.float32]) -> Float32s:
    """Return the corners of a rectangle clockwise from the upper left one."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    upper_left, lower_left = left[np.argsort(left[:, 1], kind="stable")]
    upper_right, lower_right = right[np.argsort(right[:, 1], kind="stable")]
    return np.stack([upper_left, upper_right, lower_right, lower_left])


def straighten(image: Pixels, corners: Float32s) -> Pixels:
    """Cut a quadrilateral out of an image and return it as a flat one, upright where it is much too tall."""
    cv2 = opencv()
    upper_left, upper_right, lower_right, lower_left = corners
    width = max(np.linalg.norm(upper_right - upper_left), np.linalg.norm(lower_right - lower_left))
    height = max(np.linalg.norm(lower_left - upper_left), np.linalg.norm(lower_right - upper_right))
    size = (max(1, round(float(width))), max(1, round(float(height))))
    flat = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    view = cv2.getPerspectiveTransform(corners.astype(np.float32), flat)
    crop: Pixels = cv2.warpPerspective(
        image, view, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.rot90(crop) if size[1] >= 1.5 * size[0] else crop


def overlap(one: Float32s, other: Float32s) -> float:
    """Return the intersection over union of two convex quadrilaterals."""
    cv2 = opencv()
    shared = cv2.intersectConvexConvex(one.astype(np.float32), other.astype(np.float32))[0]
    union = cv2.contourArea(one) + cv2.contourArea(other) - shared
    return float(shared / union) if union > 0 else 0.0
