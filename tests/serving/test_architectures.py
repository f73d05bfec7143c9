"""Every variant of the paper has an architecture of the size that its publishers give it."""

import csv

import pytest

from ipa.errors import UnknownNameError
from ipa.paths import data_dir
from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.serving.architectures import ARCHITECTURES, architecture_of, hub_id
from ipa.serving.runtimes.catalogue import TASKS

HEADS = {
    "object-detection": "ForObjectDetection",
    "image-classification": "ForImageClassification",
    "speech-recognition": "ForSpeechSeq2Seq",
    "question-answering": "ForQuestionAnswering",
    "sentiment-analysis": "ForSequenceClassification",
    "language-identification": "ForSequenceClassification",
    "translation": "ForSeq2SeqLM",
    "summarisation": "ForSeq2SeqLM",
}


def published() -> list[tuple[str, str, float]]:
    with (data_dir() / "paper" / "variants.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["params_millions"]]
    return [(row["stage"], row["model_id"], float(row["params_millions"])) for row in rows]


@pytest.mark.parametrize("name", pipeline_names())
def test_every_stage_of_our_pipelines_can_be_served(name: str) -> None:
    for stage in load_pipeline(name).stages:
        task = TASKS[stage.task]
        if "random" in task.sources:
            assert {variant.model for variant in stage.variants} <= set(ARCHITECTURES)


@pytest.mark.parametrize(("stage", "model", "millions"), published())
def test_an_architecture_has_the_published_number_of_parameters(
    stage: str, model: str, millions: float
) -> None:
    torch = pytest.importorskip("torch", reason='pip install -e ".[models]"')
    library = pytest.importorskip("transformers", reason='pip install -e ".[models]"')
    architecture = architecture_of(model)
    head = "ForCTC" if "wav2vec2" in model else HEADS[stage]
    with torch.device("meta"):
        config = getattr(library, architecture.config)(**architecture.sizes)
        network = getattr(library, f"AutoModel{head}").from_config(config)
    found = sum(values.numel() for values in network.parameters()) / 1e6
    # YOLOS stands for YOLOv5. The positions of Marian are computed; some count them, others do not.
    tolerance = 0.1 if stage == "object-detection" else 0.011
    assert found == pytest.approx(millions, rel=tolerance)


def test_an_unknown_size_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"architecture \(the key model of a variant\) 'resnet19'"):
        architecture_of("resnet19")


@pytest.mark.parametrize(
    ("model", "hub"),
    [
        ("torchvision:resnet18", "microsoft/resnet-18"),
        ("facebook/s2t-small-librispeech-asr", "facebook/s2t-small-librispeech-asr"),
        ("somebody/else", "somebody/else"),
        ("ultralytics/yolov5:yolov5n", ""),
        ("", ""),
    ],
)
def test_trained_weights_have_an_id_on_the_hub(model: str, hub: str) -> None:
    assert hub_id(model) == hub
