"""The simulator against queueing theory."""

import math

import numpy as np
import pytest

from ipa.bench.validate import QueueCase, _simulate, cases
from ipa.simulator import RequestRecords, SimulationSettings
from ipa.simulator.service import lognormal_spread
from tests.support.simulator_toys import pipeline, plan, simulate, variant

pytestmark = pytest.mark.slow

REQUESTS = 200_000


def poisson(rate_rps: float, seed: int = 0, requests: int = REQUESTS) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate_rps, requests))


def one_stage(
    rate_rps: float, replicas: int = 1, batch: int = 1, wait_s: float = 0.0, tail: float = 1.0
) -> RequestRecords:
    """Simulate one stage whose batches of any size take 1 s on average."""
    stage = [variant("a", {1: 1.0, 64: 1.0}, tail=tail)]
    settings = SimulationSettings(seed=11, service="lognormal" if tail > 1 else "deterministic")
    return simulate(
        pipeline(stage), plan(("a", batch, replicas, wait_s)), settings, poisson(rate_rps)
    ).records()


def mean_wait_s(records: RequestRecords) -> float:
    return float(np.mean(records.stages[0].start_s - records.stages[0].enter_s))


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.8])
def test_the_mean_wait_of_an_m_d_1_queue(load: float) -> None:
    assert mean_wait_s(one_stage(load)) == pytest.approx(load / (2 * (1 - load)), rel=0.03)


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_the_mean_wait_of_an_m_g_1_queue_with_log_normal_service(load: float) -> None:
    tail = 3.0
    second_moment = math.exp(lognormal_spread(1.0, tail) ** 2)
    wait_s = load * second_moment / (2 * (1 - load))
    assert mean_wait_s(one_stage(load, tail=tail)) == pytest.approx(wait_s, rel=0.03)


def test_the_replicas_of_an_m_d_c_queue_take_turns() -> None:
    """With constant service, request n starts when it arrives or when request n - c ends."""
    replicas = 3
    stage = one_stage(2.7, replicas=replicas).stages[0]
    start_s = stage.enter_s.copy()
    for n in range(replicas, len(start_s)):
        start_s[n] = max(stage.enter_s[n], start_s[n - replicas] + 1.0)
    np.testing.assert_array_equal(stage.start_s, start_s)


def test_a_batch_fills_in_b_minus_1_inter_arrival_times() -> None:
    """With idle replicas a batch leaves when full: its oldest waits (b - 1)/λ on average, all half of it."""
    rate_rps, batch = 4.0, 8
    records = one_stage(rate_rps, replicas=50, batch=batch, wait_s=1e6)
    assert mean_wait_s(records) == pytest.approx((batch - 1) / rate_rps / 2, rel=0.01)
    oldest_s = (records.stages[0].start_s - records.stages[0].enter_s)[::batch]
    assert np.mean(oldest_s) == pytest.approx((batch - 1) / rate_rps, rel=0.01)


def test_nobody_waits_longer_than_the_batch_wait_while_replicas_are_idle() -> None:
    stage = one_stage(4.0, replicas=50, batch=8, wait_s=0.5).stages[0]
    wait_s = stage.start_s - stage.enter_s
    assert wait_s.max() == pytest.approx(0.5)
    assert {1, 8} < set(stage.batch.tolist())


def test_little_s_law_holds_at_each_stage() -> None:
    stage = [variant("a", {1: 0.2, 8: 0.9}, tail=2.0)]
    times_s = poisson(12.0)
    records = simulate(
        pipeline(stage, stage), plan(("a", 4, 2, 0.1), ("a", 2, 3, 0.1)), SimulationSettings(), times_s
    ).records()
    for i in range(2):
        enter_s, end_s = records.stages[i].enter_s, records.stages[i].end_s
        moments = np.random.default_rng(i).uniform(0, times_s[-1], 100_000)
        present = np.searchsorted(np.sort(enter_s), moments) - np.searchsorted(np.sort(end_s), moments)
        rate_rps = len(times_s) / times_s[-1]
        assert np.mean(present) == pytest.approx(rate_rps * np.mean(end_s - enter_s), rel=0.01)


@pytest.mark.parametrize("tail", [1.2, 2.0, 5.0])
def test_service_times_have_the_mean_and_the_p99_of_the_profile(tail: float) -> None:
    stage = one_stage(0.5, replicas=50, tail=tail).stages[0]
    service_s = stage.end_s - stage.start_s
    assert np.mean(service_s) == pytest.approx(1.0, rel=0.01)
    assert np.quantile(service_s, 0.99) == pytest.approx(tail, rel=0.03)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_a_queue_does_what_theory_says(case: QueueCase) -> None:
    """Averaged over three runs; at 10^6 requests each (`ipa bench validate`) all deviate by less than 1 %."""
    found = [_simulate(case, REQUESTS, seed, "auto") for seed in range(3)]
    assert np.mean(found) == pytest.approx(case.theory, rel=0.02)


def test_an_overloaded_stage_with_a_limit_serves_at_full_speed_and_drops_the_rest() -> None:
    stage = [variant("a", {1: 1.0})]
    settings = SimulationSettings(service="deterministic", drop_after_s=5.0)
    records = simulate(
        pipeline(stage), plan(("a", 1, 1, 0.0)), settings, poisson(2.0, requests=20_000)
    ).records()
    answered = np.count_nonzero(records.outcome == 1)
    assert answered == pytest.approx(records.arrival_s[-1], rel=0.001)
    assert np.nanmax(records.latency_s) <= 6.0
