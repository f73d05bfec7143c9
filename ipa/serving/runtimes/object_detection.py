"""Object detection: what a frame shows and where (YOLOS, Fang et al. 2021)."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.image_classification import DEVIATION, MEAN
from ipa.serving.runtimes.items import Float32s, pictures_of, pixels_of
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network, probabilities
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_picture
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.v2 import Tensor


def _load(replica: ReplicaSettings) -> Model:
    pixels = read_options(replica)["pixels"]
    network = Network(replica, "ForObjectDetection")

    def detect(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        pictures = pictures_of(inputs["image"])
        squares = np.stack([pixels_of(picture, pixels, MEAN, DEVIATION) for picture in pictures])
        found = network(pixel_values=squares)
        # The last class says that there is no object.
        scores = probabilities(found.logits)[..., :-1]
        best = scores.max(-1).argmax(-1)
        items = np.arange(len(pictures))
        boxes = _corners(found.pred_boxes.numpy()[items, best])
        crops = [_crop(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
        return [
            Tensor.of("crop", crops),
            Tensor.of("box", boxes),
            Tensor.of("label", scores[items, best].argmax(-1)),
            Tensor.of("score", scores[items, best].max(-1)),
        ]

    return detect


def _corners(boxes: Float32s) -> Float32s:
    """Turn middle and size of boxes into left, top, right, bottom within the picture, from 0 to 1."""
    middle, size = boxes[:, :2], boxes[:, 2:]
    corners: Float32s = np.clip(np.concatenate((middle - size / 2, middle + size / 2), axis=1), 0, 1)
    return corners.astype(np.float32)


def _crop(picture: Any, box: Float32s) -> bytes:
    """Return the part of a picture in a box as JPEG; a box of less than a pixel gets one."""
    width, height = picture.size
    left, top, right, bottom = (box * (width, height, width, height)).astype(int).tolist()
    left, top = min(left, width - 1), min(top, height - 1)
    encoded = io.BytesIO()
    picture.crop((left, top, max(right, left + 1), max(bottom, top + 1))).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


OBJECT_DETECTION = Task(
    inputs=(TensorSpec("image", "BYTES"),),
    outputs=(
        TensorSpec("crop", "BYTES"),
        TensorSpec("box", "FP32", (4,)),
        TensorSpec("label", "INT64"),
        TensorSpec("score", "FP32"),
    ),
    load=_load,
    sample=lambda: [sample_picture("image")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes a JPEG or PNG; tells of the surest object its picture (JPEG), box, class and probability."""
