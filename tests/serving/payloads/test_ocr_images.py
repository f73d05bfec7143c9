"""Images whose text is known."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipa.serving.images import decode_image
from ipa.serving.payloads.ocr_images import SIDE_PX, make_image
from ipa.serving.payloads.ocr_texts import draw_text, normal_form, words


def test_an_image_is_the_same_every_time_and_another_for_another_seed_or_index() -> None:
    one, again = make_image(3, 5), make_image(3, 5)
    assert one.jpeg == again.jpeg
    assert one.text == again.text
    assert np.array_equal(one.corners, again.corners)
    assert len({one.jpeg, make_image(3, 6).jpeg, make_image(4, 5).jpeg}) == 3


@given(st.integers(0, 10**6))
def test_the_box_lies_inside_the_image_clockwise_from_its_upper_left_corner(index: int) -> None:
    image = make_image(0, index)
    assert decode_image(image.jpeg).shape == (SIDE_PX, SIDE_PX, 3)
    corners = image.corners.astype(float)
    assert (corners > -2).all()
    assert (corners < SIDE_PX + 2).all()
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    assert (sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0).all()
    assert corners[0, 0] < corners[1, 0]


def test_what_is_drawn_lies_in_the_box() -> None:
    image = make_image(0, 8)
    pixels = decode_image(image.jpeg).astype(float).mean(axis=2)
    left, top = np.floor(image.corners.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(image.corners.max(axis=0)).astype(int)
    inside = pixels[top:bottom, left:right]
    assert np.ptp(np.percentile(inside, [5, 95])) > 40


@given(st.integers(0, 10**6))
def test_every_text_has_something_to_read(seed: int) -> None:
    text = draw_text(np.random.default_rng(seed))
    assert 3 <= len(normal_form(text)) <= 24
    assert text == text.strip()


def test_the_word_list_is_frozen() -> None:
    assert len(words()) == 380
    assert words()[0] == "airport"
    assert words()[-1] == "zenith"
    assert all(word.isalpha() and word.islower() for word in words())
