"""The networks of the paper's variants, as configurations of transformers.

Each has the size that its publishers give it (``data/paper/variants.csv``). One exception: YOLOv5 is not in
transformers, so its five variants stand for YOLOS detectors with as many parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipa.errors import UnknownNameError

XLM = {"vocab_size": 250002, "max_position_embeddings": 514, "type_vocab_size": 1}
ROBERTA = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network and its size.

    Parameters
    ----------
    config
        Name of the configuration class in transformers.
    sizes
        What the configuration is given.
    hub
        Id on the Hugging Face hub of trained weights for it; empty if there are none.
    """

    config: str
    sizes: Mapping[str, Any] = field(default_factory=dict)
    hub: str = ""


def _resnet(name: str, layer: str, depths: list[int]) -> Architecture:
    widths = [64, 128, 256, 512] if layer == "basic" else [256, 512, 1024, 2048]
    sizes = {"layer_type": layer, "depths": depths, "hidden_sizes": widths, "num_labels": 1000}
    return Architecture("ResNetConfig", sizes, f"microsoft/{name}")


def _yolos(width: int, heads: int) -> Architecture:
    sizes = {"hidden_size": width, "num_attention_heads": heads, "intermediate_size": 4 * width}
    return Architecture("YolosConfig", {**sizes, "num_labels": 91, "use_mid_position_embeddings": False})


def _s2t(width: int, feed_forward: int, heads: int, hub: str) -> Architecture:
    sizes = {"d_model": width, "encoder_layers": 12, "decoder_layers": 6}
    return Architecture("Speech2TextConfig", sizes | _both(feed_forward, heads), hub)


def _marian(width: int, feed_forward: int, heads: int, words: int, hub: str) -> Architecture:
    sizes = {
        "vocab_size": words,
        "d_model": width,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "max_position_embeddings": width,
        "pad_token_id": words - 1,
        "decoder_start_token_id": words - 1,
    }
    return Architecture("MarianConfig", sizes | _both(feed_forward, heads), hub)


def _bart(encoder_layers: int, decoder_layers: int) -> Architecture:
    sizes = {"vocab_size": 50264, "encoder_layers": encoder_layers, "decoder_layers": decoder_layers}
    return Architecture("BartConfig", sizes, f"sshleifer/distilbart-xsum-{encoder_layers}-{decoder_layers}")


def _both(feed_forward: int, heads: int) -> dict[str, int]:
    return {
        "encoder_ffn_dim": feed_forward,
        "decoder_ffn_dim": feed_forward,
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
    }


def _on_hub(config: str, hub: str, **sizes: Any) -> Architecture:
    return Architecture(config, sizes, hub)


_UNDER_THEIR_HUB_ID = (
    _s2t(256, 2048, 4, "facebook/s2t-small-librispeech-asr"),
    _s2t(512, 2048, 8, "facebook/s2t-medium-librispeech-asr"),
    _s2t(1024, 4096, 16, "facebook/s2t-large-librispeech-asr"),
    _on_hub("Wav2Vec2Config", "facebook/wav2vec2-base-960h"),
    _on_hub("Wav2Vec2Config", "facebook/wav2vec2-large-960h", **LARGE),
    _on_hub("XLMRobertaConfig", "deepset/xlm-roberta-base-squad2", **XLM),
    _on_hub("XLMRobertaConfig", "deepset/xlm-roberta-large-squad2", **XLM, **LARGE),
    _on_hub("RobertaConfig", "deepset/roberta-base-squad2", **ROBERTA),
    _on_hub("DistilBertConfig", "distilbert-base-cased-distilled-squad", vocab_size=28996),
    _on_hub("DistilBertConfig", "Souvikcmsa/SentimentAnalysisDistillBERT"),
    _on_hub("BertConfig", "Souvikcmsa/BERT_sentiment_analysis"),
    _on_hub("RobertaConfig", "Souvikcmsa/Roberta_Sentiment_Analysis", **ROBERTA, **LARGE),
    _on_hub("DistilBertConfig", "distilbert-base-uncased-finetuned-sst-2-english"),
    _on_hub(
        "BertConfig",
        "prajjwal1/bert-tiny",
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
    ),
    _on_hub(
        "XLMRobertaConfig",
        "dinalzein/xlm-roberta-base-finetuned-language-identification",
        **XLM,
        num_labels=45,
    ),
    _marian(512, 2048, 8, 59514, "Helsinki-NLP/opus-mt-fr-en"),
    _marian(1024, 4096, 16, 53017, "Helsinki-NLP/opus-mt-tc-big-fr-en"),
    *(_bart(*layers) for layers in ((1, 1), (12, 1), (6, 6), (12, 3), (9, 6), (12, 6))),
)

ARCHITECTURES: Mapping[str, Architecture] = {
    "ultralytics/yolov5:yolov5n": _yolos(108, 3),
    "ultralytics/yolov5:yolov5s": _yolos(216, 4),
    "ultralytics/yolov5:yolov5m": _yolos(372, 6),
    "ultralytics/yolov5:yolov5l": _yolos(552, 8),
    "ultralytics/yolov5:yolov5x": _yolos(756, 12),
    "torchvision:resnet18": _resnet("resnet-18", "basic", [2, 2, 2, 2]),
    "torchvision:resnet34": _resnet("resnet-34", "basic", [3, 4, 6, 3]),
    "torchvision:resnet50": _resnet("resnet-50", "bottleneck", [3, 4, 6, 3]),
    "torchvision:resnet101": _resnet("resnet-101", "bottleneck", [3, 4, 23, 3]),
    "torchvision:resnet152": _resnet("resnet-152", "bottleneck", [3, 8, 36, 3]),
    **{architecture.hub: architecture for architecture in _UNDER_THEIR_HUB_ID},
}
"""By what a pipeline file gives as the ``model`` of a variant."""


def architecture_of(model: str) -> Architecture:
    """Return the architecture of a variant's model.

    Raises
    ------
    UnknownNameError
        If it is not known how large it is.
    """
    if model not in ARCHITECTURES:
        raise UnknownNameError("architecture (the key model of a variant)", model, ARCHITECTURES)
    return ARCHITECTURES[model]


def hub_id(model: str) -> str:
    """Return where on the hub the trained weights of a variant's model are; empty if they are not there.

    Parameters
    ----------
    model
        The key ``model`` of a variant: a name of ``ARCHITECTURES``, or the id of any model on the hub.
    """
    return ARCHITECTURES[model].hub if model in ARCHITECTURES else model
