"""The tasks of the ``ocr`` pipeline: find the text on an image, read the text on a crop."""

from collections.abc import Mapping, Sequence

import numpy as np

from ipa.serving.images import Pixels, decode_image, encode_png
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.ocr_variants import load_detector, load_recogniser
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.runtimes.text_detection import straighten
from ipa.serving.v2 import Tensor
from ipa.serving.weights.ocr import OCR_WEIGHTS

SAMPLE_PX = (48, 160)
"""Height and width of the empty image that a variant is warmed up with."""


def _items(tensor: Tensor) -> Sequence[bytes]:
    assert isinstance(tensor.data, tuple)  # noqa: S101 (the task takes BYTES only)
    return tensor.data


def _one_per_item(name: str, values: Sequence[bytes]) -> Tensor:
    return Tensor(name, "BYTES", (len(values), 1), tuple(values))


def _load_detection(replica: ReplicaSettings) -> Model:
    detector = load_detector(dict(replica.settings), replica.cores)

    def detect(inputs: Mapping[str, Tensor]) -> list[Tensor]:
        images = [decode_image(item) for item in _items(inputs["image"])]
        found = detector.detect(images)
        crops = [straighten(image, one.corners) for image, one in zip(images, found, strict=True)]
        boxes = np.stack([one.corners.reshape(8) for one in found]).astype(np.float32)
        return [_one_per_item("crop", [encode_png(crop) for crop in crops]), Tensor.of("box", boxes)]

    return detect


def _load_recognition(replica: ReplicaSettings) -> Model:
    recogniser = load_recogniser(dict(replica.settings), replica.cores)

    def read(inputs: Mapping[str, Tensor]) -> list[Tensor]:
        readings = recogniser.read([decode_image(item) for item in _items(inputs["crop"])])
        scores = np.array([[reading.score] for reading in readings], np.float32)
        texts = [reading.text.encode() for reading in readings]
        return [_one_per_item("text", texts), Tensor.of("score", scores)]

    return read


def _check_weights(_replica: ReplicaSettings) -> None:
    for name in OCR_WEIGHTS.files:
        if not (OCR_WEIGHTS.folder / name).is_file():
            OCR_WEIGHTS.path(name)  # says what to do


def _sample(name: str) -> list[Tensor]:
    empty: Pixels = np.full((*SAMPLE_PX, 3), 255, np.uint8)
    return [_one_per_item(name, [encode_png(empty)])]


OCR_DETECTION = Task(
    inputs=(TensorSpec("image", "BYTES", (1,)),),
    outputs=(TensorSpec("crop", "BYTES", (1,)), TensorSpec("box", "FP32", (8,))),
    load=_load_detection,
    sample=lambda: _sample("image"),
    sources=("packaged",),
    libraries=("cv2", "onnxruntime"),
    check_weights=_check_weights,
)
"""Takes an encoded image; answers the text found on it as a PNG, straight and unpadded, and its corners."""

OCR_RECOGNITION = Task(
    inputs=(TensorSpec("crop", "BYTES", (1,)),),
    outputs=(TensorSpec("text", "BYTES", (1,)), TensorSpec("score", "FP32", (1,))),
    load=_load_recognition,
    sample=lambda: _sample("crop"),
    sources=("packaged",),
    libraries=("cv2", "onnxruntime"),
    check_weights=_check_weights,
)
"""Takes an encoded crop; answers the text on it in UTF-8, and how sure it is."""
