"""Speech recognition: what is said (S2T, Wang et al. 2020; wav2vec 2.0, Baevski et al. 2020)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.items import of_texts
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network, transformers_library
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_sound
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.runtimes.text_generation import generation_options
from ipa.serving.runtimes.tokens import tokenizer_of
from ipa.serving.v2 import Tensor

RATE_HERTZ = 16_000


def _load(replica: ReplicaSettings) -> Model:
    return _wav2vec2(replica) if "wav2vec2" in replica.weights else _speech2text(replica)


def _speech2text(replica: ReplicaSettings) -> Model:
    """Load a network that writes what it hears word by word."""
    new_tokens = read_options(replica)["new_tokens"]
    network = Network(replica, "ForSpeechSeq2Seq")
    extract = _extractor(network, "Speech2TextFeatureExtractor")
    tokenizer = tokenizer_of(network, new_tokens)

    def recognise(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        features = extract(list(inputs["audio"].numpy()), sampling_rate=RATE_HERTZ, return_tensors="np")
        tokens = network.generate(dict(features), **generation_options(network, new_tokens))
        return [of_texts("text", [tokenizer.text(row) for row in tokens.tolist()])]

    return recognise


def _wav2vec2(replica: ReplicaSettings) -> Model:
    """Load a network that tells a letter for every fiftieth of a second."""
    if replica.settings:
        raise InvalidValueError("wav2vec2 writes as much as it hears and takes no settings")
    network = Network(replica, "ForCTC")
    extract = _extractor(network, "Wav2Vec2FeatureExtractor")
    letters = _letters(network)

    def recognise(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        given = extract(list(inputs["audio"].numpy()), sampling_rate=RATE_HERTZ, return_tensors="np")
        tokens = network(**dict(given)).logits.argmax(-1).numpy()
        return [of_texts("text", [letters(row) for row in tokens])]

    return recognise


def _extractor(network: Network, kind: str) -> Any:
    library = transformers_library()
    if network.folder is None:
        return getattr(library, kind)()
    return getattr(library, kind).from_pretrained(network.folder, local_files_only=True)


def _letters(network: Network) -> Any:
    """Return what turns the classes of a recording into text: repetitions count once, class 0 is none."""
    if network.folder is not None:
        tokenizer = transformers_library().Wav2Vec2CTCTokenizer.from_pretrained(network.folder)
        return lambda row: tokenizer.decode(row)

    def spell(row: NDArray[np.int64]) -> str:
        kept = row[(row != 0) & (np.diff(row, prepend=-1) != 0)]
        return "".join(chr(ord("A") + number % 26) for number in kept.tolist())

    return spell


SPEECH_RECOGNITION = Task(
    inputs=(TensorSpec("audio", "FP32", (-1,)),),
    outputs=(TensorSpec("text", "BYTES"),),
    load=_load,
    sample=lambda: [sample_sound("audio")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes samples from -1 to 1, 16,000 a second; tells the text."""
