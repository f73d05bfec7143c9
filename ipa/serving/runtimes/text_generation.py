"""Texts from texts: summaries (BART, Lewis et al. 2020), translations (Junczys-Dowmunt et al. 2018)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.items import of_texts, texts_of
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_text
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.runtimes.tokens import tokenizer_of
from ipa.serving.v2 import Tensor


def _load(replica: ReplicaSettings) -> Model:
    options = read_options(replica)
    network = Network(replica, "ForSeq2SeqLM")
    tokenizer = tokenizer_of(network, options["max_tokens"])
    written = generation_options(network, options["new_tokens"])

    def write(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        tokens = network.generate(tokenizer(texts_of(inputs["text"])), **written)
        return [of_texts("text", [tokenizer.text(row) for row in tokens.tolist()])]

    return write


def generation_options(network: Network, new_tokens: int) -> dict[str, Any]:
    """Return how a network is to write: greedily, so that its cost is known.

    Random weights would end a text anywhere; so that they cost what trained ones do, the length is given.
    """
    shortest = {"min_new_tokens": new_tokens} if network.folder is None else {}
    return {"max_new_tokens": new_tokens, "num_beams": 1, "do_sample": False, **shortest}


TEXT_GENERATION = Task(
    inputs=(TensorSpec("text", "BYTES"),),
    outputs=(TensorSpec("text", "BYTES"),),
    load=_load,
    sample=lambda: [sample_text("text")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes a text in UTF-8; tells another one."""
