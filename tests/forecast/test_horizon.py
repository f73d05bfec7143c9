"""Forecasts over other spans than the paper's 20 s."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.experiments.resolved import forecaster_for
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, HORIZON_S, ForecastContext, make_forecaster
from ipa.forecast.ewma_poisson import expected_poisson_maximum

RATES = np.random.default_rng(4).poisson(20, 400)
TRAINED = ["linear", "lstm", "mlp", "quantile", "quantile-0.5"]


def forecast(name: str, horizon_s: int) -> Any:
    return make_forecaster(name, ForecastContext(RATES, horizon_s)).forecast(RATES[:120], now_s=120)


@pytest.mark.parametrize("horizon_s", [1, 10, 60, 200])
def test_the_oracle_sees_the_maximum_of_its_horizon(horizon_s: int) -> None:
    assert forecast("oracle", horizon_s).rate_rps == RATES[120 : 120 + horizon_s].max()


@pytest.mark.parametrize("horizon_s", [1, 10, 60, 200])
def test_max_looks_back_as_far_as_it_looks_ahead(horizon_s: int) -> None:
    assert forecast("max", horizon_s).rate_rps == RATES[120 - min(horizon_s, 120) : 120].max()


@pytest.mark.parametrize("name", ["ewma-poisson", "near-oracle", *TRAINED])
def test_a_longer_horizon_holds_a_higher_maximum(name: str) -> None:
    rates = [forecast(name, horizon_s).rate_rps for horizon_s in (2, 20, 120)]
    assert rates == sorted(rates)
    assert rates[0] < rates[2]


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_forecaster_says_that_it_was_scaled(name: str) -> None:
    assert forecast(name, HORIZON_S).fallback is None
    assert forecast(name, 60).fallback == "trained for 20 s: scaled to 60 s"


def test_the_scale_is_that_of_the_expected_maximum_of_the_noise() -> None:
    many = np.random.default_rng(5).poisson(30, 5000)
    factors = []
    for start in range(0, 4800, 120):
        window = many[start : start + 120]
        at = [
            make_forecaster("quantile-0.5", ForecastContext(horizon_s=horizon_s)).forecast(window).rate_rps
            for horizon_s in (20, 60)
        ]
        factors.append(at[1] / at[0])
    expected = expected_poisson_maximum(30, 60) / expected_poisson_maximum(30, 20)
    assert np.mean(factors) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", [name for name in FORECASTERS if "oracle" not in name])
@given(horizon_s=st.integers(1, 100_000), rate_rps=st.integers(0, 1000))
def test_no_load_is_none_over_any_horizon_and_some_is_some(name: str, horizon_s: int, rate_rps: int) -> None:
    found = make_forecaster(name, ForecastContext(horizon_s=horizon_s)).forecast([rate_rps] * 120).rate_rps
    assert 0 <= found <= 2 * rate_rps
    assert (found > 0) == (rate_rps > 0)


@pytest.mark.parametrize(
    ("change", "horizon_s"), [({}, 20), ({"interval_s": 30.0}, 60), ({"horizon_s": 7}, 7)]
)
def test_a_run_forecasts_over_two_intervals_unless_told_otherwise(change: Any, horizon_s: int) -> None:
    spec = RunSpec(forecaster="oracle", **change)
    assert forecaster_for(spec, np.arange(100)).forecast([], now_s=0).rate_rps == horizon_s - 1


def test_the_record_says_that_a_trained_forecaster_was_scaled() -> None:
    spec = RunSpec(trace="synthetic", interval_s=30.0, duration_s=180, forecaster="lstm")
    assert simulate(spec).decisions[-1].fallback == "trained for 20 s: scaled to 60 s"


@pytest.mark.parametrize("horizon_s", [0, -1, 10**9])
def test_a_horizon_outside_its_range_is_refused(horizon_s: int) -> None:
    with pytest.raises(InvalidValueError, match="horizon_s must be a whole number between 1 and"):
        simulate(RunSpec(trace="synthetic", duration_s=30, horizon_s=horizon_s))
