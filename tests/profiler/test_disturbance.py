"""What speaks against a measurement."""

import math

import psutil
import pytest

from ipa.profiler.disturbance import Usage, disturbances, usage_now, uss_mb

QUIET = Usage(busy_s=10.0, stolen_s=0.0, own_s=1.0, replica_s=8.9, clock_s=10.0)


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (QUIET, []),
        (Usage(18.0, 0.0, 1.0, 9.0, 10.0), ["other processes used 0.8 cores"]),
        (Usage(10.0, 1.0, 1.0, 9.0, 10.0), ["the hypervisor took 0.10 cores"]),
        (Usage(10.0, 0.0, 1.0, math.nan, 10.0), []),
        # Clocks of different steps: less in all than by the two that are known.
        (Usage(9.0, 0.0, 1.0, 9.0, 10.0), []),
    ],
)
def test_load_of_others_is_told_with_its_size(used: Usage, told: list[str]) -> None:
    assert list(disturbances(used, [0.1] * 10)) == told


@pytest.mark.parametrize(
    ("second_half_s", "told"),
    [
        (0.1, []),
        (0.105, []),
        (0.12, ["the second half was 20% slower"]),
        (0.05, ["the second half was 50% faster"]),
    ],
)
def test_a_drift_is_told(second_half_s: float, told: list[str]) -> None:
    assert list(disturbances(QUIET, [0.1] * 10 + [second_half_s] * 10)) == told


def test_usage_grows_and_counts_this_process() -> None:
    here = psutil.Process()
    before = usage_now(here)
    while usage_now(here).own_s < before.own_s + 0.05:
        sum(range(1000))
    used = usage_now(here) - before
    assert 0.04 <= used.own_s <= 5
    assert used.replica_s == pytest.approx(used.own_s, abs=0.05)
    assert used.clock_s > 0
    assert math.isnan(usage_now(None).replica_s)


def test_memory_of_this_process_is_some_megabytes() -> None:
    assert 5 < uss_mb(psutil.Process()) < 100_000
