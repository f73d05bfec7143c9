"""Arrival processes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.workload import ARRIVAL_PROCESSES, arrival_times

rates = st.lists(st.integers(0, 60), min_size=1, max_size=50)
seeds = st.integers(0, 2**32)


@given(rates, seeds, st.sampled_from(["poisson", "uniform"]))
def test_each_second_gets_exactly_its_requests(rates_rps: list[int], seed: int, process: str) -> None:
    times_s = arrival_times(rates_rps, process, seed)
    assert np.bincount(times_s.astype(int), minlength=len(rates_rps)).tolist() == rates_rps


@pytest.mark.parametrize("process", list(ARRIVAL_PROCESSES))
@given(rates_rps=rates, seed=seeds)
def test_times_are_sorted_complete_and_repeatable(process: str, rates_rps: list[int], seed: int) -> None:
    times_s = arrival_times(rates_rps, process, seed)
    assert times_s.shape == (sum(rates_rps),)
    assert times_s.dtype == np.float64
    assert (np.diff(times_s) >= 0).all()
    assert times_s.tobytes() == arrival_times(rates_rps, process, np.random.default_rng(seed)).tobytes()


class LastMoment(np.random.Generator):
    """Draws the largest number below 1, always."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, size: Any = None, *_: Any, **__: Any) -> Any:
        return np.full(size, np.nextafter(1, 0))


def test_a_poisson_arrival_at_the_last_moment_stays_in_its_second() -> None:
    times_s = ARRIVAL_PROCESSES["poisson"](np.repeat([0, 1], [5000, 1]), LastMoment())
    assert times_s.astype(int).tolist() == [5000]


def test_poisson_places_requests_uniformly_and_independently() -> None:
    inside_s = arrival_times(np.full(2000, 20), "poisson", 1) % 1
    assert inside_s.mean() == pytest.approx(1 / 2, abs=0.005)
    assert inside_s.var() == pytest.approx(1 / 12, abs=0.002)
    gaps_s = np.diff(arrival_times(np.random.default_rng(2).poisson(20, 2000), "poisson", 3))
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(1, abs=0.02)


@given(st.integers(1, 100), st.integers(1, 20))
def test_uniform_keeps_one_gap_at_a_constant_rate(rate_rps: float, n_s: int) -> None:
    times_s = arrival_times([rate_rps] * n_s, "uniform")
    assert np.allclose(np.diff(times_s, prepend=-0.5 / rate_rps), 1 / rate_rps)


def test_a_paper_burst_waits_an_exponential_of_mean_one_over_rate() -> None:
    waits_s = arrival_times([50] + [0] * 10, "paper-burst", 4)
    assert waits_s.min() > 0
    many = np.concatenate([arrival_times([50], "paper-burst", seed) for seed in range(400)])
    assert many.mean() == pytest.approx(1 / 50, rel=0.03)
    assert many.std() == pytest.approx(1 / 50, rel=0.05)


def test_a_paper_burst_may_reach_into_later_seconds() -> None:
    times_s = arrival_times([1] * 1000, "paper-burst", 5)
    assert (np.bincount(times_s.astype(int)) > 1).any()


@pytest.mark.parametrize(
    ("rates_rps", "message"),
    [
        ([3, -1], "must not be negative, got -1 in second 1"),
        ([1.5], "must be whole numbers"),
        ([], "non-empty"),
        ([[1, 2]], "non-empty list of seconds, got shape"),
    ],
)
def test_impossible_rates_are_refused(rates_rps: list[int], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        arrival_times(rates_rps)


def test_an_unknown_process_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="allowed: poisson, uniform, paper-burst"):
        arrival_times([1], "possion")
