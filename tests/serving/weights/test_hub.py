"""Weights from the hub: which there are, how they are fetched, and what is said where they are not."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ipa.errors import UnknownNameError, WeightsError
from ipa.pipeline.load import load_pipeline
from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.catalogue import TASKS
from ipa.serving.v2 import Tensor
from ipa.serving.weights import hub
from ipa.serving.weights.catalogue import hub_weights, weights_of
from ipa.serving.weights.hub import HubWeights, hub_folder, model_folder
from tests.support.command import Ipa
from tests.support.fake_hub import COMMIT, fake_hub

PIPELINE = """name: feelings
sla_s: 2.0
stages:
  - name: sentiment
    task: sentiment-analysis
    profile: {file: profile.csv}
    variants:
      - {name: tiny, accuracy: 0.5, base_cores: 1, model: toys/bert}
"""
PROFILE = "stage,variant,cores,batch,latency_p99_s,throughput_rps\nsentiment,tiny,1,1,0.1,10\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def pipeline_file(tmp_path: Path) -> Path:
    (tmp_path / "profile.csv").write_text(PROFILE)
    file = tmp_path / "feelings.yaml"
    file.write_text(PIPELINE)
    return file


def put(model: str) -> None:
    folder = model_folder(model)
    folder.mkdir(parents=True)
    (folder / hub.COMPLETE).write_text("{}")


def test_a_pipeline_names_the_models_that_it_needs() -> None:
    weights = hub_weights(load_pipeline("video"))
    assert weights.models[0] == "microsoft/resnet-18"
    assert weights.without == ("yolov5n", "yolov5s", "yolov5m", "yolov5l", "yolov5x")
    assert len(hub_weights(load_pipeline("calls")).models) == 11


def test_weights_are_complete_once_all_models_are_here() -> None:
    weights = HubWeights("two", ("a/b", "c/d"))
    put("a/b")
    assert not weights.is_complete()
    put("c/d")
    assert weights.is_complete()
    assert hub_folder("a/b") == model_folder("a/b")
    weights.remove()
    assert not weights.is_complete()


def test_weights_that_are_not_here_say_how_to_get_them() -> None:
    with pytest.raises(WeightsError, match="of a/b are not on this machine; fetch them once"):
        hub_folder("a/b")


def test_variants_that_are_not_on_the_hub_are_named() -> None:
    with pytest.raises(WeightsError, match="no variant of pipeline own has weights on the hub: small"):
        HubWeights("own", (), ("small",)).fetch(lambda *_: None)


@pytest.mark.parametrize(
    ("wanted", "others"),
    [
        (["config.json", "model.safetensors"], ["pytorch_model.bin", "tf_model.h5"]),
        (["config.json", "vocab.txt", "spm.model", "pytorch_model.bin"], ["flax_model.msgpack"]),
        (["config.json"], ["onnx/model.json", "README.md"]),
    ],
)
def test_only_what_a_network_needs_is_fetched(wanted: list[str], others: list[str]) -> None:
    assert list(hub._wanted(dict.fromkeys([*others, *wanted], 1))) == wanted


def test_pipelines_and_their_files_are_sets_of_weights(ipa: Ipa, pipeline_file: Path) -> None:
    listed = json.loads(ipa("models", "list", "--json").out)
    assert {"ocr", "video", "audio-qa"} <= {row["name"] for row in listed}
    assert weights_of(str(pipeline_file)) == HubWeights("feelings", ("toys/bert",))
    with pytest.raises(UnknownNameError, match="unknown set of weights 'vidoe'"):
        weights_of("vidoe")


@pytest.mark.skipif(find_spec("huggingface_hub") is not None, reason="the extra models is installed")
def test_without_the_extra_the_install_line_is_told(ipa: Ipa, pipeline_file: Path) -> None:
    outcome = ipa("models", "fetch", pipeline_file)
    assert outcome.code == 2
    assert outcome.err.endswith('install it, in the clone: pip install -e ".[models]"\n')


def fetched(pipeline_file: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    # The library reads where the hub is when it is imported.
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-m", "ipa", "models", "fetch", str(pipeline_file)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_trained_weights_are_fetched_once_and_served(pipeline_file: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("transformers", reason='pip install -e ".[models]"')
    trained = tmp_path / "trained"
    config = library.BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    config.id2label, config.label2id = {0: "sad", 1: "glad"}, {"sad": 0, "glad": 1}
    library.BertForSequenceClassification(config).save_pretrained(trained)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "day"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    library.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(trained)
    (trained / "flax_model.msgpack").write_bytes(b"not for us")

    with fake_hub("toys/bert", trained) as server:
        first = fetched(pipeline_file, server.endpoint)
        assert first.returncode == 0, first.stderr
        assert "all weights are here" in first.stdout
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(server.asked)
        assert "flax_model.msgpack" not in server.asked
        before = len(server.asked)
        assert fetched(pipeline_file, server.endpoint).returncode == 0
        assert len(server.asked) == before
    told = json.loads((model_folder("toys/bert") / hub.COMPLETE).read_text())
    assert told == {"model": "toys/bert", "revision": COMMIT}

    replica = ReplicaSettings(
        "r", "sentiment", "tiny", task="sentiment-analysis", source="pretrained", weights="toys/bert"
    )
    model = TASKS["sentiment-analysis"].load(replica)
    label, score = model({"text": Tensor.of("text", [b"good day", b"bad"])})
    assert {name.decode() for name in label.numpy()} <= {"sad", "glad"}
    assert score.shape == (2,)


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(pipeline_file: Path) -> None:
    pytest.importorskip("huggingface_hub", reason='pip install -e ".[models]"')
    outcome = fetched(pipeline_file, "http://127.0.0.1:9")
    assert outcome.returncode == 2
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert "toys/bert cannot be fetched from the Hugging Face hub" in line
    assert "--source random" in line
    assert "Traceback" not in outcome.stderr
