"""What each forecaster predicts."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.forecast import Forecast, ForecastContext, evaluate, make_forecaster
from ipa.forecast.baselines import maximum, mean
from ipa.forecast.ewma_poisson import (
    LARGEST_DISPERSION,
    EwmaPoisson,
    dispersion,
    expected_poisson_maximum,
)

HISTORY = [*[30] * 99, 12, *[8] * 10, 9, *[4] * 8, 5]
CONTEXT = ForecastContext()


@pytest.mark.parametrize(("name", "rate_rps"), [("last", 5), ("max", 9), ("mean", sum(HISTORY) / 120)])
def test_looking_back(name: str, rate_rps: float) -> None:
    assert make_forecaster(name).forecast(HISTORY).rate_rps == pytest.approx(rate_rps)


def test_spans_are_parameters() -> None:
    assert maximum(CONTEXT, span_s=21).forecast(HISTORY).rate_rps == 12
    assert maximum(CONTEXT, span_s=9).forecast(HISTORY).rate_rps == 5
    assert maximum(CONTEXT, span_s=120).forecast(HISTORY).rate_rps == 30
    assert mean(CONTEXT, span_s=2).forecast(HISTORY).rate_rps == 4.5


@given(st.integers(0, 10_000))
def test_a_constant_load_is_forecast_as_it_is_without_noise(rate_rps: float) -> None:
    for name in ("last", "max", "mean", "ewma-poisson"):
        assert make_forecaster(name).forecast([rate_rps] * 120).rate_rps == pytest.approx(rate_rps)


def poisson_distribution(mean: float, upto: int) -> Any:
    return np.cumsum([math.exp(x * math.log(mean) - mean - math.lgamma(x + 1)) for x in range(upto)])


@pytest.mark.parametrize("mean_rps", [0.01, 0.5, 3.0, 44.0, 230.0])
@pytest.mark.parametrize("draws", [1, 2, 20])
def test_the_expected_maximum_agrees_with_the_distribution_function(mean_rps: float, draws: int) -> None:
    below = np.minimum(poisson_distribution(mean_rps, 1000), 1)
    assert expected_poisson_maximum(mean_rps, draws) == pytest.approx((1 - below**draws).sum(), rel=1e-9)


def test_the_expected_maximum_agrees_with_simulation() -> None:
    drawn = np.random.default_rng(0).poisson(44, (100_000, 20)).max(axis=1).mean()
    assert expected_poisson_maximum(44, 20) == pytest.approx(drawn, rel=1e-3)


@pytest.mark.parametrize("mean_rps", [0.0, 1e-9, 1e7])
def test_the_expected_maximum_is_finite_at_both_ends(mean_rps: float) -> None:
    expected = expected_poisson_maximum(mean_rps, 20)
    assert mean_rps <= expected <= 20 * mean_rps * (1 + 1e-6)
    assert expected <= mean_rps + 3 * math.sqrt(mean_rps)


def test_one_draw_is_expected_at_its_mean() -> None:
    assert expected_poisson_maximum(17.3, 1) == pytest.approx(17.3)


@given(st.floats(0.01, 500), st.floats(0.01, 50), st.integers(1, 40))
def test_more_load_and_more_draws_raise_the_expected_maximum(
    mean_rps: float, more_rps: float, draws: int
) -> None:
    expected = expected_poisson_maximum(mean_rps, draws)
    assert expected_poisson_maximum(mean_rps + more_rps, draws) > expected
    assert expected_poisson_maximum(mean_rps, draws + 1) >= expected - 1e-9


@pytest.mark.parametrize("divisor", [1, 8])
def test_ewma_poisson_is_unbiased_on_steady_poisson_load_damped_or_not(divisor: float) -> None:
    rates_rps = np.random.default_rng(1).poisson(240, (400, 140)) // divisor
    rule = EwmaPoisson()
    forecasts = [rule(row[:120].astype(float)) for row in rates_rps]
    assert np.mean(forecasts) == pytest.approx(rates_rps[:, 120:].max(axis=1).mean(), rel=0.01)


def test_ewma_poisson_follows_a_step_faster_with_a_shorter_half_life() -> None:
    window = np.repeat([10.0, 20.0], [110, 10])
    slow, fast = (EwmaPoisson(half_life_s=half_life_s, dispersion=0)(window) for half_life_s in (60, 3))
    assert 10 < slow < 12 < 18 < fast < 20


def test_a_given_dispersion_replaces_the_estimate() -> None:
    window = np.full(120, 44.0)
    assert EwmaPoisson(dispersion=1)(window) == pytest.approx(expected_poisson_maximum(44, 20))


@pytest.mark.parametrize(
    ("now_s", "rate_rps"), [(0, 19), (10, 29), (9.6, 29), (10.4, 29), (85, 99), (99, 99)]
)
def test_the_oracle_sees_the_next_twenty_seconds(now_s: float | None, rate_rps: float) -> None:
    oracle = make_forecaster("oracle", ForecastContext(np.arange(100)))
    assert oracle.forecast([1], now_s) == Forecast(rate_rps, "oracle")


def test_the_oracle_sees_nothing_after_the_end() -> None:
    oracle = make_forecaster("oracle", ForecastContext(np.arange(100)))
    assert oracle.forecast([1], 100) == Forecast(0.0, "oracle", "the workload is over")


@pytest.mark.parametrize("now_s", [None, -1, math.nan])
def test_the_oracle_needs_the_time(now_s: float | None) -> None:
    with pytest.raises(InvalidValueError, match="the oracle needs now_s"):
        make_forecaster("oracle", ForecastContext(np.arange(100))).forecast([1], now_s)


def test_the_oracle_needs_the_future() -> None:
    with pytest.raises(InvalidValueError, match="choose another forecaster"):
        make_forecaster("oracle")


@pytest.mark.parametrize("divisor", [1, 8])
def test_the_near_oracle_knows_the_coming_mean_but_not_the_noise(divisor: float) -> None:
    rates_rps = np.random.default_rng(2).poisson(240, 6000) // divisor
    near_oracle = make_forecaster("near-oracle", ForecastContext(rates_rps))
    found = evaluate(near_oracle, rates_rps)
    assert abs(found.bias_rps) < 0.01 * rates_rps.mean()
    assert 0 < found.smape_pct < evaluate(make_forecaster("max"), rates_rps).smape_pct


def test_the_near_oracle_expects_poisson_noise_where_nothing_was_seen() -> None:
    near_oracle = make_forecaster("near-oracle", ForecastContext(np.full(40, 44)))
    assert near_oracle.forecast([], 0).rate_rps == pytest.approx(expected_poisson_maximum(44, 20))


def test_the_whole_near_oracle_rounds() -> None:
    context = ForecastContext(np.random.default_rng(3).poisson(9, 200))
    history_rps = context.true_rates_rps[:120]
    exact = make_forecaster("near-oracle", context).forecast(history_rps, 120).rate_rps
    assert make_forecaster("near-oracle-whole", context).forecast(history_rps, 120).rate_rps == round(exact)


@pytest.mark.parametrize("name", ["near-oracle", "near-oracle-whole"])
def test_near_oracles_need_future_and_time_and_end_with_the_workload(name: str) -> None:
    with pytest.raises(InvalidValueError, match="choose another forecaster"):
        make_forecaster(name)
    known = make_forecaster(name, ForecastContext(np.arange(100)))
    with pytest.raises(InvalidValueError, match="the oracle needs now_s"):
        known.forecast([1], None)
    assert known.forecast([1], 100) == Forecast(0.0, name, "the workload is over")


def test_one_spike_does_not_pass_for_noise() -> None:
    window = np.full(120, 10.0)
    window[40] = 1000.0
    assert EwmaPoisson()(window) < 40
    assert dispersion(window) == LARGEST_DISPERSION
    assert dispersion(np.zeros(120)) == 0
