"""Items come out of tensors as tasks need them, or with a reason why not."""

import io

import numpy as np
import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.task_settings import TASK_SETTINGS
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.catalogue import TASKS
from ipa.serving.runtimes.items import of_texts, pictures_of, pixels_of, texts_of
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_picture, sample_sound, sample_text
from ipa.serving.v2 import Tensor


def encoded(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    image = pytest.importorskip("PIL.Image", reason='pip install -e ".[models]"')
    file = io.BytesIO()
    image.new("RGB", (6, 4), colour).save(file, kind)
    return file.getvalue()


def test_texts_come_back_as_they_went() -> None:
    assert texts_of(of_texts("text", ["Zürich", ""])) == ["Zürich", ""]
    with pytest.raises(InvalidValueError, match="input text holds what is no text in UTF-8"):
        texts_of(Tensor.of("text", [b"\xff\xfe"]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_become_squares_of_scaled_colours(kind: str) -> None:
    (picture,) = pictures_of(Tensor.of("image", [encoded((255, 0, 0), kind)]))
    pixels = pixels_of(picture, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (pixels.shape, pixels.dtype) == ((3, 8, 8), np.float32)
    np.testing.assert_allclose(pixels[:, 4, 4], [1, -1, -1], atol=0.05)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", encoded((0, 0, 0))[:40]])
def test_what_is_no_picture_is_named(content: bytes) -> None:
    with pytest.raises(InvalidValueError, match=rf"holds {len(content)} bytes that are no picture"):
        pictures_of(Tensor.of("image", [content]))


def test_samples_are_items() -> None:
    assert pictures_of(sample_picture("image"))[0].size == (8, 8)
    assert texts_of(sample_text("text"))[0]
    assert sample_sound("audio").shape == (1, 16_000)


def replica(**settings: object) -> ReplicaSettings:
    return ReplicaSettings("r", "m", "v", task="image-classification", settings=settings)


def test_settings_have_defaults_and_ranges() -> None:
    assert read_options(replica()) == {"pixels": 224}
    assert read_options(replica(pixels=64)) == {"pixels": 64}
    with pytest.raises(UnknownNameError, match="setting of task image-classification 'pixel'; allowed: pix"):
        read_options(replica(pixel=64))
    for wrong in (16, 64.5, "64", True):
        with pytest.raises(InvalidValueError, match="pixels must be a whole number between 32"):
            read_options(replica(pixels=wrong))


def test_every_task_says_what_its_settings_may_be() -> None:
    assert list(TASKS) == list(TASK_SETTINGS)
