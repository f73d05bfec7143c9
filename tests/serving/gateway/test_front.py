"""A request that the tasks of a pipeline could not serve is refused at its door."""

import asyncio

import numpy as np
import pytest

from ipa.errors import TensorError
from ipa.pipeline.load import load_pipeline
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.front import Front, NotServedError
from ipa.serving.v2 import Tensor
from tests.support.virtual_gateway import VirtualClock

AUDIO = Tensor.of("audio", np.zeros((1, 160), np.float32))
CONTEXT = Tensor.of("context", [b"some text"])


def front(name: str, emulated: bool = False) -> Front:
    pipeline = load_pipeline(name)
    pipeline = pipeline.without_tasks() if emulated else pipeline
    return Front(Engine(pipeline, [StageLimits()] * len(pipeline.stages), VirtualClock()), name)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ([AUDIO], "input context is missing; pipeline audio-qa needs audio, context"),
        ([CONTEXT], "input audio is missing"),
        ([Tensor.of("audio", np.zeros((1, 160))), CONTEXT], "input audio must be FP32"),
        (
            [AUDIO, Tensor.of("context", np.array([[b"a", b"b"]], dtype=object))],
            "input context must be BYTES",
        ),
        ([Tensor.of("audio", np.zeros((2, 160), np.float32)), CONTEXT], "a request is one item"),
        ([AUDIO, AUDIO, CONTEXT], "two tensors are named 'audio'"),
    ],
)
def test_what_no_model_would_take_never_enters(tensors: list[Tensor], problem: str) -> None:
    with pytest.raises(TensorError, match=problem):
        asyncio.run(front("audio-qa").serve("1", tensors, frozenset()))


def test_what_fits_gets_past_the_door() -> None:
    with pytest.raises(NotServedError, match="the pipeline has no plan yet"):
        asyncio.run(front("audio-qa").serve("1", [AUDIO, CONTEXT], frozenset()))


def test_an_emulated_pipeline_takes_anything() -> None:
    with pytest.raises(NotServedError, match="the pipeline has no plan yet"):
        asyncio.run(front("audio-qa", emulated=True).serve("1", [CONTEXT], frozenset()))
