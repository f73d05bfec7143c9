"""What the clock can and cannot tell apart: tiny, huge and late service times, and arrivals out of order."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import InvalidValueError
from ipa.results.requests import OK
from ipa.simulator import ClusterSettings, PipelineSimulator, SimulationSettings
from tests.support.simulator_toys import fingerprint, pipeline, plan, simulate, variant

EXACT = SimulationSettings(service="deterministic")
ENGINES = ["python", "auto"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("service_s", [1e-300, 1e-12, 1e-6])
def test_a_batch_takes_at_least_one_tick_of_the_clock(service_s: float, engine: str) -> None:
    pipe, first = pipeline([variant("a", {1: service_s})]), plan(("a", 1, 2, 0.0))
    arrivals_s = 1e6 + np.repeat(np.arange(500.0), 2)
    simulator = simulate(pipe, first, replace(EXACT, engine=engine), arrivals_s)
    records, counts = simulator.records(), simulator.counts()
    assert (counts.arrived, counts.done, counts.in_flight) == (1000, 1000, 0)
    assert (records.stages[0].end_s > records.stages[0].start_s).all()
    assert records.latency_s.min() >= np.spacing(1e6)
    assert records.latency_s.max() <= service_s + np.spacing(1e6 + 500)


def test_a_slow_replica_with_a_tiny_factor_takes_a_tick_too() -> None:
    cluster = ClusterSettings(straggler_share=1.0, straggler_factor=1e-6)
    pipe, first = pipeline([variant("a", {1: 1e-9})]), plan(("a", 1, 1, 0.0))
    records = simulate(pipe, first, replace(EXACT, cluster=cluster), [1e6, 1e6]).records()
    assert (records.stages[0].end_s > records.stages[0].start_s).all()
    assert (records.outcome == OK).all()


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from([1e-300, 1e-15, 1e-9, 0.3, 1e5, 1e11]), min_size=1, max_size=3),
    st.sampled_from([0.0, 1.0, 1e6, 1e11]),
    st.sampled_from([1e-300, 0.5, 1e9, math.inf]),
    st.sampled_from(["lognormal", "deterministic", "exponential"]),
    st.integers(0, 1000),
)
def test_the_books_balance_at_every_scale(
    service_s: list[float], start_s: float, drop_after_s: float, service: str, seed: int
) -> None:
    pipe = pipeline(*[[variant("a", {1: time_s, 4: 2 * time_s}, tail=3.0)] for time_s in service_s])
    first = plan(*[("a", 4, 2, 0.1)] * len(service_s))
    assumed = SimulationSettings(seed=seed, service=service, drop_after_s=drop_after_s)
    arrivals_s = start_s + np.sort(np.random.default_rng(seed).uniform(0, 10, 40).round(1))
    simulator = PipelineSimulator(pipe, first, assumed)
    simulator.offer(arrivals_s)
    for at_s in (start_s + 2, start_s + 5, start_s + 20):
        simulator.advance(at_s)
        counts = simulator.counts()
        assert counts.arrived == np.count_nonzero(arrivals_s < at_s)
        assert counts.arrived == counts.done + counts.dropped + counts.in_flight
        assert counts.in_flight == counts.entering + sum(counts.waiting) + sum(counts.serving)
    simulator.drain()
    counts = simulator.counts()
    assert (counts.arrived, counts.in_flight) == (40, 0)
    assert counts.done + counts.dropped == 40
    assert fingerprint(simulator.records()) == fingerprint(
        simulate(pipe, first, assumed, arrivals_s).records()
    )


def test_what_is_too_long_for_the_clock_is_refused() -> None:
    pipe, first = pipeline([variant("a", {1: 1e200})]), plan(("a", 1, 1, 0.0))
    with pytest.raises(InvalidValueError, match="the time of a batch at stage s0 must lie between 0 and"):
        PipelineSimulator(pipe, first, EXACT)
    for value in (math.inf, math.nan, -1.0, 1e7):
        with pytest.raises(InvalidValueError, match="network_delay_s"):
            SimulationSettings(network_delay_s=value)
        with pytest.raises(InvalidValueError, match="dispatch_s"):
            ClusterSettings(dispatch_s=value)


def simulator_of_one() -> PipelineSimulator:
    return PipelineSimulator(pipeline([variant("a", {1: 0.5})]), plan(("a", 1, 1, 0.0)), EXACT)


def test_arrivals_before_one_that_was_offered_are_refused() -> None:
    simulator = simulator_of_one()
    simulator.offer([5.0, 10.0])
    with pytest.raises(InvalidValueError, match=r"7\.0 s; requests up to 10\.0 s"):
        simulator.offer([7.0])
    simulator.offer([10.0, 11.0])
    simulator.advance(20.0)
    assert len(simulator.collect().arrival_s) == 4
    with pytest.raises(InvalidValueError, match=r"it is 20\.0 s already"):
        simulator.offer([19.0])
    simulator.offer([30.0])
    assert simulator.collect().arrival_s.tolist() == []
    with pytest.raises(InvalidValueError, match=r"requests up to 30\.0 s were"):
        simulator.offer([25.0])
    with pytest.raises(InvalidValueError, match="an arrival time must lie between 0 and"):
        simulator.offer([1e13])
    simulator.drain()
    assert simulator.records().latency_s.tolist() == [0.5]
    assert simulator.counts().arrived == simulator.counts().done == 5
