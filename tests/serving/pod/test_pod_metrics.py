"""Arrivals are counted right by any clock, as far as they are remembered."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.serving.pod import pod_metrics
from ipa.serving.pod.pod_metrics import ArrivalTimes

ticks = st.lists(st.integers(0, 400), max_size=60).map(sorted)


@given(ticks=ticks, zero=st.integers(-40, 400), first_s=st.integers(-3, 8), seconds=st.integers(0, 9))
def test_they_are_the_ones_that_lie_in_each_second(
    ticks: list[int], zero: int, first_s: int, seconds: int
) -> None:
    # Times are sixteenths of a second: no rounding.
    times = ArrivalTimes(since_s=2.0)
    for tick in ticks:
        times.add(2.0 + tick / 16)
    counts = times.counts(zero / 16, first_s, first_s + seconds, now_s=20.0)
    for second, count in enumerate(counts, first_s):
        start_s = zero / 16 + second
        if start_s < 2.0 or start_s + 1 > 20.0:
            assert count is None
        else:
            assert count == sum(math.floor(2.0 + tick / 16 - start_s) == 0 for tick in ticks)


def test_what_was_forgotten_is_not_counted_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_metrics, "CHUNK", 10)
    monkeypatch.setattr(pod_metrics, "CHUNKS", 3)
    times = ArrivalTimes(since_s=0.0)
    for number in range(100):
        times.add(number / 4)
    assert times.counts(0.0, 17, 25, now_s=25.0) == [None, 4, 4, 4, 4, 4, 4, 4]
