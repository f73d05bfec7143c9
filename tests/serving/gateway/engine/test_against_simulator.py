"""The engine of the gateway, on simulated time, against the simulator: request by request, visit by visit."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import OUTCOMES
from ipa.serving.gateway.engine import Request
from ipa.simulator import SimulationSettings
from tests.support.simulator_toys import Step, all_settings, graphs, scenarios, simulate
from tests.support.virtual_gateway import VirtualGateway

Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]


def instant(assumed: SimulationSettings) -> SimulationSettings:
    return replace(assumed, network_delay_s=0.0)


def limits_per_stage() -> st.SearchStrategy[SimulationSettings]:
    return all_settings().map(lambda one: replace(one, stage_drop_after_s=(1.0, 1.5, 4.0, 2.0, 6.0)))


def history(requests: Sequence[Request], place: int) -> np.ndarray:
    """Return a row per visit, those of a request in the order of entry."""
    rows = [
        (one.number, visit.enter_s, visit.start_s, visit.end_s, visit.batch)
        for one in requests
        for visit in one.visits[place]
    ]
    return np.array(rows, dtype=float).reshape(-1, 5)


def assert_same_as_simulated(
    pipe: Pipeline, first: Plan, assumed: SimulationSettings, times_s: list[float], steps: list[Step]
) -> None:
    assumed = instant(assumed)
    simulator = simulate(pipe, first, assumed, times_s, steps)
    served = VirtualGateway(pipe, first, assumed).run(times_s, steps)
    records = simulator.records()
    assert [one.outcome for one in served] == [OUTCOMES[code] for code in records.outcome]
    assert [one.place for one in served] == records.dropped_stage.tolist()
    np.testing.assert_array_equal([one.end_s for one in served], records.end_s)
    for place, visits in enumerate(simulator.visits()):
        columns = (visits.request, visits.enter_s, visits.start_s, visits.end_s, visits.batch)
        simulated = np.column_stack(columns)[np.argsort(visits.request, kind="stable")]
        np.testing.assert_array_equal(history(served, place), simulated)


@settings(max_examples=100)
@given(scenarios(changes=0))
def test_chains(scenario: Scenario) -> None:
    assert_same_as_simulated(*scenario)


@settings(max_examples=100)
@given(scenarios(changes=0, pipes=graphs(), assumed=limits_per_stage()))
def test_graphs_with_a_limit_per_stage(scenario: Scenario) -> None:
    assert_same_as_simulated(*scenario)
