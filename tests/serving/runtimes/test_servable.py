"""What is missing to serve a pipeline is told before anything is started."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from ipa.errors import LivePipelineError
from ipa.pipeline.external_server import ExternalServer
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.serving.runtimes.catalogue import libraries_of
from ipa.serving.runtimes.servable import check_servable

NO_TORCH = find_spec("torch") is None


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_emulated_variants_need_nothing() -> None:
    check_servable(load_pipeline("video").without_tasks(), "emulated")


@pytest.mark.parametrize(
    ("task", "source", "problem"),
    [
        (
            "object-detection",
            "packaged",
            "stage object-detection, variant yolov5n: unknown source of weights",
        ),
        (
            "ocr-detection",
            "random",
            "unknown source of weights for task ocr-detection 'random'; allowed: packaged",
        ),
        ("ocr-detection", "packaged", "run `ipa models fetch ocr`"),
    ],
)
def test_missing_weights_are_named_with_what_to_do(task: str, source: str, problem: str) -> None:
    video = load_pipeline("video")
    stage = replace(video.stages[0], task=task)
    with pytest.raises(LivePipelineError, match=problem):
        check_servable(Pipeline("own", (stage,), video.sla_s), source)


@pytest.mark.skipif(not NO_TORCH, reason="the extra models is installed")
def test_a_missing_library_is_named_with_its_install_line() -> None:
    with pytest.raises(LivePipelineError, match=r'pip install -e "\.\[models\]"'):
        check_servable(load_pipeline("audio-qa"), "random")


@pytest.mark.skipif(NO_TORCH, reason='pip install -e ".[models]"')
def test_random_weights_need_libraries_only_and_trained_ones_have_to_be_fetched() -> None:
    check_servable(load_pipeline("audio-qa"), "random")
    with pytest.raises(LivePipelineError, match="fetch them once: ipa models fetch"):
        check_servable(load_pipeline("audio-qa"), "pretrained")
    with pytest.raises(LivePipelineError, match="variant yolov5n: there are no trained weights"):
        check_servable(load_pipeline("video"), "pretrained")


def served_by(pipeline: Pipeline, server: ExternalServer) -> Pipeline:
    stages = [
        replace(stage, task="", variants=tuple(replace(one, server=server) for one in stage.variants))
        for stage in pipeline.stages
    ]
    return replace(pipeline, stages=tuple(stages))


def test_servers_of_others_need_nothing_of_ours() -> None:
    check_servable(served_by(load_pipeline("video"), ExternalServer("m", address="gpu:8001")), "random")


def test_a_stage_without_a_task_cannot_be_served_by_us() -> None:
    with pytest.raises(LivePipelineError, match="stage object-detection, variant yolov5n: has no task"):
        check_servable(load_pipeline("video").without_tasks(), "random")


def test_a_template_imports_what_the_tasks_need_unless_they_are_emulated() -> None:
    assert libraries_of(["sentiment-analysis", "own", ""], "random")[0] == "torch"
    assert libraries_of(["ocr-detection", "ocr-recognition"], "packaged") == ("cv2", "onnxruntime")
    assert libraries_of(["sentiment-analysis"], "emulated") == ()
