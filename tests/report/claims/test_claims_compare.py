"""When a comparison counts."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.report.claims.check import Support
from ipa.report.claims.compare import Order, Orders, at_least, at_most, every, grade, near, order, some
from ipa.results.intervals import Interval, mean_interval

FLOATS = st.floats(-1e3, 1e3)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1.0, 1.1, 0.9], Order.ABOVE),
        ([-1.0, -1.1, -0.9], Order.BELOW),
        ([0.0, 0.0, 0.0], Order.TIED),
        ([1.0, -1.0, 0.5], Order.TIED),
        ([1.0], Order.UNKNOWN),
    ],
)
def test_an_order_counts_beyond_the_interval(differences: list[float], expected: Any) -> None:
    assert order(mean_interval(differences)) is expected


@given(st.lists(FLOATS, min_size=2, max_size=6))
def test_turning_a_difference_around_turns_the_order(differences: list[float]) -> None:
    opposite = {Order.ABOVE: Order.BELOW, Order.BELOW: Order.ABOVE, Order.TIED: Order.TIED}
    found = order(mean_interval(differences))
    assert order(mean_interval([-one for one in differences])) is opposite[found]


@pytest.mark.parametrize(
    ("orders", "support"),
    [
        (Orders(3, 0, 0), Support.SUPPORTED),
        (Orders(3, 1, 0), Support.PARTLY),
        (Orders(3, 0, 1), Support.PARTLY),
        (Orders(0, 3, 0), Support.NO_EFFECT),
        (Orders(1, 3, 1), Support.CONTRADICTED),
        (Orders(0, 0, 1), Support.CONTRADICTED),
        (Orders(3, 0, 0, 1), Support.UNDECIDED),
    ],
)
def test_ties_never_support(orders: Any, support: Support) -> None:
    assert orders.support is support


@given(st.lists(st.sampled_from([Order.ABOVE, Order.BELOW]), max_size=8), st.integers(1, 5))
def test_more_ties_never_make_a_claim_better(orders: Any, ties: int) -> None:
    rank = [Support.CONTRADICTED, Support.NO_EFFECT, Support.PARTLY, Support.SUPPORTED]
    before, after = Orders.of(orders), Orders.of([*orders, *[Order.TIED] * ties])
    assert rank.index(after.support) <= max(rank.index(before.support), rank.index(Support.NO_EFFECT))


@given(FLOATS, st.floats(0, 1e3), FLOATS)
def test_a_limit_within_the_interval_decides_nothing(mean: float, half_width: float, limit: float) -> None:
    value = Interval(mean, half_width, 0.95, 3)
    reached, kept = at_least(value, limit), at_most(value, limit)
    if value.low < limit - 1e-6 < limit + 1e-6 < value.high:
        assert reached is kept is None
    assert near(value, limit, math.inf) is True


def test_three_valued_logic() -> None:
    assert every([True, True]) is True
    assert every([True, None]) is None
    assert every([False, None]) is False
    assert some([True, None]) is True
    assert some([False, None]) is None
    assert some([False, False]) is False


def test_a_grade_is_undecided_where_it_hangs_on_an_interval() -> None:
    assert grade(True) is Support.SUPPORTED
    assert grade(None, True) is Support.UNDECIDED
    assert grade(False, None) is Support.UNDECIDED
    assert grade(False, True) is Support.PARTLY
    assert grade(False) is Support.CONTRADICTED
