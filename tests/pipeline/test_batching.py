"""The batching and dropping rule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.pipeline.batching import BatchPolicy
from ipa.pipeline.plan import StagePlan

times = st.floats(0, 1e6)


def test_a_full_batch_leaves_at_once() -> None:
    assert BatchPolicy(4, wait_s=9.0).take(waiting=4, oldest_s=1.0, now_s=1.0) == 4


def test_a_partial_batch_waits_until_the_oldest_has_waited_long_enough() -> None:
    policy = BatchPolicy(4, wait_s=0.5)
    assert policy.take(waiting=3, oldest_s=1.0, now_s=math.nextafter(1.5, 0)) == 0
    assert policy.take(waiting=3, oldest_s=1.0, now_s=1.5) == 3


def test_a_longer_queue_gives_no_larger_batch() -> None:
    assert BatchPolicy(4).take(waiting=100, oldest_s=0.0, now_s=9.0) == 4


def test_an_empty_queue_gives_no_batch() -> None:
    assert BatchPolicy(1).take(waiting=0, oldest_s=0.0, now_s=9.0) == 0


def test_a_batch_of_one_never_waits() -> None:
    assert BatchPolicy(1, wait_s=60.0).take(waiting=1, oldest_s=3.0, now_s=3.0) == 1


def test_a_request_expires_just_after_its_deadline() -> None:
    policy = BatchPolicy(1, drop_after_s=2.0)
    assert policy.deadline_s(3.0) == 5.0
    assert not policy.expired(3.0, 5.0)
    assert policy.expired(3.0, math.nextafter(5.0, 6.0))


def test_nothing_expires_without_a_limit() -> None:
    assert not BatchPolicy(1).expired(0.0, 1e12)


@given(st.integers(1, 64), times, st.integers(0, 200), times, times)
def test_a_batch_is_never_larger_than_allowed_or_than_the_queue(
    batch: int, wait_s: float, waiting: int, oldest_s: float, now_s: float
) -> None:
    taken = BatchPolicy(batch, wait_s).take(waiting, oldest_s, now_s)
    assert 0 <= taken <= min(batch, waiting)


@given(st.integers(1, 64), times, st.integers(1, 200), times)
def test_a_queue_that_is_due_is_served(batch: int, wait_s: float, waiting: int, oldest_s: float) -> None:
    policy = BatchPolicy(batch, wait_s)
    assert policy.take(waiting, oldest_s, policy.due_s(oldest_s)) == min(waiting, batch)


def test_a_stage_plan_determines_the_policy() -> None:
    plan = StagePlan("detect", "small", batch=8, replicas=2, cores=1, batch_wait_s=0.7)
    assert BatchPolicy.of(plan, drop_after_s=4.0) == BatchPolicy(8, 0.7, 4.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 0.0, 1.0), "batch is 0"),
        ((1, -0.1, 1.0), "wait_s is -0.1"),
        ((1, math.inf, 1.0), "wait_s is inf"),
        ((1, math.nan, 1.0), "wait_s is nan"),
        ((1, 0.0, 0.0), "drop_after_s is 0.0"),
        ((1, 0.0, math.nan), "drop_after_s is nan"),
    ],
)
def test_a_value_outside_its_domain_is_an_error(values: tuple[int, float, float], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        BatchPolicy(*values)
