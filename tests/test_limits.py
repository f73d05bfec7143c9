"""Ranges of sane values: what lies inside, what an error says, and that huge and odd numbers are no trap."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa import limits
from ipa.errors import InvalidValueError, brief
from ipa.limits import Range

RANGES = {name: value for name, value in vars(limits).items() if isinstance(value, Range)}


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_every_range_are_inside_and_what_is_no_number_is_not(name: str) -> None:
    allowed = RANGES[name]
    assert allowed.holds(allowed.low)
    assert allowed.holds(allowed.high)
    for outside in (math.nan, math.inf, -math.inf, -1, -1e-300, 1e308, 10**400, allowed.high * 2):
        assert not allowed.holds(outside)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize(
    "given_value", [math.nan, "3", None, True, 10**5000, [1]], ids=lambda value: brief(value)
)
def test_what_is_refused_is_refused_in_one_short_line(name: str, given_value: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        RANGES[name].check("this", given_value)  # type: ignore[type-var]
    message = str(caught.value)
    assert message.startswith("this must ")
    assert "\n" not in message
    assert len(message) < 200


def test_zero_is_allowed_below_the_range_only_where_it_says_so() -> None:
    assert Range(1e-6, 1, or_zero=True).check("x", 0.0) == 0
    assert not Range(1e-6, 1).holds(0.0)
    assert not Range(1e-6, 1, or_zero=True).holds(1e-320)


def test_whole_numbers_may_be_written_as_floats_but_not_as_fractions() -> None:
    assert Range(1, 10, whole=True).holds(3.0)
    assert not Range(1, 10, whole=True).holds(3.5)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_range_holds_what_lies_between_its_ends(value: float) -> None:
    assert Range(-2.0, 5.0).holds(value) == (-2.0 <= value <= 5.0)


def test_the_message_names_value_range_and_unit() -> None:
    with pytest.raises(
        InvalidValueError, match=r"^cores must be a whole number between 1 and 1,000,000 cores, not 0$"
    ):
        limits.CORES.check("cores", 0)
    with pytest.raises(
        InvalidValueError, match=r"^alpha must be 0 or lie between 1e-30 and 1e\+15, not inf$"
    ):
        limits.WEIGHT.check("alpha", math.inf)


def test_long_values_are_cut_in_messages() -> None:
    assert brief("x" * 50) == "x" * 40 + "... (50 characters)"
    assert brief(10**5000) == "a number of thousands of digits"
