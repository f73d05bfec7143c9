"""The simulator against an independent SimPy model of the same pipeline, request by request."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_toys import Step, all_settings, arrivals, pipeline, pipelines, plan, plans, simulate, variant
from simulator_twin import Twin

from ipa.pipeline import Pipeline
from ipa.plan import Plan
from ipa.simulator import SimulationSettings
from ipa.simulator.log import OUTCOMES


def assert_same_as_twin(
    pipe: Pipeline, first: Plan, assumed: SimulationSettings, times_s: list[float], steps: list[Step]
) -> None:
    records = simulate(pipe, first, assumed, times_s, steps).records()
    twins = Twin(pipe, first, assumed).run(times_s, steps)
    assert [OUTCOMES[code] for code in records.outcome] == [twin.outcome for twin in twins]
    assert records.dropped_stage.tolist() == [twin.dropped_stage for twin in twins]
    np.testing.assert_allclose(records.end_s, [twin.end_s for twin in twins], rtol=1e-9)
    for i, stage in enumerate(records.stages):
        ours = np.column_stack([stage.enter_s, stage.start_s, stage.end_s, stage.batch])
        np.testing.assert_allclose(ours, [twin.history[i] for twin in twins], rtol=1e-9, atol=1e-12)


@settings(max_examples=250)
@given(st.data())
def test_every_request_has_the_times_of_the_simpy_model(data: st.DataObject) -> None:
    pipe = data.draw(pipelines())
    assert_same_as_twin(pipe, data.draw(plans(pipe)), data.draw(all_settings()), data.draw(arrivals()), [])


@settings(max_examples=150)
@given(st.data())
def test_the_simpy_model_agrees_when_replicas_and_batches_change(data: st.DataObject) -> None:
    pipe = data.draw(pipelines())
    current = first = data.draw(plans(pipe, names="a"))
    steps = []
    for at_s in sorted(data.draw(st.lists(st.floats(0, 25), min_size=1, max_size=4))):
        drawn = data.draw(plans(pipe, names="a"))
        current = Plan(
            tuple(
                replace(new, replicas=old.replicas + data.draw(st.integers(0, 2)))
                for old, new in zip(current.stages, drawn.stages, strict=True)
            )
        )
        steps.append((at_s, current))
    assert_same_as_twin(pipe, first, data.draw(all_settings()), data.draw(arrivals()), steps)


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
