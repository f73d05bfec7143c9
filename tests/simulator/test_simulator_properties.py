"""What holds for every pipeline, plan, load and sequence of reconfigurations."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import DROPPED, EXPIRED, IN_FLIGHT, NONE, OK
from ipa.simulator import Counts, PipelineSimulator, RequestRecords, SimulationSettings, StageRecords
from tests.support.simulator_toys import (
    Step,
    arrivals,
    columns,
    fingerprint,
    pipeline,
    pipelines,
    plan,
    plans,
    scenarios,
    simulate,
    unreal_settings,
    variant,
)

Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]


def either() -> st.SearchStrategy[Scenario]:
    """Return scenarios on ideal and on real clusters."""
    return st.one_of(scenarios(), scenarios(assumed=unreal_settings()))


def event_times(records: RequestRecords) -> np.ndarray:
    times_s = [records.arrival_s, records.end_s]
    times_s += [column for s in records.stages for column in (s.enter_s, s.start_s, s.end_s)]
    every = np.unique(np.concatenate(times_s))
    return every[np.isfinite(every)]


def served(stage: StageRecords) -> np.ndarray:
    return stage.batch > 0


def assert_books_balance(counts: Counts, records: RequestRecords, now_s: float) -> None:
    assert counts.arrived == counts.done + counts.dropped + counts.in_flight
    assert counts.arrived == np.count_nonzero(records.arrival_s < now_s)
    assert counts.done == np.count_nonzero(records.outcome == OK)
    assert counts.dropped == np.count_nonzero(records.outcome == DROPPED)
    for i, stage in enumerate(records.stages):
        gone = ~np.isnan(stage.start_s) | (records.dropped_stage == i)
        assert counts.waiting[i] == np.count_nonzero(~np.isnan(stage.enter_s) & ~gone)


@settings(max_examples=100)
@given(either())
def test_the_books_balance_at_every_event(scenario: Scenario) -> None:
    pipe, first, assumed, times_s, steps = scenario
    end = simulate(*scenario)
    stepped = PipelineSimulator(pipe, first, assumed)
    stepped.offer(times_s)
    moments = [(float(t), None) for t in event_times(end.records())] + list(steps)
    for at_s, new in sorted(moments, key=lambda moment: moment[0]):
        stepped.advance(at_s)
        assert_books_balance(stepped.counts(), stepped.records(), at_s)
        if new:
            stepped.reconfigure(new)
            assert_books_balance(stepped.counts(), stepped.records(), at_s)
    stepped.drain()
    assert stepped.counts().in_flight == 0
    assert fingerprint(stepped.records()) == fingerprint(end.records())


@settings(max_examples=150)
@given(either())
def test_every_request_ends_in_exactly_one_state(scenario: Scenario) -> None:
    records = simulate(*scenario).records()
    answered, dropped = records.outcome == OK, records.outcome == DROPPED
    assert np.all(answered | dropped)
    assert np.array_equal(dropped, records.dropped_stage != NONE)
    assert np.array_equal(dropped, records.reason == EXPIRED)
    assert np.all(np.isfinite(records.end_s))
    for i, stage in enumerate(records.stages):
        reached = answered | (records.dropped_stage > i)
        assert np.array_equal(served(stage), reached)
        assert np.array_equal(np.isfinite(stage.enter_s), reached | (records.dropped_stage == i))
        assert np.array_equal(stage.variant != NONE, reached)


@settings(max_examples=250)
@given(either())
def test_nothing_happens_before_its_cause(scenario: Scenario) -> None:
    records, delay_s = simulate(*scenario).records(), scenario[2].network_delay_s
    before_s = records.arrival_s + scenario[2].cluster.router_delay_s
    for stage in records.stages:
        entered, ok = np.isfinite(stage.enter_s), served(stage)
        np.testing.assert_allclose(stage.enter_s[entered], (before_s + delay_s)[entered], rtol=1e-15)
        assert np.all(stage.start_s[ok] >= stage.enter_s[ok])
        assert np.all(stage.end_s[ok] > stage.start_s[ok])
        before_s = stage.end_s
    ok = records.outcome == OK
    assert np.array_equal(records.end_s[ok], (before_s + delay_s)[ok])


@settings(max_examples=150)
@given(either())
def test_each_stage_serves_first_come_first_served(scenario: Scenario) -> None:
    for stage in simulate(*scenario).records().stages:
        order = np.lexsort((stage.start_s, stage.enter_s))
        start_s = stage.start_s[order][served(stage)[order]]
        assert np.all(np.diff(start_s) >= 0)


@settings(max_examples=150)
@given(either())
def test_the_parts_of_the_latency_add_up(scenario: Scenario) -> None:
    for stage in simulate(*scenario).records().stages:
        ok = served(stage)
        assert np.all(stage.batch_wait_s[ok] >= 0)
        parts_s = stage.queue_s + stage.batch_wait_s + stage.service_s
        np.testing.assert_allclose(parts_s[ok], (stage.end_s - stage.enter_s)[ok], rtol=1e-9, atol=1e-12)


@settings(max_examples=100)
@given(either(), st.floats(1.0, 8.0))
def test_collecting_now_and_then_returns_every_request_once_and_changes_nothing(
    scenario: Scenario, every_s: float
) -> None:
    pipe, first, assumed, times_s, steps = scenario
    simulator, parts = PipelineSimulator(pipe, first, assumed), []
    simulator.offer(times_s)
    plans_at = dict(steps)
    for at_s in sorted({*np.arange(every_s, 40.0, every_s).tolist(), *plans_at}):
        simulator.advance(at_s)
        if at_s in plans_at:
            simulator.reconfigure(plans_at[at_s])
        counts = simulator.counts()
        parts.append(simulator.collect())
        assert simulator.counts() == counts
        assert np.all(parts[-1].outcome != IN_FLIGHT)
    simulator.drain()
    parts.append(simulator.records())
    whole = simulate(pipe, first, assumed, times_s, list(plans_at.items())).records()
    for columns_, expected in zip(zip(*map(columns, parts), strict=True), columns(whole), strict=True):
        np.testing.assert_array_equal(np.concatenate(columns_), expected)


@settings(max_examples=150)
@given(scenarios())
def test_nothing_is_served_after_its_deadline_and_drops_happen_at_it(scenario: Scenario) -> None:
    records, limit_s = simulate(*scenario).records(), scenario[2].drop_after_s
    deadline_s = records.arrival_s + limit_s
    for i, stage in enumerate(records.stages):
        ok, dropped = served(stage), records.dropped_stage == i
        assert np.all(stage.start_s[ok] <= deadline_s[ok])
        assert np.array_equal(records.end_s[dropped], np.maximum(deadline_s, stage.enter_s)[dropped])


@settings(max_examples=150)
@given(scenarios())
def test_a_batch_is_never_larger_than_any_plan_allows_and_has_one_variant(scenario: Scenario) -> None:
    _, first, _, _, steps = scenario
    records = simulate(*scenario).records()
    for i, stage in enumerate(records.stages):
        allowed = max(chosen.stages[i].batch for chosen in (first, *(p for _, p in steps)))
        assert stage.batch.max(initial=0) <= allowed
        ok = served(stage)
        batches, members = np.unique(
            np.column_stack([stage.start_s, stage.end_s, stage.batch, stage.variant])[ok],
            axis=0,
            return_counts=True,
        )
        # Two batches may coincide in all four; each is complete anyway.
        assert np.all(members % batches[:, 2] == 0)


@settings(max_examples=100)
@given(scenarios(changes=0))
def test_no_more_batches_are_served_at_once_than_there_are_replicas(scenario: Scenario) -> None:
    records = simulate(*scenario).records()
    for stage, chosen in zip(records.stages, scenario[1].stages, strict=True):
        ok = served(stage)
        for start_s in np.unique(stage.start_s[ok]):
            now = ok & (stage.start_s <= start_s) & (stage.end_s > start_s)
            assert round(float(np.sum(1 / stage.batch[now]))) <= chosen.replicas


@settings(max_examples=150)
@given(scenarios())
def test_replicas_are_paid_for_at_least_while_they_serve(scenario: Scenario) -> None:
    simulator = simulate(*scenario)
    busy_s = 0.0
    for stage in simulator.records().stages:
        ok = served(stage)
        cores = np.array([1, 2])[stage.variant[ok]]
        busy_s += float(np.sum(cores * (stage.end_s - stage.start_s)[ok] / stage.batch[ok]))
    assert simulator.running_core_seconds() >= busy_s * (1 - 1e-9)


@settings(max_examples=100)
@given(st.data(), either())
def test_the_result_does_not_depend_on_how_time_and_arrivals_are_cut(
    data: st.DataObject, scenario: Scenario
) -> None:
    pipe, first, assumed, times_s, steps = scenario
    cuts = data.draw(st.lists(st.floats(0, 30), max_size=10))
    simulator, offered = PipelineSimulator(pipe, first, assumed), 0
    for at_s, new in sorted([(t, None) for t in cuts] + list(steps), key=lambda cut: cut[0]):
        known = int(np.searchsorted(times_s, at_s))
        simulator.offer(times_s[offered:known])
        offered = known
        simulator.advance(at_s)
        if new:
            simulator.reconfigure(new)
    simulator.offer(times_s[offered:])
    simulator.drain()
    assert fingerprint(simulator.records()) == fingerprint(simulate(*scenario).records())


@settings(max_examples=60)
@given(scenarios())
def test_a_running_plan_is_never_without_a_ready_replica_and_reaches_its_target(scenario: Scenario) -> None:
    pipe, first, assumed, times_s, steps = scenario
    simulator = PipelineSimulator(pipe, first, assumed)
    simulator.offer(times_s)
    for at_s, new in steps:
        simulator.advance(at_s)
        simulator.reconfigure(new)
        running = simulator.running_plan()
        assert running.target == new
        assert all(stage.ready >= 1 for stage in running.stages)
        assert running.settled == all(s.starting == 0 and s.serving == s.target for s in running.stages)
    simulator.advance(100.0)
    assert simulator.running_plan().serving == (steps[-1][1] if steps else first)


@settings(max_examples=30)
@given(st.data())
def test_the_queue_lengths_integrate_to_the_waiting_times(data: st.DataObject) -> None:
    """Little's law as exact accounting: the area under N(t) is the sum of all waits."""
    pipe = data.draw(pipelines())
    first, times_s = data.draw(plans(pipe)), data.draw(arrivals(40))
    assumed = SimulationSettings(seed=3, drop_after_s=data.draw(st.sampled_from([2.0, math.inf])))
    end = simulate(pipe, first, assumed, times_s).records()
    stepped = PipelineSimulator(pipe, first, assumed)
    stepped.offer(times_s)
    waiting_s, serving_s, last_s = np.zeros(len(pipe.stages)), np.zeros(len(pipe.stages)), 0.0
    for at_s in event_times(end):
        stepped.advance(at_s)
        counts = stepped.counts()
        waiting_s += np.array(counts.waiting) * (at_s - last_s)
        serving_s += np.array(counts.serving) * (at_s - last_s)
        last_s = at_s
    for i, stage in enumerate(end.stages):
        left_s = np.where(end.dropped_stage == i, end.end_s, stage.start_s)
        assert math.isclose(waiting_s[i], np.nansum(left_s - stage.enter_s), rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(serving_s[i], np.nansum(stage.end_s - stage.start_s), rel_tol=1e-9, abs_tol=1e-9)


def run_with_seed(seed: int) -> str:
    """Return the fingerprint of a run with drops, batches and a switch."""
    means_s = {1: 0.2, 2: 0.3, 8: 0.9}
    stage = [variant("a", means_s, tail=3.0), variant("b", means_s, cores=2, tail=2.0)]
    first, second = plan(("a", 2, 3, 0.1), ("a", 1, 5, 0.0)), plan(("b", 8, 2, 0.4, 2), ("a", 4, 3, 0.2))
    times_s = np.cumsum(np.random.default_rng(0).exponential(0.06, 2000))
    assumed = SimulationSettings(seed=seed, drop_after_s=3.0)
    records = simulate(
        pipeline(stage, stage), first, assumed, times_s, [(30.0, second), (70.0, first)]
    ).records()
    return fingerprint(records)


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    code = "from test_simulator_properties import run_with_seed; print(run_with_seed(7))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == run_with_seed(7)


def test_another_seed_gives_other_service_times() -> None:
    assert run_with_seed(7) != run_with_seed(8)


def test_stages_have_independent_streams() -> None:
    stage = [variant("a", {1: 0.2}, tail=3.0)]
    first = plan(("a", 1, 1, 0.0), ("a", 1, 1, 0.0))
    records = simulate(pipeline(stage, stage), first, SimulationSettings(), np.arange(500.0)).records()
    one, two = (stage.end_s - stage.start_s for stage in records.stages)
    assert abs(np.corrcoef(np.log(one), np.log(two))[0, 1]) < 0.1


def test_records_do_not_change_when_the_simulation_goes_on() -> None:
    simulator = PipelineSimulator(
        pipeline([variant("a", {1: 0.5})]), plan(("a", 1, 1, 0.0)), SimulationSettings()
    )
    simulator.offer([0.0, 0.1])
    simulator.advance(0.2)
    before = simulator.records()
    kept = [column.copy() for column in columns(before)]
    simulator.drain()
    for now, then in zip(columns(before), kept, strict=True):
        np.testing.assert_array_equal(now, then)
