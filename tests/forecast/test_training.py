"""Training with PyTorch; what needs it is skipped where it is not installed."""

import importlib.util
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipa.errors import InvalidValueError, MissingExtraError
from ipa.forecast.dataset import DAY_S, days, windows
from ipa.forecast.networks import lstm_training, mlp_training
from ipa.forecast.networks.features import features
from ipa.forecast.networks.lstm import SHAPES as LSTM_SHAPES
from ipa.forecast.networks.lstm import load_lstm
from ipa.forecast.networks.mlp import SHAPES as MLP_SHAPES
from ipa.forecast.networks.mlp import load_mlp
from ipa.forecast.networks.training import TrainingSettings, fit, load_torch
from ipa.forecast.networks.weights import load_weights, save_weights, weights_path

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
QUICK = TrainingSettings(epochs=3, batch=64, learning_rate=0.01)


def line(torch: Any, weights: Any, inputs: Any) -> Any:  # noqa: ARG001 (the signature of a network)
    return inputs @ weights["slope"]


def squared(torch: Any, outputs: Any, targets: Any) -> Any:
    return torch.mean((outputs - targets) ** 2)


def samples_of_a_line() -> Any:
    inputs = np.random.default_rng(0).normal(size=(640, 2))
    return inputs, inputs @ [2.0, -1.0]


def start() -> Any:
    return {"slope": np.zeros(2, dtype=np.float32)}


def test_without_pytorch_the_error_holds_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[lstm\]"):
        load_torch()


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch": 0}, {"learning_rate": math.nan}, {"seed": -1}])
def test_settings_out_of_range_are_refused(change: Any) -> None:
    with pytest.raises(InvalidValueError, match="training needs at least 1 epoch"):
        replace(QUICK, **change)


@needs_torch
def test_fitting_finds_a_line_and_reports_its_progress() -> None:
    reports = []
    settings = TrainingSettings(epochs=40, batch=64, learning_rate=0.05)
    fitted = fit(
        start(), line, squared, samples_of_a_line(), settings, lambda *report: reports.append(report)
    )
    assert fitted.weights["slope"] == pytest.approx([2, -1], abs=0.01)
    assert len(fitted.losses) == 40
    assert fitted.losses[-1] < 0.01 * fitted.losses[0]
    assert [done for done, _, _ in reports] == list(range(50, 401, 50))


@needs_torch
def test_a_seed_fixes_the_weights() -> None:
    one, same, other = (
        fit(start(), line, squared, samples_of_a_line(), replace(QUICK, seed=seed)).weights["slope"].tolist()
        for seed in (0, 0, 1)
    )
    assert one == same != other


@needs_torch
def test_too_few_samples_and_a_lost_training_are_errors() -> None:
    inputs, targets = samples_of_a_line()
    with pytest.raises(InvalidValueError, match="10 samples are fewer than a batch of 64"):
        fit(start(), line, squared, (inputs[:10], targets[:10]), QUICK)
    with pytest.raises(InvalidValueError, match="lower the learning rate"):
        fit(start(), line, squared, (inputs * np.nan, targets), QUICK)


@needs_torch
def test_numpy_and_pytorch_agree_on_the_committed_weights() -> None:
    torch = load_torch()
    windows_rps = np.random.default_rng(7).poisson(200, (300, 120)) // 8
    maxima_rps = windows_rps.reshape(-1, 12, 10).max(axis=2).astype(float)
    arrays = load_weights(weights_path("lstm"), LSTM_SHAPES)
    scale_rps = float(arrays["scale_rps"])
    in_torch = lstm_training.forward(torch, as_tensors(arrays), torch.tensor(maxima_rps / scale_rps))
    found = load_lstm(weights_path("lstm")).predict(maxima_rps)
    assert found == pytest.approx(scale_rps * in_torch.numpy(), abs=1e-6)

    arrays, model = load_weights(weights_path("mlp"), MLP_SHAPES), load_mlp(weights_path("mlp"))
    seen, level = features(windows_rps.astype(float))
    standard = np.clip((seen - model.mean) / model.spread, model.least, model.most)
    roots = mlp_training.forward(torch, as_tensors(arrays), torch.tensor(standard)).numpy() + level[:, None]
    expected = np.maximum(np.maximum(roots, 0) ** 2 - 3 / 8, 0)
    assert model.quantiles(windows_rps.astype(float)) == pytest.approx(expected, abs=1e-6)


def as_tensors(arrays: Any) -> Any:
    torch = load_torch()
    return {name: torch.tensor(array) for name, array in arrays.items()}


def small_trace() -> Any:
    """Return 14 days that change once a minute and are noisy, small enough by a long gap each day."""
    rng = np.random.default_rng(8)
    day = np.zeros(DAY_S, dtype=np.int64)
    trace = np.tile(day, (14, 1))
    trace[:, :1200] = rng.poisson(np.repeat(rng.integers(100, 300, (14, 20)), 60, axis=1))
    return trace.ravel()


@needs_torch
@pytest.mark.parametrize(
    ("train", "load"), [(lstm_training.train_lstm, load_lstm), (mlp_training.train_mlp, load_mlp)]
)
def test_what_is_trained_can_be_saved_and_used(tmp_path: Path, train: Callable[..., Any], load: Any) -> None:
    weights, record = train(small_trace(), trace_sha256="b" * 64, settings=QUICK)
    save_weights(tmp_path / "w.npz", weights, record)
    model = load(tmp_path / "w.npz")
    answer = model(np.full(120, 20.0)).rate_rps if load is load_lstm else model.predict(np.full(120, 20.0))[0]
    assert np.isfinite(answer).all()
    assert record.trace_sha256 == "b" * 64
    assert len(record.losses) == 3
    assert record.n_samples > 1000


def test_windows_are_what_is_seen_and_what_comes() -> None:
    past, coming = windows(np.arange(165), every_s=20)
    assert past[:, 0].tolist() == [0, 20]
    assert coming[:, -1].tolist() == [139, 159]
    assert (past.shape, coming.shape) == ((2, 120), (2, 20))


def test_days_can_be_damped_otherwise() -> None:
    trace = np.full(DAY_S, 17)
    assert days(trace, 0, 1, damping_divisor=1)[0] == 17
    assert days(trace, 0, 1, damping_divisor=4)[0] == 4


def test_the_quantile_network_is_trained_at_several_dampings() -> None:
    found, targets = mlp_training.training_samples(small_trace())
    assert len(found) == len(targets)
    levels = found[:, -1]
    assert levels.min() < 4 < 12 < levels.max()
    assert abs(targets.mean()) < 3
