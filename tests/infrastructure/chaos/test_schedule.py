"""The schedule holds every event that it should, at times that leave room for each fault."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infrastructure.chaos.kinds import FULL_S, KINDS
from infrastructure.chaos.schedule import RECOVERY_S, SHORTEST_RUN_S, Event, make_schedule

LENGTHS = st.floats(SHORTEST_RUN_S, 2 * FULL_S)
SEEDS = st.integers(0, 10_000)


def faults(schedule: tuple[Event, ...]) -> list[Event]:
    return [event for event in schedule if KINDS[event.kind].is_fault]


def test_a_full_run_holds_what_was_asked_for() -> None:
    assert Counter(event.kind for event in make_schedule(FULL_S)) == {
        "plan-change": 30,
        "pod-kill": 10,
        "controller-kill": 3,
        "gateway-restart": 2,
        "api-server-down": 1,
        "prometheus-down": 1,
        "node-drain": 1,
        "etcd-compaction": 1,
    }
    lasting = {event.kind: event.lasts_s for event in make_schedule(FULL_S) if event.lasts_s}
    assert lasting == {"api-server-down": 30, "prometheus-down": 60, "node-drain": 60}


def test_the_seed_decides() -> None:
    assert make_schedule(FULL_S, 1) == make_schedule(FULL_S, 1)
    assert make_schedule(FULL_S, 1) != make_schedule(FULL_S, 2)


@given(LENGTHS, SEEDS)
def test_every_kind_happens_within_the_run_in_order_and_numbered(duration_s: float, seed: int) -> None:
    schedule = make_schedule(duration_s, seed)
    assert {event.kind for event in schedule} == set(KINDS)
    assert [event.due_s for event in schedule] == sorted(event.due_s for event in schedule)
    assert schedule[0].due_s > 0
    assert all(event.due_s + event.lasts_s < duration_s for event in schedule)
    for kind in KINDS:
        assert [event.number for event in schedule if event.kind == kind] == list(
            range(KINDS[kind].count_in(duration_s))
        )


@given(LENGTHS, SEEDS)
def test_no_fault_begins_before_the_one_before_it_is_over(duration_s: float, seed: int) -> None:
    for before, after in pairwise(faults(make_schedule(duration_s, seed))):
        assert after.due_s >= before.due_s + before.lasts_s


@given(SEEDS)
def test_in_a_full_run_every_fault_has_its_recovery_to_itself(seed: int) -> None:
    for before, after in pairwise(faults(make_schedule(FULL_S, seed))):
        assert after.due_s >= before.due_s + before.lasts_s + RECOVERY_S - 0.01


@example(92.5, 0)
@given(LENGTHS, SEEDS)
def test_no_plan_is_asked_for_while_the_api_server_is_away(duration_s: float, seed: int) -> None:
    schedule = make_schedule(duration_s, seed)
    away = next(event for event in schedule if event.kind == "api-server-down")
    changes_s = [event.due_s for event in schedule if event.kind == "plan-change"]
    end_s = away.due_s + away.lasts_s + RECOVERY_S
    assert not any(away.due_s <= due_s < end_s - 0.01 for due_s in changes_s)


def test_a_run_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 60 s, not 30 s"):
        make_schedule(30)
