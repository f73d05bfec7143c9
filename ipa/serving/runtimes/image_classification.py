"""Image classification: which of the classes a picture shows (ResNet, He et al. 2016)."""

from collections.abc import Mapping, Sequence

import numpy as np

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.items import pictures_of, pixels_of
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network, probabilities
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_picture
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.v2 import Tensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures of ImageNet."""


def _load(replica: ReplicaSettings) -> Model:
    pixels = read_options(replica)["pixels"]
    network = Network(replica, "ForImageClassification")

    def classify(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        pictures = [pixels_of(picture, pixels, MEAN, DEVIATION) for picture in pictures_of(inputs["image"])]
        found = probabilities(network(pixel_values=np.stack(pictures)).logits)
        return [Tensor.of("label", found.argmax(-1)), Tensor.of("score", found.max(-1))]

    return classify


IMAGE_CLASSIFICATION = Task(
    inputs=(TensorSpec("image", "BYTES"),),
    outputs=(TensorSpec("label", "INT64"), TensorSpec("score", "FP32")),
    load=_load,
    sample=lambda: [sample_picture("image")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes a JPEG or PNG; tells the class (its number in ImageNet) and its probability."""
