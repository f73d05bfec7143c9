"""What holds for every graph, plan, load and sequence of reconfigurations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import DROPPED, IN_FLIGHT, OK
from ipa.simulator import PipelineSimulator, RequestRecords, SimulationSettings
from ipa.simulator.itinerary import Itinerary
from tests.support.simulator_toys import (
    Step,
    all_settings,
    columns,
    graphs,
    scenarios,
    simulate,
    unreal_settings,
)

Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]


def on_graphs() -> st.SearchStrategy[Scenario]:
    return scenarios(pipes=graphs(), assumed=st.one_of(all_settings(), unreal_settings()))


def event_times(simulator: PipelineSimulator) -> np.ndarray:
    every = [column for visits in simulator.visits() for column in (visits.enter_s, visits.end_s)]
    every += [simulator.records().arrival_s, simulator.records().end_s]
    times_s = np.unique(np.concatenate(every))
    return times_s[np.isfinite(times_s)]


def assert_same(ours: list[RequestRecords], whole: RequestRecords) -> None:
    for parts, expected in zip(zip(*map(columns, ours), strict=True), columns(whole), strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    for i, stage in enumerate(whole.stages):
        np.testing.assert_array_equal(np.concatenate([r.stages[i].visits for r in ours]), stage.visits)
        np.testing.assert_array_equal(np.concatenate([r.stages[i].on_path for r in ours]), stage.on_path)


@settings(max_examples=60)
@given(on_graphs())
def test_the_books_balance_at_every_event(scenario: Scenario) -> None:
    pipe, first, assumed, times_s, steps = scenario
    end = simulate(*scenario)
    stepped = PipelineSimulator(pipe, first, assumed)
    stepped.offer(times_s)
    moments = [(float(t), None) for t in event_times(end)] + list(steps)
    for at_s, new in sorted(moments, key=lambda moment: moment[0]):
        stepped.advance(at_s)
        counts, records = stepped.counts(), stepped.records()
        assert counts.arrived == np.count_nonzero(records.arrival_s < at_s)
        assert counts.arrived == counts.done + counts.dropped + counts.in_flight
        assert counts.done == np.count_nonzero(records.outcome == OK)
        assert counts.dropped == np.count_nonzero(records.outcome == DROPPED)
        # Whoever has not ended is somewhere.
        assert counts.in_flight <= counts.entering + sum(counts.waiting) + sum(counts.serving)
        if new:
            stepped.reconfigure(new)
    stepped.drain()
    assert stepped.counts().in_flight == 0
    assert sum(stepped.counts().waiting) + sum(stepped.counts().serving) == 0
    assert_same([stepped.records()], end.records())


@settings(max_examples=80)
@given(on_graphs(), st.lists(st.floats(0, 30), max_size=8), st.booleans())
def test_cutting_time_and_collecting_now_and_then_change_nothing(
    scenario: Scenario, cuts: list[float], collects: bool
) -> None:
    pipe, first, assumed, times_s, steps = scenario
    simulator, offered, parts = PipelineSimulator(pipe, first, assumed), 0, []
    for at_s, new in sorted([(t, None) for t in cuts] + list(steps), key=lambda cut: cut[0]):
        known = int(np.searchsorted(times_s, at_s))
        simulator.offer(times_s[offered:known])
        offered = known
        simulator.advance(at_s)
        if new:
            simulator.reconfigure(new)
        if collects:
            counts = simulator.counts()
            parts.append(simulator.collect())
            assert simulator.counts() == counts
            assert np.all(parts[-1].outcome != IN_FLIGHT)
    simulator.offer(times_s[offered:])
    simulator.drain()
    assert_same([*parts, simulator.records()], simulate(*scenario).records())


@settings(max_examples=80)
@given(on_graphs())
def test_the_times_on_the_slowest_path_add_up_to_the_latency(scenario: Scenario) -> None:
    records, assumed = simulate(*scenario).records(), scenario[2]
    ended_s = np.full(len(records.arrival_s), assumed.cluster.router_delay_s)
    for i, stage in enumerate(records.stages):
        here = np.where(records.dropped_stage == i, records.end_s, stage.end_s) - stage.enter_s
        ended_s += np.where(stage.on_path, here + assumed.network_delay_s, 0.0)
    # The way back to the client is gone by those that are answered.
    ended_s += np.where(records.outcome == OK, assumed.network_delay_s, 0.0)
    np.testing.assert_allclose(ended_s, records.end_s - records.arrival_s, rtol=1e-9, atol=1e-9)


@settings(max_examples=60)
@given(on_graphs())
def test_an_answered_request_has_made_the_visits_of_its_itinerary_and_a_dropped_one_no_more(
    scenario: Scenario,
) -> None:
    pipe, _, assumed, times_s, _ = scenario
    records = simulate(*scenario).records()
    drawn = Itinerary(pipe, assumed.seed).visits(np.arange(len(times_s)))
    answered = records.outcome == OK
    for stage, expected in zip(records.stages, drawn, strict=True):
        assert np.array_equal(stage.visits[answered], expected[answered])
        assert np.all(stage.visits <= expected)


@settings(max_examples=25)
@given(graphs(), st.integers(0, 2**32))
def test_visits_per_request_come_out_at_the_rate_factors(pipe: Pipeline, seed: int) -> None:
    count = 40_000
    drawn = Itinerary(pipe, seed).visits(np.arange(count))
    for visits, factor in zip(drawn, pipe.rate_factors().values(), strict=True):
        assert visits.mean() == pytest.approx(factor, abs=6 * visits.std() / np.sqrt(count) + 1e-12)
