"""Requests whose right answer is known."""

import pytest

from ipa.errors import PayloadError, UnknownNameError
from ipa.serving.payloads import Input, make_payload
from ipa.serving.payloads.ocr_images import make_image
from ipa.serving.v2 import Answer, Tensor


def answer(*tensors: Tensor) -> Answer:
    return Answer(tensors, {}, "request-1")


def test_a_request_carries_one_image_under_the_name_that_the_model_gives_it() -> None:
    payload = make_payload("ocr", (Input("picture", "BYTES", (-1, 1)),), 3, {"items": 2})
    assert payload.items == 2
    (tensor,) = payload.tensors(1)
    assert (tensor.name, tensor.datatype, tensor.shape) == ("picture", "BYTES", (1, 1))
    assert tensor.data == (make_image(3, 1).jpeg,)


def test_letters_and_digits_count_and_nothing_else() -> None:
    payload = make_payload("ocr", seed=0, settings={"items": 1})
    text = make_image(0, 0).text
    for read, right in ((text, True), (text.upper() + " .", True), (text + "x", False), ("", False)):
        assert payload.is_right(0, answer(Tensor("text", "BYTES", (1, 1), (read.encode(),)))) is right
    assert payload.is_right(0, answer(Tensor("text", "BYTES", (1, 1), (b"\xff\xfe",)))) is False


def test_an_answer_without_a_text_is_neither_right_nor_wrong() -> None:
    payload = make_payload("ocr", seed=0, settings={"items": 1})
    assert payload.is_right(0, answer(Tensor.of("crop", [b"x"]))) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"payload ocr is BYTES, and input 'x' of the model takes FP32"):
        make_payload("ocr", (Input("x", "FP32"),))
    with pytest.raises(PayloadError, match=r"fills one input, and the model has 2"):
        make_payload("ocr", (Input("a", "BYTES"), Input("b", "BYTES")))
    with pytest.raises(UnknownNameError, match=r"unknown setting of this payload 'width'; allowed: items"):
        make_payload("ocr", settings={"width": 3})
