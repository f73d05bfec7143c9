"""Detection and recognition of text, apart from the networks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.serving.images import decode_image, encode_png
from ipa.serving.runtimes.text_detection import (
    Thresholds,
    clockwise,
    enlarged,
    find_rectangles,
    overlap,
    straighten,
)
from ipa.serving.runtimes.text_recognition import best_reading, read_characters, scale_crop

THRESHOLDS = Thresholds(pixel=0.3, box=0.5, enlargement=1.5)


def square(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_a_bright_rectangle_is_found_and_enlarged() -> None:
    probabilities = np.zeros((100, 200), np.float32)
    probabilities[40:60, 50:130] = 0.9
    (found,) = find_rectangles(probabilities, THRESHOLDS)
    width, height = enlarged((79, 19), THRESHOLDS.enlargement)
    expected = square(89.5 - width / 2, 49.5 - height / 2, 89.5 + width / 2, 49.5 + height / 2)
    assert found.corners == pytest.approx(expected, abs=0.6)
    assert found.score == pytest.approx(0.9, abs=0.01)


def test_what_is_faint_or_tiny_is_no_text() -> None:
    probabilities = np.zeros((100, 200), np.float32)
    probabilities[40:60, 50:130] = 0.4
    probabilities[10:12, 10:12] = 1.0
    assert find_rectangles(probabilities, THRESHOLDS) == []


@given(st.floats(-40, 40), st.floats(20, 60), st.floats(5, 15))
def test_corners_start_at_the_upper_left_and_go_clockwise(angle: float, width: float, height: float) -> None:
    corners = clockwise(cv2.boxPoints(((100, 100), (width, height), angle)))
    upper_left, upper_right, _, lower_left = corners
    assert np.linalg.norm(upper_right - upper_left) == pytest.approx(width, rel=1e-3)
    assert np.linalg.norm(lower_left - upper_left) == pytest.approx(height, rel=1e-3)
    assert upper_left[0] < upper_right[0]


def test_a_crop_is_straight_and_has_no_padding() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    cv2.fillConvexPoly(image, np.array([[50, 30], [150, 50], [146, 70], [46, 50]]), (255, 255, 255))
    crop = straighten(image, np.array([[50, 30], [150, 50], [146, 70], [46, 50]], np.float32))
    assert crop.shape == (20, 102, 3)
    assert crop.mean() > 245


def test_a_tall_crop_is_laid_down() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert straighten(image, square(40, 10, 50, 90)).shape == (10, 80, 3)


@given(st.integers(-20, 20))
def test_overlap_of_shifted_squares(shift: int) -> None:
    shared = max(0, 10 - abs(shift)) * 10
    expected = shared / (200 - shared)
    assert overlap(square(0, 0, 10, 10), square(shift, 0, 10 + shift, 10)) == pytest.approx(
        expected, abs=1e-4
    )


def test_a_crop_is_padded_and_a_wide_one_squeezed() -> None:
    white = np.full((24, 30, 3), 255, np.uint8)
    padded = scale_crop(white, 128)
    assert padded.shape == (3, 48, 128)
    assert (padded[:, :, :60] == 1).all()
    assert (padded[:, :, 60:] == 0).all()
    assert (scale_crop(np.full((24, 300, 3), 255, np.uint8), 128) == 1).all()


def test_nothing_read_has_score_zero() -> None:
    scores = np.zeros((5, 4), np.float32)
    scores[:, 0] = 1
    assert best_reading(scores, ("", "a", "b", " ")).score == 0.0
    assert best_reading(scores, ("", "a", "b", " ")).text == ""


def test_characters_that_look_like_line_ends_are_characters(tmp_path: Path) -> None:
    file = tmp_path / "characters.txt"
    file.write_bytes("a\r\n\u2028\r\nb\r\n".encode())
    assert read_characters(file) == ("", "a", "\u2028", "b", " ")


def test_a_png_loses_nothing_and_garbage_is_named() -> None:
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    assert np.array_equal(decode_image(encode_png(pixels)), pixels)
    for garbage in (b"", b"no image"):
        with pytest.raises(InvalidValueError, match=f"an item of {len(garbage)} bytes is no JPEG or PNG"):
            decode_image(garbage)
