"""The tasks of the paper on small networks of the same kinds; needs the extra ``models``."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from ipa.errors import InvalidValueError
from ipa.serving import architectures
from ipa.serving.architectures import Architecture
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.catalogue import TASKS
from ipa.serving.runtimes.task import Model
from ipa.serving.v2 import Tensor, V2Client, merge, split
from tests.support import replicas

pytest.importorskip("torch", reason='pip install -e ".[models]"')
pytest.importorskip("transformers", reason='pip install -e ".[models]"')

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
BOTH = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 16, "vocab_size": 99} | {
    f"{part}_{what}": size
    for part in ("encoder", "decoder")
    for what, size in (("ffn_dim", 32), ("attention_heads", 2))
}
ENDS = {"pad_token_id": 98, "decoder_start_token_id": 98, "bos_token_id": 97, "eos_token_id": 96}
SQUARE = {"image_size": [64, 64], "num_detection_tokens": 5}
RESNET = {"depths": [1, 1], "hidden_sizes": [8, 8], "embedding_size": 8, "layer_type": "basic"}
KINDS = {
    "object-detection": Architecture("YolosConfig", TINY | SQUARE),
    "image-classification": Architecture("ResNetConfig", RESNET),
    "speech-recognition": Architecture("Speech2TextConfig", BOTH),
    "question-answering": Architecture("RobertaConfig", {**TINY, "vocab_size": 99}),
    "sentiment-analysis": Architecture("BertConfig", {**TINY, "vocab_size": 99}),
    "language-identification": Architecture("XLMRobertaConfig", {**TINY, "vocab_size": 99, "num_labels": 5}),
    "translation": Architecture("MarianConfig", BOTH | ENDS | {"max_position_embeddings": 512}),
    "summarisation": Architecture("BartConfig", BOTH | ENDS | {"max_position_embeddings": 512}),
}
SETTINGS = {"object-detection": {"pixels": 64}, "image-classification": {"pixels": 64}}


def replica(task: str) -> ReplicaSettings:
    return ReplicaSettings(
        "r", "m", "v", task=task, source="random", weights=f"tiny:{task}", settings=SETTINGS.get(task, {})
    )


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {f"tiny:{task}": architecture for task, architecture in KINDS.items()}
    monkeypatch.setattr(architectures, "ARCHITECTURES", {**architectures.ARCHITECTURES, **small})


def answers(model: Model, items: Sequence[Sequence[Tensor]]) -> list[list[Tensor]]:
    given = {tensor.name: tensor for tensor in merge(items)}
    return split(model(given), [1] * len(items))


@pytest.mark.parametrize("name", KINDS)
def test_a_task_answers_what_it_describes(name: str) -> None:
    task = TASKS[name]
    model = task.load(replica(name))
    sample = list(task.sample())
    task.check(sample)
    (answer,) = answers(model, [sample])
    assert [tensor.name for tensor in answer] == [spec.name for spec in task.outputs]
    for spec, tensor in zip(task.outputs, answer, strict=True):
        spec.check(tensor)


@pytest.mark.parametrize("name", KINDS)
def test_an_item_gets_the_same_answer_alone_and_in_a_batch_and_from_any_replica(name: str) -> None:
    task = TASKS[name]
    items = [list(task.sample()), list(task.sample())]
    if items[0][-1].datatype == "BYTES" and name not in SETTINGS:
        items[1][-1] = Tensor.of(items[1][-1].name, [b"A much longer text, told in many more words."])
    together = answers(task.load(replica(name)), items)
    alone = [answers(task.load(replica(name)), [item])[0] for item in items]
    for one, other in zip(chain(*together), chain(*alone), strict=True):
        if one.datatype == "FP32":
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-4)
        else:
            assert one.data == other.data


def test_wav2vec2_tells_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = TINY | {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    known = {**architectures.ARCHITECTURES, "tiny:wav2vec2": Architecture("Wav2Vec2Config", tiny)}
    monkeypatch.setattr(architectures, "ARCHITECTURES", known)
    task = TASKS["speech-recognition"]
    model = task.load(replace(replica("speech-recognition"), weights="tiny:wav2vec2"))
    ((text,),) = answers(model, [list(task.sample())])
    assert text.numpy()[0].decode().isupper() or text.data == (b"",)


def test_a_network_computes_on_as_many_threads_as_its_replica_has_cores() -> None:
    torch = pytest.importorskip("torch")
    task = TASKS["sentiment-analysis"]
    sample = {tensor.name: tensor for tensor in task.sample()}

    def threads(cores: int) -> int:
        task.load(replace(replica("sentiment-analysis"), cores=cores))(sample)
        return int(torch.get_num_threads())

    # In a thread of its own, as a replica does it.
    with ThreadPoolExecutor(1) as pool:
        assert [pool.submit(threads, cores).result() for cores in (1, 2, 1)] == [1, 2, 1]


def test_a_picture_that_is_none_fails() -> None:
    model = TASKS["image-classification"].load(replica("image-classification"))
    with pytest.raises(InvalidValueError, match="that are no picture"):
        answers(model, [[Tensor.of("image", [b"junk"])]])


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    settings = ReplicaSettings(
        "bert-1", "sentiment", "tiny", task="sentiment-analysis", source="random", max_batch=8
    )
    with replicas.replica(replace(settings, weights="prajjwal1/bert-tiny")) as ready:
        yield ready.grpc_port


@pytest.mark.live
def test_a_real_network_is_served_as_one_tensor_batch(server: int) -> None:
    async def check() -> None:
        async with V2Client(f"127.0.0.1:{server}") as client:
            texts = [f"text number {number}".encode() for number in range(8)]
            together = await client.infer("sentiment", [Tensor.of("text", texts)], timeout_s=20.0)
            label, score = together.tensors
            assert {name.decode() for name in label.numpy()} <= {"LABEL_0", "LABEL_1"}
            for number, text in enumerate(texts):
                alone = await client.infer("sentiment", [Tensor.of("text", [text])], timeout_s=20.0)
                assert alone.tensors[0].data == label.data[number : number + 1]
                assert alone.tensors[1].numpy()[0] == pytest.approx(score.numpy()[number], abs=1e-4)

    asyncio.run(check())
