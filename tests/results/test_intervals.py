"""Means with confidence intervals."""

import math

import numpy as np
import pytest

from ipa.errors import InvalidValueError
from ipa.results.intervals import mean_interval, paired_interval, student_quantile, wilson_interval


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)],
)
def test_the_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, abs=6e-4)


def test_other_levels_and_the_median() -> None:
    assert student_quantile(0.95, 4) == pytest.approx(2.132, abs=6e-4)
    assert student_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("probability", "degrees"), [(0.4, 3), (1.0, 3), (0.9, 0)])
def test_what_has_no_quantile_is_refused(probability: float, degrees: int) -> None:
    with pytest.raises(InvalidValueError):
        student_quantile(probability, degrees)


def test_an_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = [3.0 in mean_interval(rng.normal(3.0, 2.0, 5)) for _ in range(4000)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_the_ends_and_the_text() -> None:
    found = mean_interval([1.0, 2.0, 3.0, 4.0])
    assert (found.low + found.high) / 2 == found.mean == 2.5
    assert found.half_width == pytest.approx(3.182 * math.sqrt(5 / 3) / 2, rel=1e-3)
    assert str(found) == "2.5 ± 2.1"


def test_a_single_value_has_no_interval_and_none_at_all_is_an_error() -> None:
    assert str(mean_interval([2.5])) == "2.5"
    assert 1e9 in mean_interval([2.5])
    with pytest.raises(InvalidValueError, match="at least one"):
        mean_interval([])


def test_pairs_that_share_their_randomness_differ_less() -> None:
    noise = np.random.default_rng(1).normal(0, 10, 5)
    assert paired_interval(noise + 1.0, noise).half_width < 1e-12
    assert paired_interval(list(noise + 1.0), list(noise)).mean == pytest.approx(1.0)


def test_shares_have_wilson_intervals() -> None:
    """The values are those of R's ``prop.test(x, n, correct = FALSE)``."""
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson_interval(5, 10) == pytest.approx((0.2365931, 0.7634069), abs=1e-6)
    assert wilson_interval(10, 10)[1] == 1.0
    with pytest.raises(InvalidValueError, match="11 of 10 is no share"):
        wilson_interval(11, 10)
