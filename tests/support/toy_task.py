"""A task whose variants do what their inputs say: take their time, or fail."""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from ipa.errors import InvalidValueError
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.v2 import Tensor


def _load(replica: ReplicaSettings) -> Model:
    if problem := replica.settings.get("problem"):
        raise InvalidValueError(str(problem))
    sizes: list[int] = []

    def compute(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        seconds = inputs["seconds"].numpy()
        sizes.append(len(seconds))
        if (seconds < 0).any():
            raise ValueError("this item cannot be computed")
        time.sleep(float(seconds.max()))
        items = len(seconds) if seconds.max() != 0.125 else 1
        told = [sizes[0], len(sizes), threading.get_ident()]
        return [Tensor.of("told", np.array([told] * items, dtype=np.int64))]

    return compute


TOY = Task(
    inputs=(TensorSpec("seconds", "FP32"),),
    outputs=(TensorSpec("told", "INT64", (3,)),),
    load=_load,
    sample=lambda: [Tensor.of("seconds", np.zeros(1, dtype=np.float32))],
    sources=("random",),
)
"""Tells the size of the first batch, the number of batches, and the thread; after 0.125 s it loses items."""
