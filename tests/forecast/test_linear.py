"""The least-squares forecaster and its training data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import ConfigError, InvalidValueError
from ipa.forecast import evaluate, make_forecaster
from ipa.forecast.dataset import DAY_S, days, held_out_rates, samples, training_rates
from ipa.forecast.linear import LinearModel, TrainingRecord, fit_linear, linear_path, load_linear
from ipa.workload import load_trace
from ipa.workload.source import published_source

RECORD = TrainingRecord("a" * 64, 0, 14, 8, 5, 1.25)
MODEL = LinearModel((*[0.0] * 10, 0.25, 0.5), 2.0, RECORD)


def test_a_prediction_is_weights_times_ten_second_maxima_plus_intercept() -> None:
    window = np.zeros(120)
    window[105], window[117] = 8, 40
    assert MODEL.predict(window) == 2 + 0.25 * 8 + 0.5 * 40


def test_the_forecaster_uses_the_committed_coefficients() -> None:
    window = np.random.default_rng(0).poisson(20, 120)
    expected = load_linear(linear_path()).predict(window.astype(float))
    assert make_forecaster("linear").forecast(window).rate_rps == expected


def test_a_saved_model_is_read_back_exactly(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.json")
    assert load_linear(tmp_path / "model.json") == MODEL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0] * 11}, "weights: Tuple should have at least 12"),
        ({"weights": ["x"] * 12}, r"weights\[0\]: Input should be a valid number"),
        ({"bias": 3}, "bias"),
        ({"training": {}}, r"training\.trace_sha256"),
    ],
)
def test_a_broken_model_names_file_and_key(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "model.json"
    MODEL.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=message) as caught:
        load_linear(path)
    assert str(path) in str(caught.value)


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_linear(tmp_path / "none.json")


@given(st.lists(st.integers(0, 300), min_size=140, max_size=400))
def test_samples_are_what_a_forecaster_sees_and_what_then_happens(rates_rps: list[int]) -> None:
    inputs, targets = samples(np.array(rates_rps))
    assert len(inputs) == len(targets) == (len(rates_rps) - 140) // 10 + 1
    for k in (0, len(targets) - 1):
        past = rates_rps[10 * k : 10 * k + 120]
        assert inputs[k].tolist() == [max(past[i : i + 10]) for i in range(0, 120, 10)]
        assert targets[k] == max(rates_rps[10 * k + 120 : 10 * k + 140])


def test_a_series_too_short_for_a_sample_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="139 seconds are too few: one sample needs 140"):
        samples(np.ones(139, dtype=int))


def test_days_are_damped_and_without_gaps() -> None:
    trace_rps = np.repeat([80, 7, 16, 99], [DAY_S, DAY_S, DAY_S, 10])
    assert days(trace_rps, 0, 3).tolist() == [10] * DAY_S + [2] * DAY_S
    with pytest.raises(InvalidValueError, match="need a trace of 345600 seconds, this one has 259210"):
        days(trace_rps, 0, 4)


def ramp_and_noise() -> Any:
    steps = 14 * DAY_S // 10
    levels = 8 * (20 + np.arange(steps) % 50 + np.random.default_rng(0).integers(0, 9, steps))
    return np.repeat(levels, 10)


def test_the_fit_solves_the_normal_equations_and_records_its_loss() -> None:
    model = fit_linear(ramp_and_noise(), trace_sha256="a" * 64)
    inputs, targets = samples(ramp_and_noise() // 8)
    residuals = inputs @ np.array(model.weights) + model.intercept_rps - targets
    design = np.column_stack([inputs, np.ones(len(inputs))])
    assert np.abs(design.T @ residuals).max() / len(targets) < 1e-9
    loss_mse_rps2 = pytest.approx(np.mean(residuals**2))
    assert model.training == TrainingRecord("a" * 64, 0, 14, 8, len(targets), loss_mse_rps2)


@pytest.mark.trace
def test_refitting_on_the_real_trace_reproduces_the_committed_coefficients(trace_path: str) -> None:
    committed = load_linear(linear_path())
    refitted = fit_linear(load_trace(trace_path, published=True), trace_sha256=published_source().text_sha256)
    assert refitted.weights == pytest.approx(committed.weights, abs=1e-9)
    assert refitted.intercept_rps == pytest.approx(committed.intercept_rps, abs=1e-9)
    assert refitted.training.loss_mse_rps2 == pytest.approx(committed.training.loss_mse_rps2, abs=1e-9)
    assert refitted.training.n_samples == committed.training.n_samples == 118_413
    assert refitted.training.trace_sha256 == committed.training.trace_sha256


@pytest.mark.trace
def test_training_and_test_days_do_not_overlap(trace_path: str) -> None:
    trace_rps = load_trace(trace_path)
    gapless = trace_rps[: 21 * DAY_S] // 8
    both = np.concatenate([training_rates(trace_rps), held_out_rates(trace_rps)])
    assert both.tolist() == gapless[gapless > 0].tolist()


@pytest.mark.trace
@pytest.mark.parametrize(
    ("name", "smape_pct"),
    [("last", 27.09), ("max", 9.02), ("mean", 26.07), ("ewma-poisson", 7.98), ("linear", 9.14)],
)
def test_the_error_on_the_full_test_week_is_the_one_reported(
    trace_path: str, name: str, smape_pct: float
) -> None:
    found = evaluate(make_forecaster(name), held_out_rates(load_trace(trace_path)))
    assert found.smape_pct == pytest.approx(smape_pct, abs=0.01)
    assert found.n == 59_205
