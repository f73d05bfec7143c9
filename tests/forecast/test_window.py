"""Warm-up and damaged histories."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.forecast import FORECASTERS, WINDOW_S, Forecast, ForecastContext, WindowForecaster, make_forecaster
from ipa.forecast.window import LARGEST_RPS, Prediction, clean_window, falling

LOOKING_BACK = [*(name for name in FORECASTERS if "oracle" not in name), "quantile-0.05", "quantile-0.995"]

RAISED = "raised to the median of the last 10 s"
anything = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=150)
rates = st.lists(st.integers(0, 400), min_size=WINDOW_S, max_size=WINDOW_S + 20)


@pytest.mark.parametrize("name", LOOKING_BACK)
@given(history_rps=anything)
def test_whatever_the_history_holds_the_forecast_is_a_finite_rate(name: str, history_rps: list[Any]) -> None:
    forecast = make_forecaster(name).forecast(history_rps)
    assert math.isfinite(forecast.rate_rps)
    assert forecast.rate_rps >= 0
    assert forecast.forecaster == name


@pytest.mark.parametrize("name", LOOKING_BACK)
@given(history_rps=rates)
def test_only_the_last_two_minutes_count(name: str, history_rps: list[Any]) -> None:
    forecaster = make_forecaster(name)
    assert forecaster.forecast(history_rps) == forecaster.forecast(np.array(history_rps[-WINDOW_S:]))


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_a_young_run_is_forecast_by_its_maximum_so_far(name: str) -> None:
    assert make_forecaster(name).forecast([3, 9, *[1] * 117]) == Forecast(
        9.0, name, "warm-up: maximum so far"
    )
    older = make_forecaster(name).forecast([3, 9, *[1] * 118])
    assert "warm-up" not in (older.fallback or "")


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_an_empty_history_is_forecast_as_no_load(name: str) -> None:
    assert make_forecaster(name).forecast([]) == Forecast(0.0, name, "warm-up: maximum so far")


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_a_history_without_a_usable_second_is_forecast_as_no_load(name: str) -> None:
    assert make_forecaster(name).forecast([math.nan] * 120) == Forecast(0.0, name, "no usable history")


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_a_damaged_history_is_forecast_like_the_repaired_one_and_says_so(name: str) -> None:
    damaged = [math.nan, math.nan, *[5] * 50, -3, *[8] * 60, math.inf, *[6] * 6]
    repaired = [5, 5, *[5] * 50, 5, *[8] * 60, 8, *[6] * 6]
    forecast = make_forecaster(name).forecast(damaged)
    assert forecast.rate_rps == make_forecaster(name).forecast(repaired).rate_rps
    assert forecast.fallback is not None
    assert forecast.fallback.endswith("4 unusable seconds repaired")


def test_warm_up_and_repair_are_both_reported() -> None:
    forecast = make_forecaster("max").forecast([4, math.nan, 2])
    assert forecast.fallback == "warm-up: maximum so far; 1 unusable seconds repaired"
    assert forecast.rate_rps == 4


@given(anything)
def test_a_repaired_window_holds_only_values_of_the_history(history_rps: list[Any]) -> None:
    window, repair = clean_window(history_rps)
    usable = [x for x in history_rps[-WINDOW_S:] if 0 <= x <= LARGEST_RPS]
    assert set(window) <= set(usable)
    assert len(window) == (len(history_rps[-WINDOW_S:]) if usable else 0)
    assert (repair is None) == (len(usable) == len(history_rps[-WINDOW_S:]))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (math.nan, Forecast(7.0, "rule", "rule gave no number: maximum")),
        (math.inf, Forecast(7.0, "rule", "rule gave no number: maximum")),
        (-0.5, Forecast(0.0, "rule", "negative prediction raised to 0")),
        (12.5, Forecast(12.5, "rule", None)),
    ],
)
def test_a_rule_that_answers_nonsense_is_replaced(answer: Any, expected: Any) -> None:
    assert WindowForecaster("rule", lambda _window: answer).forecast([*[2] * 119, 7]) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (1.0, Forecast(4.0, "rule", f"prediction 1 {RAISED}")),
        (-900.0, Forecast(4.0, "rule", f"prediction -900 {RAISED}")),
        (41.0, Forecast(40.0, "rule", "prediction 41 cut to 2 times the maximum seen")),
        (math.nan, Forecast(20.0, "rule", "rule gave no number: maximum")),
        (4.0, Forecast(4.0, "rule", None)),
        (40.0, Forecast(40.0, "rule", None)),
        (Prediction(7.0, "odd"), Forecast(7.0, "rule", "odd")),
        (
            Prediction(1.0, "odd"),
            Forecast(4.0, "rule", f"prediction 1 {RAISED}; odd"),
        ),
    ],
)
def test_a_guarded_rule_stays_near_the_load_that_is_there(answer: Any, expected: Any) -> None:
    guarded = WindowForecaster("rule", lambda _window: answer, guarded=True)
    assert guarded.forecast([*[2] * 108, 20, 20, *[4] * 10]) == expected


@pytest.mark.parametrize(("guarded", "seen_rps"), [(True, 24.0), (False, 800.0)])
def test_a_guarded_rule_takes_one_second_for_no_more_than_three_times_the_next(
    guarded: Any, seen_rps: Any
) -> None:
    highest = WindowForecaster("rule", lambda window: float(window.max()), guarded=guarded)
    forecast = highest.forecast([*[8] * 119, 800])
    assert forecast.rate_rps == seen_rps
    assert forecast.fallback == ("one second of 800 rps taken for 24" if guarded else None)


def test_two_high_seconds_are_load() -> None:
    highest = WindowForecaster("rule", lambda window: float(window.max()), guarded=True)
    assert highest.forecast([*[8] * 118, 800, 700]) == Forecast(800.0, "rule", None)


@pytest.mark.parametrize("history_rps", [[[1, 2], [3, 4]], 5, ["a", "b"], [[1], [2, 3]]])
def test_what_is_no_list_of_numbers_is_refused(history_rps: list[Any]) -> None:
    with pytest.raises(InvalidValueError, match="the history must be a list of"):
        make_forecaster("max").forecast(history_rps)


def test_an_unmeasured_second_may_be_none() -> None:
    assert make_forecaster("max").forecast([None, 3]).rate_rps == 3


def test_an_unknown_forecaster_names_the_known_ones() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"last, max, mean, ewma-poisson, linear, lstm, mlp, quantile, oracle.*quantile-<level>",
    ):
        make_forecaster("liner")


def test_a_new_forecaster_is_a_rule_under_a_name() -> None:
    with FORECASTERS.temporarily("median"):
        FORECASTERS.register("median", lambda _context: WindowForecaster("median", np.median))
        assert make_forecaster("median", ForecastContext()).forecast([1] * 61 + [9] * 59).rate_rps == 1


@pytest.mark.parametrize("name", [*LOOKING_BACK, "quantile-0.5", "quantile-0.9", "quantile-0.95"])
@given(high_rps=st.integers(1, 500), share=st.floats(0, 0.99), since_s=st.integers(1, 119))
def test_a_load_that_steps_down_is_not_forecast_above_what_was_seen(
    name: str, high_rps: int, share: float, since_s: int
) -> None:
    history_rps = [high_rps] * (WINDOW_S - since_s) + [int(share * high_rps)] * since_s
    assert make_forecaster(name).forecast(history_rps).rate_rps <= high_rps


@pytest.mark.parametrize("name", ["ewma-poisson", "linear", "lstm", "mlp", "quantile-0.9", "quantile-0.995"])
@given(
    seed=st.integers(0, 999),
    high_rps=st.integers(20, 300),
    share=st.floats(0, 0.4),
    since_s=st.integers(5, 40),
)
def test_a_noisy_load_that_stops_is_not_forecast_above_what_was_seen(
    name: str, seed: int, high_rps: int, share: float, since_s: int
) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.poisson(high_rps, WINDOW_S - since_s), rng.poisson(share * high_rps, since_s)
    assert make_forecaster(name).forecast([*before, *after]).rate_rps <= before.max()


def test_a_load_that_falls_is_cut_to_the_maximum_seen_and_says_so() -> None:
    guarded = WindowForecaster("rule", lambda _window: 90.0, guarded=True)
    forecast = guarded.forecast([*[50] * 100, *[5] * 20])
    assert forecast == Forecast(50.0, "rule", "prediction 90 cut to the maximum seen: the load falls")


def test_noise_around_a_constant_mean_is_hardly_ever_taken_for_a_fall() -> None:
    windows = np.random.default_rng(6).poisson(30, (2000, WINDOW_S)).astype(float)
    assert np.mean([falling(window) for window in windows]) < 0.02
