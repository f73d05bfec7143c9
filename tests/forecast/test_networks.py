"""The trained networks: NumPy against PyTorch, weights files, names of quantiles, loads far from training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import ConfigError, InvalidValueError, UnknownNameError
from ipa.forecast import FORECASTERS, evaluate, make_forecaster
from ipa.forecast.networks.features import N_FEATURES, features, from_root, to_root
from ipa.forecast.networks.lstm import SHAPES as LSTM_SHAPES
from ipa.forecast.networks.lstm import load_lstm
from ipa.forecast.networks.mlp import LEVELS, load_mlp
from ipa.forecast.networks.mlp import SHAPES as MLP_SHAPES
from ipa.forecast.networks.training import TrainingSettings
from ipa.forecast.networks.weights import NetworkRecord, load_record, load_weights, save_weights, weights_path

ANSWERS = json.loads((Path(__file__).parent / "torch_answers.json").read_text())
WINDOWS_RPS = np.array(ANSWERS["windows_rps"], dtype=float)
RECORD = NetworkRecord("lstm", "a" * 64, 0, 14, (8,), 5, TrainingSettings(1, 2, 0.1), "none", (0.5,), 1.0, {})


def lstm_model() -> Any:
    return load_lstm(weights_path("lstm"))


def mlp_model() -> Any:
    return load_mlp(weights_path("mlp"))


def ten_second_maxima(windows_rps: Any) -> Any:
    return windows_rps.reshape(-1, 12, 10).max(axis=2)


def test_the_lstm_answers_as_pytorch_did() -> None:
    found = lstm_model().predict(ten_second_maxima(WINDOWS_RPS))
    assert found == pytest.approx(np.array(ANSWERS["lstm_rps"]), abs=1e-6)


def test_the_quantile_network_answers_as_pytorch_did() -> None:
    found = mlp_model().quantiles(WINDOWS_RPS)
    assert found == pytest.approx(np.array(ANSWERS["mlp_rps"]), abs=1e-6)


def test_one_window_is_answered_as_in_a_batch() -> None:
    for window, lstm_rps, mlp_rps in zip(WINDOWS_RPS, ANSWERS["lstm_rps"], ANSWERS["mlp_rps"], strict=True):
        if window.max() <= lstm_model().largest_rps:
            assert make_forecaster("lstm").forecast(window).rate_rps == pytest.approx(lstm_rps, abs=1e-6)
        assert mlp_model().predict(window)[0] == pytest.approx(mlp_rps, abs=1e-6)


def test_the_network_of_the_paper_has_25_units() -> None:
    assert lstm_model().recurrent.shape == (25, 100)


@given(st.lists(st.integers(0, 500), min_size=120, max_size=120))
def test_a_higher_quantile_is_never_a_lower_rate(rates_rps: list[int]) -> None:
    quantiles, _ = mlp_model().predict(np.array(rates_rps, dtype=float))
    assert (np.diff(quantiles) >= 0).all()
    found = [make_forecaster(f"quantile-{level}").forecast(rates_rps).rate_rps for level in (0.1, 0.42, 0.99)]
    assert found == sorted(found)


def test_quantiles_between_those_of_the_network_are_interpolated() -> None:
    quantiles, _ = mlp_model().predict(WINDOWS_RPS[0])
    at_45 = make_forecaster("quantile-0.45").forecast(WINDOWS_RPS[0])
    middle = (quantiles[LEVELS.index(0.4)] + quantiles[LEVELS.index(0.5)]) / 2
    assert at_45.rate_rps == pytest.approx(middle)
    assert at_45.forecaster == "quantile-0.45"


def test_mlp_is_the_median_as_a_whole_number() -> None:
    for window in WINDOWS_RPS:
        median = make_forecaster("quantile-0.5").forecast(window).rate_rps
        assert make_forecaster("mlp").forecast(window).rate_rps == round(median)


def test_quantile_alone_means_nine_of_ten() -> None:
    default, named = (make_forecaster(n).forecast(WINDOWS_RPS[3]) for n in ("quantile", "quantile-0.9"))
    assert default.rate_rps == named.rate_rps
    assert (default.forecaster, named.forecaster) == ("quantile", "quantile-0.9")


@pytest.mark.parametrize("level", ["0", "0.04", "0.999", "1", "7"])
def test_a_quantile_out_of_range_says_what_is_allowed(level: str) -> None:
    with pytest.raises(InvalidValueError, match=r"between 0\.05 and 0\.995"):
        make_forecaster(f"quantile-{level}")


@pytest.mark.parametrize("name", ["quantile-", "quantile-x", "quantile--1", "quantile-0.9.9"])
def test_what_is_no_quantile_is_an_unknown_name(name: str) -> None:
    assert name not in FORECASTERS
    with pytest.raises(UnknownNameError, match="quantile-<level>"):
        make_forecaster(name)


def test_a_quantile_can_be_chosen_for_a_run() -> None:
    assert "quantile-0.95" in FORECASTERS
    assert "quantile-0.95" not in list(FORECASTERS)


@pytest.mark.parametrize("rate_rps", [3, 30, 300, 3000, 30_000])
@pytest.mark.parametrize(("name", "tolerance"), [("mlp", 0.04), ("lstm", 0.12)])
def test_poisson_load_of_any_size_is_forecast_without_much_bias(
    name: str, tolerance: float, rate_rps: float
) -> None:
    rates_rps = np.random.default_rng(4).poisson(rate_rps, 3000)
    found = evaluate(make_forecaster(name), rates_rps)
    mean_maximum = np.mean([rates_rps[t : t + 20].max() for t in range(120, 2981, 10)])
    # Poisson noise at a few requests per second is larger than any that was trained on.
    assert abs(found.bias_rps) < tolerance * mean_maximum if rate_rps > 3 else 0.35 * mean_maximum


def test_the_quantile_is_not_exceeded_more_often_than_it_says_at_other_loads() -> None:
    for rate_rps, divisor in ((60, 1), (240, 8), (500, 4)):
        rates_rps = np.random.default_rng(6).poisson(rate_rps, 12_000) // divisor
        share = evaluate(make_forecaster("quantile-0.9"), rates_rps).under_forecast_share
        assert 0.002 < share < 0.1


def test_a_load_beyond_the_training_of_the_lstm_is_scaled_down_and_says_so() -> None:
    window = WINDOWS_RPS[-3]
    small = window * 40 / window.max()
    factor = float(lstm_model().largest_rps) / 40
    at_the_edge, beyond = (make_forecaster("lstm").forecast(small * f) for f in (factor, 50 * factor))
    assert at_the_edge.fallback is None
    assert beyond.rate_rps == pytest.approx(50 * at_the_edge.rate_rps)
    assert beyond.fallback == "load above the 48 rps of the training data: scaled"


def test_a_load_above_the_training_data_says_so_and_a_steady_one_does_not() -> None:
    beyond = make_forecaster("mlp").forecast([5000] * 120)
    assert beyond.fallback == "load above the training data: limited"
    assert 5000 <= beyond.rate_rps <= 6000
    for rate_rps in (1, 8, 20, 100):
        assert make_forecaster("mlp").forecast([rate_rps] * 120).fallback is None


@given(st.floats(0, 1e6))
def test_roots_are_undone(rate_rps: float) -> None:
    assert from_root(to_root(np.array(rate_rps))) == pytest.approx(rate_rps, abs=1e-6)


def test_features_of_a_constant_load_are_zero_but_for_the_level() -> None:
    found, level = features(np.full((2, 120), 24.625))
    assert found.shape == (2, N_FEATURES)
    assert level == pytest.approx([5, 5])
    assert found[:, :-1] == pytest.approx(0, abs=1e-9)
    assert found[:, -1] == pytest.approx(5)


def test_features_see_only_their_own_span() -> None:
    window = np.full(120, 9.0)
    window[:60] = 400
    late, full = features(window[None])[0], features(np.full((1, 120), 9.0))[0]
    maximum_of_20_s = 6 + 6 + 3 + 2
    assert late[0, maximum_of_20_s] < 0.1
    assert full[0, maximum_of_20_s] == pytest.approx(0)


def broken_weights(model: str, name: str, value: Any) -> Any:
    with np.load(weights_path(model)) as archive:
        return dict(archive) | {name: value}


@pytest.mark.parametrize(
    ("model", "load", "shapes"), [("lstm", load_lstm, LSTM_SHAPES), ("mlp", load_mlp, MLP_SHAPES)]
)
def test_broken_weights_name_file_and_array(tmp_path: Path, model: str, load: Any, shapes: Any) -> None:
    name = next(iter(shapes))
    for number, (value, message) in enumerate(
        [(np.ones((3, 2)), "must have the shape"), (np.full(shapes[name], np.nan), "not finite")]
    ):
        path = tmp_path / f"{number}.npz"
        save_weights(path, broken_weights(model, name, value), RECORD)
        with pytest.raises(ConfigError, match=f"{name}.*{message}") as caught:
            load(path)
        assert caught.value.file == path


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not an archive", b"text"])
def test_a_damaged_file_of_weights_is_an_error(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="weights"):
        load_weights(path, {"kernel": (1, 100)})


def test_missing_weights_say_how_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ipa forecast train"):
        load_lstm(tmp_path / "none.npz")


def test_saved_weights_are_read_back_and_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    weights = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array(2.5, dtype=np.float32)}
    for folder in ("one", "two"):
        save_weights(tmp_path / folder / "w.npz", weights, RECORD)
    found = load_weights(tmp_path / "one" / "w.npz", {"a": (), "b": (2, 3)})
    assert {name: array.tolist() for name, array in found.items()} == {
        "a": 2.5,
        "b": [[0, 1, 2], [3, 4, 5]],
    }
    assert (tmp_path / "one" / "w.npz").read_bytes() == (tmp_path / "two" / "w.npz").read_bytes()
    assert load_record(tmp_path / "one" / "w.json") == RECORD


def test_a_broken_record_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    save_weights(path.with_suffix(".npz"), {}, replace(RECORD))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_samples": "many"}))
    with pytest.raises(ConfigError, match="n_samples"):
        load_record(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_record(tmp_path / "none.json")


@pytest.mark.parametrize("model", ["lstm", "mlp"])
def test_the_record_of_the_committed_weights_is_complete(model: str) -> None:
    record = load_record(weights_path(model).with_suffix(".json"))
    assert (record.model, record.first_day, record.end_day) == (model, 0, 14)
    assert len(record.losses) == record.settings.epochs
    assert record.losses[-1] < record.losses[0]
    assert set(record.versions) == {"python", "numpy", "torch"}
    assert weights_path(model).stat().st_size < 40_000
