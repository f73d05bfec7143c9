"""What requests carry: the same for a seed, as the model takes it, and refused where it does not fit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, PayloadError, UnknownNameError
from ipa.serving.payloads import PAYLOADS, FixedPayload, Input, make_payload
from ipa.serving.payloads.catalogue import fitting_kind
from ipa.serving.v2 import Answer, Tensor

MADE = ("audio", "bytes", "image", "text")


@pytest.mark.parametrize("kind", MADE)
def test_an_item_depends_on_the_seed_and_its_index_only(kind: str) -> None:
    one, again, other = (make_payload(kind, seed=seed) for seed in (3, 3, 4))
    assert one.items == again.items > 1
    assert one.tensors(1) == again.tensors(1)
    assert one.tensors(0) != one.tensors(1)
    assert one.tensors(0) != other.tensors(0)


@pytest.mark.parametrize("kind", MADE)
def test_an_item_is_one_request(kind: str) -> None:
    (tensor,) = make_payload(kind).tensors(0)
    assert tensor.name == "input"
    assert tensor.shape[0] == 1
    assert make_payload(kind).is_right(0, Answer(())) is None


def test_every_input_of_the_model_is_filled_under_its_name() -> None:
    inputs = (Input("question", "BYTES", (-1,)), Input("context", "BYTES", (-1,)))
    question, context = make_payload("text", inputs).tensors(0)
    assert (question.name, context.name) == ("question", "context")
    assert question.data != context.data


def test_a_text_has_as_many_words_as_asked_for() -> None:
    (text,) = make_payload("text", settings={"words": "17"}).tensors(5)
    assert isinstance(text.data, tuple)
    words = text.data[0].decode()
    assert len(words.split()) == 17
    assert words[0].isupper()
    assert words.endswith(".")


def test_a_picture_is_a_jpeg_of_the_size_asked_for() -> None:
    image = pytest.importorskip("PIL.Image")
    (tensor,) = make_payload("image", settings={"width": 64, "height": 32}).tensors(2)
    assert isinstance(tensor.data, tuple)
    picture = image.open(io.BytesIO(tensor.data[0]))
    assert (picture.format, picture.size) == ("JPEG", (64, 32))


def test_a_sound_lasts_as_long_as_asked_for_and_keeps_within_its_bounds() -> None:
    (tensor,) = make_payload("audio", settings={"milliseconds": 250, "rate": 8000}).tensors(0)
    sound = tensor.numpy()
    assert (tensor.datatype, sound.shape) == ("FP32", (1, 2000))
    assert np.abs(sound).max() == pytest.approx(1)
    assert sound.std() > 0.1


@given(
    datatype=st.sampled_from(["BOOL", "UINT8", "INT16", "INT64", "FP16", "FP32", "FP64"]),
    shape=st.lists(st.integers(-1, 5), max_size=3),
)
def test_numbers_take_the_datatype_and_shape_of_the_input(datatype: str, shape: list[int]) -> None:
    wanted = Input("x", datatype, (-1, *shape))
    (tensor,) = make_payload("numbers", (wanted,), settings={"axis": 3}).tensors(0)
    assert (tensor.name, tensor.datatype) == ("x", datatype)
    assert tensor.shape == (1, *(3 if length < 1 else length for length in shape))


def test_files_are_taken_as_they_lie_there_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"\xff\x01")
    (tmp_path / "a.jpg").write_bytes(b"first")
    payload = make_payload("files", settings={"folder": str(tmp_path)})
    assert payload.items == 2
    assert [payload.tensors(item)[0].data for item in range(2)] == [(b"first",), (b"\xff\x01",)]


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ((), "bytes"),
        ((Input("question", "BYTES"),), "text"),
        ((Input("input_image", "BYTES"),), "image"),
        ((Input("waveform", "FP32"),), "audio"),
        ((Input("x", "FP32"),), "numbers"),
        ((Input("x", "FP32"), Input("text", "BYTES")), "numbers"),
    ],
)
def test_the_model_chooses_its_payload(inputs: tuple[Input, ...], kind: str) -> None:
    assert fitting_kind(inputs) == kind


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("nonsense",), UnknownNameError, "unknown payload 'nonsense'; allowed: "),
        (("text", (Input("x", "FP32"),)), PayloadError, "payload text is BYTES, and input 'x' of the model"),
        (("numbers",), PayloadError, "describes none"),
        (("numbers", (Input("x", "BYTES"),)), PayloadError, "cannot fill input 'x', which takes BYTES"),
        (("bytes", (), 0, {"width": 3}), UnknownNameError, "unknown setting of this payload 'width'"),
        (("bytes", (), 0, {"size": "big"}), InvalidValueError, "size must be a whole number"),
        (("bytes", (), 0, {"size": 0}), InvalidValueError, "size must be a whole number"),
        (("numbers", (Input("x", "FP64", (1, 9999, 9999)),)), InvalidValueError, "bytes of input 'x'"),
        (("files",), PayloadError, "needs a folder that exists"),
        (("files", (), 0, {"folder": "/nowhere"}), PayloadError, "'/nowhere' is none"),
        (("files", (Input("a", "BYTES"), Input("b", "BYTES"))), PayloadError, "the model has 2"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[Any, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said.replace("?", r"\?")):
        make_payload(*arguments)


def test_a_model_that_hears_and_reads_gets_a_sound_and_texts() -> None:
    inputs = (Input("context", "BYTES"), Input("audio", "FP32", (-1, -1)), Input("question", "BYTES"))
    payload = make_payload("", inputs, seed=3)
    tensors = {tensor.name: tensor for tensor in payload.tensors(20)}
    assert set(tensors) == {"context", "audio", "question"}
    assert tensors["audio"].shape == (1, 32_000)
    assert tensors["context"].data != tensors["question"].data
    assert payload.items == 64
    assert [tensor for tensor in payload.tensors(4) if tensor.name == "audio"] == [tensors["audio"]]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PayloadError, match="there is no file in"):
        make_payload("files", settings={"folder": str(tmp_path)})


def test_a_new_kind_is_one_function() -> None:
    item = [Tensor.of("input", np.zeros((1, 4), np.float32))]
    with PAYLOADS.temporarily("zeros", lambda _: FixedPayload([item])):
        assert make_payload("zeros").tensors(0) == item


def test_the_docs_list_every_payload() -> None:
    page = (Path(__file__).parents[3] / "docs" / "load-generator.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert set(PAYLOADS) <= listed
