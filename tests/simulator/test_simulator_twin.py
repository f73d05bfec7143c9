"""The simulator against an independent SimPy model of the same pipeline, request by request."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import OUTCOMES
from ipa.simulator import SimulationSettings
from tests.support.simulator_toys import (
    Step,
    all_settings,
    arrivals,
    graphs,
    pipeline,
    pipelines,
    plan,
    plans,
    scenarios,
    simulate,
    unreal_settings,
    variant,
)
from tests.support.simulator_twin import Twin

Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]


def assert_same_as_twin(
    pipe: Pipeline, first: Plan, assumed: SimulationSettings, times_s: list[float], steps: list[Step]
) -> None:
    simulator, twin = simulate(pipe, first, assumed, times_s, steps), Twin(pipe, first, assumed)
    records, twins = simulator.records(), twin.run(times_s, steps)
    assert [OUTCOMES[code] for code in records.outcome] == [t.outcome for t in twins]
    assert records.dropped_stage.tolist() == [t.dropped_stage for t in twins]
    np.testing.assert_allclose(records.end_s, [t.end_s for t in twins], rtol=1e-9)
    for i, stage in enumerate(simulator.visits()):
        order = np.argsort(stage.request, kind="stable")
        ours = np.column_stack([stage.request, stage.enter_s, stage.start_s, stage.end_s, stage.batch])
        visits = [[t.number, *visit.history] for t in twins for visit in t.visits[i]]
        np.testing.assert_allclose(ours[order], np.reshape(visits, (-1, 5)), rtol=1e-9, atol=1e-12)
    twin_core_s = sum(stage.core_seconds(simulator.now_s) for stage in twin.stages)
    assert math.isclose(simulator.running_core_seconds(), twin_core_s, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=250)
@given(st.data())
def test_every_request_has_the_times_of_the_simpy_model(data: st.DataObject) -> None:
    pipe = data.draw(pipelines())
    assert_same_as_twin(pipe, data.draw(plans(pipe)), data.draw(all_settings()), data.draw(arrivals()), [])


@settings(max_examples=300)
@given(scenarios())
def test_the_simpy_model_agrees_when_replicas_batches_and_variants_change(scenario: Scenario) -> None:
    assert_same_as_twin(*scenario)


@settings(max_examples=300)
@given(scenarios(assumed=unreal_settings()))
def test_the_simpy_model_agrees_on_what_real_clusters_do(scenario: Scenario) -> None:
    assert_same_as_twin(*scenario)


@settings(max_examples=200)
@given(scenarios(pipes=graphs(), assumed=st.one_of(all_settings(), unreal_settings())))
def test_the_simpy_model_agrees_on_graphs(scenario: Scenario) -> None:
    """Thinned, multiplied, joined and summed up; with drops, changes of the plan and real clusters."""
    assert_same_as_twin(*scenario)


def test_the_simpy_model_agrees_on_a_long_overloaded_run_with_drops_in_the_middle_of_queues() -> None:
    rng = np.random.default_rng(1)
    times_s = np.cumsum(rng.exponential(0.05, 4000)).tolist()
    means_s = {1: 0.2, 2: 0.3, 4: 0.5, 8: 0.9}
    pipe = pipeline([variant("a", means_s, tail=6.0)], [variant("a", means_s, tail=3.0)])
    first = plan(("a", 2, 3, 0.1), ("a", 4, 2, 0.3))
    assumed = SimulationSettings(seed=5, drop_after_s=1.2)
    assert_same_as_twin(pipe, first, assumed, times_s, [])
    records = simulate(pipe, first, assumed, times_s).records()
    assert min(np.count_nonzero(records.dropped_stage == i) for i in (0, 1)) > 100
