"""The interval of a quantile, and when it is tight enough."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.profiler.precision import (
    LEAST_BATCHES,
    QuantileInterval,
    StoppingRule,
    needed_count,
    quantile_interval,
)

latencies = st.lists(st.floats(0.001, 10), min_size=1, max_size=600)


def test_a_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    # The textbook interval: 2 <= k <= 9 with probability 0.979 (binomial, 10, 1/2).
    interval = quantile_interval(range(1, 11), quantile=0.5)
    assert (interval.low, interval.value, interval.high) == (2, 5.5, 9)


@pytest.mark.parametrize(("count", "closed"), [(367, False), (368, True)])
def test_the_p99_has_an_upper_end_from_368_values_on(count: int, closed: bool) -> None:
    assert needed_count() == 368
    assert math.isfinite(quantile_interval(range(count)).high) == closed


@given(latencies, st.randoms())
def test_the_order_of_the_values_does_not_matter_and_the_value_lies_inside(
    values: list[float], rng: "np.random.Generator"
) -> None:
    interval = quantile_interval(values)
    rng.shuffle(values)
    assert quantile_interval(values) == interval
    assert interval.low <= interval.value <= interval.high


@given(latencies, st.floats(0.5, 2))
def test_the_interval_scales_with_the_values(values: list[float], factor: float) -> None:
    one, other = quantile_interval(values), quantile_interval([factor * value for value in values])
    assert other.value == pytest.approx(factor * one.value)
    assert other.low == pytest.approx(factor * one.low)
    assert other.high == pytest.approx(factor * one.high)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_the_interval_covers_the_truth_as_often_as_it_says(spread: float) -> None:
    rng = np.random.default_rng(0)
    truth = math.exp(spread * 2.3263478740408408)
    intervals = [quantile_interval(rng.lognormal(0, spread, 600)) for _ in range(1000)]
    covered = sum(interval.low <= truth <= interval.high for interval in intervals)
    # At least 95 %; the steps of a binomial distribution make it a little more.
    assert 945 <= covered <= 985


def test_constant_values_are_known_exactly_once_there_are_enough() -> None:
    assert quantile_interval([0.2] * 368).relative_half_width == 0
    assert quantile_interval([0.2] * 367).relative_half_width == math.inf


def test_no_value_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least one value"):
        quantile_interval([])


@pytest.mark.parametrize("precision", [0, 1, -0.1, math.nan])
def test_a_precision_that_means_nothing_is_refused(precision: float) -> None:
    with pytest.raises(InvalidValueError, match="precision must lie between 0 and 1"):
        StoppingRule(precision=precision)


@pytest.mark.parametrize("budget_s", [0, -1, math.inf, math.nan])
def test_a_budget_that_is_no_time_is_refused(budget_s: float) -> None:
    with pytest.raises(InvalidValueError, match="budget must be a positive time"):
        StoppingRule(budget_s=budget_s)


def test_precise_is_an_interval_of_at_most_twice_the_precision() -> None:
    rule = StoppingRule(precision=0.05)
    assert rule.is_precise(QuantileInterval(1.0, 0.96, 1.05, 400))
    assert not rule.is_precise(QuantileInterval(1.0, 0.9, 1.05, 400))
    assert not rule.is_precise(QuantileInterval(1.0, 0.9, math.inf, 100))


@given(st.integers(0, 10_000), st.floats(1e-6, 100))
def test_a_look_comes_before_the_budget_is_spent(count: int, elapsed_s: float) -> None:
    rule = StoppingRule(budget_s=60)
    more = rule.next_batches(count, elapsed_s)
    if count < LEAST_BATCHES:
        assert more == LEAST_BATCHES - count
    else:
        assert more == 0 or elapsed_s + more * elapsed_s / count <= rule.budget_s
        assert more <= max(math.ceil(count / 4), LEAST_BATCHES)
