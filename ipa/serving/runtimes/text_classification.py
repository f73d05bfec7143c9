"""Text classification: the sentiment or the language of a text (BERT, Devlin et al. 2019, and its kin)."""

from collections.abc import Mapping, Sequence

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.items import of_texts, texts_of
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network, probabilities
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_text
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.runtimes.tokens import tokenizer_of
from ipa.serving.v2 import Tensor


def _load(replica: ReplicaSettings) -> Model:
    max_tokens = read_options(replica)["max_tokens"]
    network = Network(replica, "ForSequenceClassification")
    tokenizer = tokenizer_of(network, max_tokens)
    names = network.model.config.id2label

    def classify(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        found = probabilities(network(**tokenizer(texts_of(inputs["text"]))).logits)
        labels = [names[number] for number in found.argmax(-1).tolist()]
        return [of_texts("label", labels), Tensor.of("score", found.max(-1))]

    return classify


TEXT_CLASSIFICATION = Task(
    inputs=(TensorSpec("text", "BYTES"),),
    outputs=(TensorSpec("label", "BYTES"), TensorSpec("score", "FP32")),
    load=_load,
    sample=lambda: [sample_text("text")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes a text in UTF-8; tells the name of its class and the probability."""
