"""What keeps the SLA: exact at its edge, at every length of latencies and whatever the order of stages."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.optimizer.ticks import OUT_OF_REACH, ticks_of
from ipa.optimizer.tolerance import SLA_SHARE, solver_error, tie

LATENCIES_S = st.floats(1e-6, 1e5)


@given(st.lists(LATENCIES_S, min_size=1, max_size=40))
def test_what_meets_the_sla_exactly_always_fits(latencies_s: list[float]) -> None:
    ticks = ticks_of(math.fsum(latencies_s), latencies_s)
    assert sum(map(ticks.of, latencies_s)) <= ticks.limit


@given(st.lists(LATENCIES_S, min_size=1, max_size=40), st.floats(1.0, 10.0))
def test_what_exceeds_the_sla_by_more_than_the_tolerance_never_fits(
    latencies_s: list[float], excess: float
) -> None:
    sla_s = math.fsum(latencies_s) / (1 + SLA_SHARE * excess)
    ticks = ticks_of(sla_s, latencies_s)
    if math.fsum(latencies_s) > sla_s * (1 + SLA_SHARE):
        assert sum(map(ticks.of, latencies_s)) > ticks.limit


@given(st.lists(LATENCIES_S, min_size=1, max_size=12), st.floats(-2e-9, 2e-9), st.integers(0, 10**6))
def test_the_order_of_stages_changes_nothing_at_the_edge(
    latencies_s: list[float], share: float, seed: int
) -> None:
    shuffled = Random(seed).sample(latencies_s, len(latencies_s))
    sla_s = math.fsum(latencies_s) * (1 + share)
    one, other = ticks_of(sla_s, latencies_s), ticks_of(sla_s, shuffled)
    assert one == other
    assert sum(map(one.of, latencies_s)) == sum(map(other.of, shuffled))


@pytest.mark.parametrize("unit_s", [1e-6, 1e-3, 1.0, 1e5])
def test_the_tolerance_is_the_same_share_at_every_length(unit_s: float) -> None:
    ticks = ticks_of(0.3 * unit_s, [0.1 * unit_s, 0.2 * unit_s])
    over = [ticks.of(0.1 * unit_s) + ticks.of((0.2 + excess) * unit_s) for excess in (0.0, 2e-10, 4e-10)]
    assert [total <= ticks.limit for total in over] == [True, True, False]


def test_whatever_is_too_slow_for_any_plan_is_out_of_reach_also_if_infinite() -> None:
    ticks = ticks_of(1e-6, [1e-7])
    assert [ticks.of(slow_s) for slow_s in (1e5, 1e308, math.inf)] == [OUT_OF_REACH] * 3


def test_negative_waits_of_other_stages_widen_the_reach_of_an_option_not_the_limit() -> None:
    plain, loosened = ticks_of(1.0, [0.1, 0.1]), ticks_of(1.0, [0.1, -3.0])
    assert plain.limit / plain.per_s == pytest.approx(1.0)
    assert loosened.limit / loosened.per_s == pytest.approx(1.0)
    assert loosened.reach / loosened.per_s == pytest.approx(4.0)


@pytest.mark.parametrize("sla_s", [0.0, -1.0])
def test_an_sla_of_nothing_is_kept_by_nothing_that_takes_time(sla_s: float) -> None:
    ticks = ticks_of(sla_s, [1e-6])
    assert ticks.of(1e-6) > ticks.limit


def test_ties_are_absolute_for_small_objectives_and_a_share_of_large_ones() -> None:
    assert [tie(value) for value in (0.0, -20.0, -1e9)] == [1e-9, 1e-9, 1e-3]
    assert [solver_error(value) for value in (0.0, -20.0, 1e9)] == [1e-6, 1e-6, 1.0]
