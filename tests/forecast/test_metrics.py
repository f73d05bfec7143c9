"""Judging forecasters."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.forecast import Forecast, ForecastContext, ForecastScore, evaluate, make_forecaster
from ipa.forecast.metrics import broadcast_smape_pct, score, smape_pct


class Recorder:
    """Predicts a constant and notes what it was shown."""

    name = "recorder"

    def __init__(self, rate_rps: float = 10.0) -> None:
        self.rate_rps = rate_rps
        self.seen: list[tuple[float | None, list[Any]]] = []

    def forecast(self, history_rps: list[Any], now_s: float | None = None) -> Any:
        self.seen.append((now_s, list(history_rps)))
        return Forecast(self.rate_rps, self.name)


def test_every_number_of_a_score_by_hand() -> None:
    found = score(np.array([10.0, 6.0, 0.0, 8.0]), np.array([10.0, 10.0, 0.0, 4.0]))
    smape_pct = 100 * (0 + 4 / 8 + 0 + 4 / 6) / 4
    assert found == ForecastScore(pytest.approx(smape_pct), 2.0, 0.0, 0.25, pytest.approx(1.0), 4)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1))
def test_smape_lies_between_0_and_200_and_is_symmetric(pairs: list[tuple[float, float]]) -> None:
    forecast_rps, true_rps = np.array(pairs).T
    found = score(forecast_rps, true_rps)
    assert 0 <= found.smape_pct <= 200 + 1e-9
    assert found.smape_pct == pytest.approx(score(true_rps, forecast_rps).smape_pct)
    assert found.bias_rps == pytest.approx(-score(true_rps, forecast_rps).bias_rps)


def test_a_forecaster_is_asked_every_ten_seconds_and_never_shown_the_future() -> None:
    forecaster = Recorder()
    rates_rps = np.arange(165)
    found = evaluate(forecaster, rates_rps)
    assert [now_s for now_s, _ in forecaster.seen] == [120, 130, 140]
    assert all(history == list(range(now_s - 120, now_s)) for now_s, history in forecaster.seen)
    assert found.n == 3
    assert found.bias_rps == np.mean([10 - 139, 10 - 149, 10 - 159])
    assert found.under_forecast_share == 1


@given(st.lists(st.integers(0, 300), min_size=140, max_size=300))
def test_the_oracle_is_never_wrong(rates_rps: list[int]) -> None:
    rates = np.array(rates_rps)
    found = evaluate(make_forecaster("oracle", ForecastContext(true_rates_rps=rates)), rates)
    assert (found.smape_pct, found.mae_rps, found.bias_rps, found.under_forecast_share) == (0, 0, 0, 0)


def test_a_series_too_short_to_judge_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="139 seconds are too few"):
        evaluate(Recorder(), np.ones(139, dtype=int))


def test_the_pinball_loss_counts_too_low_nine_times() -> None:
    truth = np.array([10.0, 10.0])
    assert score(truth - 2, truth).pinball_rps == pytest.approx(9 * score(truth + 2, truth).pinball_rps)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=20))
def test_the_published_slip_scores_every_forecast_against_every_truth(
    pairs: list[tuple[float, float]],
) -> None:
    forecast_rps, true_rps = np.array(pairs).T
    by_pair = [smape_pct(np.array([f]), np.array([a])) for f in forecast_rps for a in true_rps]
    assert broadcast_smape_pct(forecast_rps, true_rps) == pytest.approx(np.mean(by_pair))


def test_the_published_slip_calls_a_perfect_forecast_wrong() -> None:
    truth = np.array([5.0, 30.0])
    assert smape_pct(truth, truth) == 0
    assert broadcast_smape_pct(truth, truth) > 70
