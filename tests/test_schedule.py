"""Ticks on a clock that may be late or jump."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ipa.schedule import Schedule

seconds = st.floats(-1e5, 1e5)


def test_ticks_are_at_equal_distances_up_to_and_including_the_end() -> None:
    schedule = Schedule.between(3.0, 3.0 + 0.1 * 30, 0.1)
    now_s, due = 3.0, []
    while (tick := schedule.next(now_s)) is not None:
        now_s = tick[0]
        due.append(now_s)
    assert due == [3.0 + n * 0.1 for n in range(1, 31)]
    assert schedule.skipped == 0


def test_a_tick_that_has_just_passed_is_done_late_and_one_long_passed_is_skipped() -> None:
    schedule = Schedule.between(0.0, 100.0, 10.0)
    assert schedule.next(10.05) == (10.0, 0)
    assert schedule.next(20.2) == (30.0, 1)


def test_without_an_end_there_is_always_a_next_tick() -> None:
    schedule = Schedule.between(0.0, math.inf, 10.0)
    assert schedule.next(1e7) == (1e7, 999_999)
    assert schedule.next(1e7) == (1e7 + 10, 0)


def test_an_end_before_the_start_has_no_tick() -> None:
    assert Schedule.between(5.0, 4.0, 10.0).next(5.0) is None


@given(st.lists(seconds, max_size=60), st.floats(0.1, 100), st.integers(0, 50))
def test_whatever_the_clock_shows_ticks_come_once_and_are_never_due_in_a_burst(
    shown_s: list[float], interval_s: float, ticks: int
) -> None:
    schedule = Schedule.between(0.0, ticks * interval_s, interval_s)
    done = 0
    for now_s in shown_s:
        tick = schedule.next(now_s)
        if tick is None:
            break
        done += 1
        due_s, skipped = tick
        assert skipped >= 0
        assert now_s - 0.02 * interval_s <= due_s <= now_s + interval_s * (1 + 1e-6) + 1e-6
        assert done + schedule.skipped == schedule.tick <= ticks
    assert done + schedule.skipped <= ticks
