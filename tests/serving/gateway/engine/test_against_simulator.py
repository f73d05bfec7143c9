"""The engine of the gateway, on simulated time, against the simulator: request by request, visit by visit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Edge, Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import OUTCOMES
from ipa.serving.gateway.engine import Request
from ipa.serving.gateway.engine.request import VisitState
from ipa.simulator import RequestRecords, SimulationSettings
from tests.support.simulator_toys import (
    Step,
    all_settings,
    graphs,
    pipeline,
    plan,
    scenarios,
    simulate,
    variant,
)
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


def assert_books_balance(gateway: VirtualGateway) -> None:
    """Whoever came is in flight or has ended; whatever is in flight waits or is served; once each."""
    engine, requests = gateway.engine, gateway.requests
    visits = [visit for one in requests for visits in one.visits for visit in visits]
    states = Counter((visit.place, visit.state) for visit in visits)
    outcomes = Counter(one.outcome for one in requests)
    account = engine.account
    assert account.arrived == len(requests) == sum(outcomes.values())
    assert account.in_flight == outcomes["in-flight"]
    assert account.ended == {how: outcomes[how] for how in ("ok", "dropped", "error")}
    assert account.settled == sum(one.settled for one in requests)
    for place, stage in enumerate(engine.stages):
        assert stage.waiting == states[place, VisitState.WAITING]
        assert stage.serving == states[place, VisitState.SERVING]
    for one in requests:
        here = [
            v for visits in one.visits for v in visits if v.state in (VisitState.WAITING, VisitState.SERVING)
        ]
        assert one.present == len(here)
        assert here or not one.in_flight
        assert one.settled == (not here)


def assert_same_records(gateway: VirtualGateway, records: RequestRecords) -> None:
    """The journal tells of each request what the simulator's records do."""
    table = gateway.engine.journal.table().to_pandas().sort_values("arrival_ns", kind="stable")
    table = table.assign(request=table["id"].astype(int)).sort_values("request")
    for place, stage in enumerate(records.stages, 1):
        for column in ("enter_s", "free_s", "start_s", "end_s"):
            expected_s = np.nan_to_num(getattr(stage, column))
            found_s = table[f"{place}_{column[:-2]}_ns"].to_numpy() / 1e9
            np.testing.assert_allclose(found_s, expected_s, atol=2e-9)
        np.testing.assert_array_equal(table[f"{place}_batch"], stage.batch)
        names = np.array([*stage.variants, ""])
        np.testing.assert_array_equal(table[f"{place}_variant"], names[stage.variant])
        if stage.visits is not None:
            np.testing.assert_array_equal(table[f"{place}_visits"], stage.visits)
            np.testing.assert_array_equal(table[f"{place}_on_path"], stage.on_path)


def assert_same_as_simulated(
    pipe: Pipeline, first: Plan, assumed: SimulationSettings, times_s: list[float], steps: list[Step]
) -> None:
    assumed = instant(assumed)
    simulator = simulate(pipe, first, assumed, times_s, steps)
    gateway = VirtualGateway(pipe, first, assumed)
    gateway.clock.after_event = lambda: assert_books_balance(gateway)
    served = gateway.run(times_s, steps)
    records = simulator.records()
    assert [one.outcome for one in served] == [OUTCOMES[code] for code in records.outcome]
    assert [one.place for one in served] == records.dropped_stage.tolist()
    np.testing.assert_array_equal([one.end_s for one in served], records.end_s)
    for place, visits in enumerate(simulator.visits()):
        columns = (visits.request, visits.enter_s, visits.start_s, visits.end_s, visits.batch)
        simulated = np.column_stack(columns)[np.argsort(visits.request, kind="stable")]
        np.testing.assert_array_equal(history(served, place), simulated)
    assert_same_records(gateway, records)


def test_a_chain_under_a_plan_that_changes() -> None:
    times_s = np.cumsum(np.random.default_rng(2).exponential(0.1, 100)).tolist()
    means_s = {1: 0.2, 2: 0.3, 4: 0.5, 8: 0.9}
    variants = [variant("a", means_s, start_up_s=1.0, tail=3.0), variant("b", means_s, 2, start_up_s=0.5)]
    steps = [
        (2.0, plan(("b", 2, 3, 0.1, 2), ("a", 8, 1, 0.4))),
        (6.0, plan(("b", 4, 1, 0.2, 2), ("b", 1, 4, 0.0, 2))),
    ]
    assumed = SimulationSettings(seed=3, drop_after_s=1.5)
    assert_same_as_simulated(
        pipeline(variants, variants), plan(("a", 2, 2, 0.1), ("a", 4, 1, 0.3)), assumed, times_s, steps
    )


def test_branches_that_expire_in_one_instant_count_for_the_earliest_stage() -> None:
    fast, slow = [variant("a", {1: 0.1})], [variant("a", {1: 2.0})]
    # The second request waits in s3 first and in s2 later, until it is too old in both.
    edges = (Edge("s0", "s1"), Edge("s1", "s2"), Edge("s0", "s3"))
    pipe = Pipeline("toy", pipeline(fast, fast, slow, slow).stages, sla_s=1.0, edges=edges)
    first = plan(("a", 1, 4, 0.0), ("a", 1, 4, 0.0), ("a", 1, 1, 0.0), ("a", 1, 1, 0.0))
    assumed = SimulationSettings(service="deterministic", drop_after_s=1.0)
    assert_same_as_simulated(pipe, first, assumed, [0.0, 0.0], [])


@pytest.mark.slow
@settings(max_examples=60)
@given(scenarios())
def test_chains_whose_replicas_batches_and_variants_change(scenario: Scenario) -> None:
    assert_same_as_simulated(*scenario)


@pytest.mark.slow
@settings(max_examples=60)
@given(scenarios(pipes=graphs(), assumed=st.one_of(all_settings(), limits_per_stage())))
def test_graphs_that_thin_multiply_and_join(scenario: Scenario) -> None:
    assert_same_as_simulated(*scenario)
