"""``ipa forecast``."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipa.arrays import Ints
from ipa.cli import forecast as commands
from ipa.forecast.networks.training import TrainingSettings
from ipa.forecast.networks.weights import NetworkRecord, load_weights
from ipa.studies.forecast_errors import EVALUATED, TEST_WEEK
from tests.support.command import Ipa


@pytest.mark.parametrize("command", ["train", "evaluate", "compare", "flapping"])
def test_help_shows_examples(ipa: Ipa, command: str) -> None:
    outcome = ipa("forecast", command, "--help")
    assert outcome.code == 0
    assert f"ipa forecast {command}" in outcome.out


def test_the_stored_scores_are_shown_without_the_trace(ipa: Ipa) -> None:
    outcome = ipa("forecast", "evaluate", "--json")
    rows = json.loads(outcome.out)
    assert [row["forecaster"] for row in rows if row["series"] == TEST_WEEK] == list(EVALUATED)


def test_only_some_forecasters_can_be_shown(ipa: Ipa) -> None:
    rows = json.loads(ipa("forecast", "evaluate", "--json", "-f", "mlp", "-f", "lstm").out)
    assert {row["forecaster"] for row in rows} == {"mlp", "lstm"}
    assert TEST_WEEK in ipa("forecast", "evaluate", "-f", "mlp").out


def test_the_stored_closed_loop_is_shown(ipa: Ipa) -> None:
    rows = json.loads(ipa("forecast", "compare", "--json").out)
    assert {row["edition"] for row in rows} == {"as-published-v1", "corrected"}
    assert "quantile-0.95" in ipa("forecast", "compare").out


def test_the_stored_flapping_is_shown(ipa: Ipa) -> None:
    rows = json.loads(ipa("forecast", "flapping", "--json").out)
    assert {row["rate_rps"] for row in rows} == {5, 10, 20, 30}
    shown = ipa("forecast", "flapping").out
    assert "steps that change the plan" in shown
    assert "cores running" in " ".join(shown.split())


@pytest.mark.parametrize(
    "arguments", [("evaluate", "--fresh"), ("evaluate", "--store"), ("compare", "--store")]
)
def test_measuring_without_the_trace_says_how_to_get_it(ipa: Ipa, arguments: Any) -> None:
    outcome = ipa("forecast", *arguments)
    assert outcome.code == 2
    assert "ipa trace fetch" in outcome.err


def test_training_without_pytorch_holds_the_install_line(ipa: Ipa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    outcome = ipa("forecast", "train")
    assert outcome.code == 2
    assert "[lstm]" in outcome.err


def test_training_writes_weights_and_record(
    ipa: Ipa, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def train(rates_rps: Ints, digest: str, settings: Any, progress: Any) -> Any:
        progress(1, 2, "loss 1")
        asked.append((rates_rps.tolist(), settings))
        record = NetworkRecord("mlp", digest, 0, 14, (8,), 3, settings, "none", (0.5,), 1.0, {})
        return {"a": np.ones(2, dtype=np.float32)}, record

    trace = tmp_path / "trace.txt"
    trace.write_text("1 2 3")
    monkeypatch.setenv("IPA_TRACE", str(trace))
    monkeypatch.setattr(commands, "load_torch", lambda: None)
    monkeypatch.setitem(commands.TRAINERS, "mlp", (TrainingSettings(9, 8, 0.5), train))
    output = tmp_path / "mine.npz"
    arguments = ("--model", "mlp", "--epochs", "4", "--seed", "7", "--output", str(output))
    outcome = ipa("forecast", "train", *arguments)
    assert outcome.code == 0
    assert "3 samples, loss 0.50000" in outcome.out
    assert asked == [([1, 2, 3], TrainingSettings(4, 8, 0.5, seed=7))]
    assert load_weights(output, {"a": (2,)})["a"].tolist() == [1, 1]
    assert json.loads(output.with_suffix(".json").read_text())["model"] == "mlp"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "unknown forecaster 'nope'; allowed: last, max"),
        ("quantile-1.5", "the quantile must lie between 0.05 and 0.995"),
        ("quantile-0.83", "there are no stored scores of quantile-0.83; measure with --fresh"),
    ],
)
def test_a_forecaster_that_cannot_be_shown_is_an_error(ipa: Ipa, name: str, message: str) -> None:
    outcome = ipa("forecast", "evaluate", "-f", name)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())


def test_a_part_of_the_scores_is_never_stored(ipa: Ipa) -> None:
    outcome = ipa("forecast", "evaluate", "--store", "-f", "max")
    assert outcome.code == 2
    assert "--store keeps the scores of all forecasters" in outcome.err


def test_committed_weights_are_replaced_only_if_asked_for(ipa: Ipa) -> None:
    outcome = ipa("forecast", "train", "--replace", "--output", "mine.npz")
    assert outcome.code == 2
    assert "either --output or --replace" in outcome.err
