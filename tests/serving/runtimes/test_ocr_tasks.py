"""The ocr tasks behind stock MLServer answer, item by item and in batches, what they answer offline."""

import asyncio
from collections.abc import Iterator, Sequence

import grpc
import numpy as np
import pytest

from ipa.serving.images import decode_image
from ipa.serving.model_server import ReplicaSettings, ServerReady
from ipa.serving.payloads.ocr_images import make_image
from ipa.serving.runtimes.ocr_variants import load_detector, load_recogniser
from ipa.serving.runtimes.text_detection import straighten
from ipa.serving.v2 import Tensor, V2Client
from ipa.serving.weights.ocr import OCR_WEIGHTS
from tests.support.replicas import replica

DETECTOR = {"weights": "ppocrv6-tiny-det", "side_px": 224}
RECOGNISER = {"weights": "ppocrv6-tiny-rec", "width_px": 160}
ITEMS, BATCH = 24, 8

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not OCR_WEIGHTS.is_complete(), reason="needs `ipa models fetch ocr`"),
]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ServerReady, ServerReady]]:
    detection = ReplicaSettings(
        "find-1", "find", "v6", task="ocr-detection", source="packaged", max_batch=BATCH, settings=DETECTOR
    )
    recognition = ReplicaSettings(
        "read-1",
        "read",
        "v6",
        task="ocr-recognition",
        source="packaged",
        max_batch=BATCH,
        settings=RECOGNISER,
    )
    with replica(detection) as find, replica(recognition) as read:
        yield find, read


async def infer(port: int, model: str, name: str, items: Sequence[bytes]) -> dict[str, Tensor]:
    async with V2Client(f"127.0.0.1:{port}") as client:
        tensor = Tensor(name, "BYTES", (len(items), 1), tuple(items))
        answer = await client.infer(model, [tensor], timeout_s=60.0)
    return {output.name: output for output in answer.tensors}


def in_batches(port: int, model: str, name: str, items: Sequence[bytes], output: str) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(items), BATCH):
        found += asyncio.run(infer(port, model, name, items[start : start + BATCH]))[output].data
    return found


def test_both_stages_answer_what_they_answer_offline(servers: tuple[ServerReady, ServerReady]) -> None:
    jpegs = [make_image(0, index).jpeg for index in range(ITEMS)]
    crops = in_batches(servers[0].grpc_port, "find", "image", jpegs, "crop")
    texts = in_batches(servers[1].grpc_port, "read", "crop", crops, "text")

    detector, recogniser = load_detector(DETECTOR, 1), load_recogniser(RECOGNISER, 1)
    images = [decode_image(jpeg) for jpeg in jpegs]
    offline = [
        straighten(image, one.corners) for image, one in zip(images, detector.detect(images), strict=True)
    ]
    # Other batches add in another order: a pixel may differ by one, and a text hardly ever.
    for crop, expected in zip(crops, offline, strict=True):
        assert np.abs(decode_image(crop).astype(int) - expected).max() <= 2
    same = [
        text.decode() == reading.text for text, reading in zip(texts, recogniser.read(offline), strict=True)
    ]
    assert sum(same) >= ITEMS - 1


def test_an_item_that_is_no_image_fails_its_batch_and_not_the_server(
    servers: tuple[ServerReady, ServerReady],
) -> None:
    with pytest.raises(grpc.RpcError, match=r"an item of 7 bytes is no JPEG or PNG"):
        asyncio.run(infer(servers[0].grpc_port, "find", "image", [b"garbage"]))
    jpeg = make_image(0, 0).jpeg
    assert asyncio.run(infer(servers[0].grpc_port, "find", "image", [jpeg]))["box"].shape == (1, 8)
