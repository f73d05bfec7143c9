import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import UnknownNameError
from ipa.optimizer.queueing import QUEUE_TERMS, fill_wait_s, loosening_wait_s


@pytest.mark.parametrize(
    ("batch", "rate_rps", "wait_s"), [(1, 10.0, 0.0), (8, 10.0, 0.7), (2, 0.5, 2.0), (1, 0.0, 0.0)]
)
def test_the_first_request_waits_for_the_others_of_its_batch(
    batch: int, rate_rps: float, wait_s: float
) -> None:
    assert fill_wait_s(batch, rate_rps) == pytest.approx(wait_s)


def test_a_batch_never_fills_without_arrivals() -> None:
    assert math.isinf(fill_wait_s(2, 0.0))
    assert loosening_wait_s(2, 0.0) == math.inf


@given(st.integers(1, 64), st.floats(0.01, 1000))
def test_the_published_term_is_the_negative_of_the_papers(batch: int, rate_rps: float) -> None:
    assert loosening_wait_s(batch, rate_rps) == -fill_wait_s(batch, rate_rps)


def test_an_unknown_term_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="allowed: fill, loosening"):
        QUEUE_TERMS["full"]
