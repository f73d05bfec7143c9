"""Plans of graphs in the simulator."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ipa.errors import InvalidValueError
from ipa.experiments.resolved import planner_for
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec, stage_deadlines_s
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Edge, Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.simulator import ClusterSettings, PipelineSimulator, SimulationSettings
from ipa.simulator.graph import simulate_graph
from ipa.workload import arrival_times

EXACT = SimulationSettings(service="deterministic")


def stage(name: str, time_s: float) -> Stage:
    profile = Profile(1, (ProfilePoint(1, 2 * time_s, time_s, 1 / time_s),))
    return Stage(name, (Variant("v", 1.0, 1, (profile,)),))


def graph(*times_s: float, edges: tuple[Edge, ...] = ()) -> Pipeline:
    return Pipeline("toy", tuple(stage("abcd"[n], t) for n, t in enumerate(times_s)), 1.0, edges=edges)


def plan(pipeline: Pipeline, replicas: int = 100) -> Plan:
    return Plan(tuple(StagePlan(each.name, "v", 1, replicas, 1) for each in pipeline.stages))


def arrivals(rate_rps: int, duration_s: int, seed: int = 0) -> np.ndarray:
    return arrival_times(np.full(duration_s, rate_rps), "poisson", np.random.default_rng(seed))


def test_a_request_is_answered_when_its_slowest_branch_is() -> None:
    fork = graph(0.1, 0.2, 0.5, edges=(Edge("a", "b"), Edge("a", "c")))
    records = simulate_graph(fork, plan(fork), [0.0, 1.0, 2.0], EXACT)
    assert records.latency_s == pytest.approx([0.6] * 3)
    assert [len(visits.request) for visits in records.stages] == [3, 3, 3]
    assert records.violation_share(0.6 + 1e-9) == 0
    assert records.violation_share(0.59) == 1


DIAMOND = (Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d"))


def test_where_branches_meet_a_request_is_served_once_when_both_are_done() -> None:
    diamond = graph(0.1, 0.2, 0.5, 0.1, edges=DIAMOND)
    records = simulate_graph(diamond, plan(diamond), [0.0], EXACT)
    assert records.stages[3].enter_s == pytest.approx([0.6])
    assert records.latency_s == pytest.approx([0.7])


def test_a_join_does_not_know_beforehand_that_a_branch_will_send_nothing() -> None:
    """Stage b may send to c once it is done; only then is it known whether d has to wait for c."""
    edges = (Edge("a", "b"), Edge("b", "c", 0.5), Edge("a", "d"), Edge("c", "d"))
    pipeline = graph(0.1, 1.0, 0.5, 0.1, edges=edges)
    records = simulate_graph(pipeline, plan(pipeline), np.arange(0.0, 80.0, 2.0), EXACT)
    came = np.isin(np.arange(40), records.stages[2].request)
    assert 10 < came.sum() < 30
    assert records.latency_s == pytest.approx(np.where(came, 1.7, 1.2))


def test_a_join_waits_for_every_visit_of_a_branch_that_multiplies() -> None:
    edges = (Edge("a", "b", 3.0), Edge("a", "c"), Edge("b", "d"), Edge("c", "d"))
    pipeline = graph(0.1, 0.2, 0.3, 0.1, edges=edges)
    one_server = replace(plan(pipeline), stages=tuple(replace(s, replicas=1) for s in plan(pipeline).stages))
    records = simulate_graph(pipeline, one_server, [0.0, 5.0], EXACT)
    assert [len(visits.request) for visits in records.stages] == [2, 6, 2, 2]
    assert records.latency_s == pytest.approx([0.8, 0.8])


def test_a_dropped_branch_ends_the_request_and_the_join_never_comes() -> None:
    diamond = graph(0.1, 0.1, 1.0, 0.1, edges=DIAMOND)
    one_server = replace(
        plan(diamond),
        stages=tuple(replace(s, replicas=1) if s.stage == "c" else s for s in plan(diamond).stages),
    )
    only_c = replace(EXACT, stage_drop_after_s=(math.inf, math.inf, 0.5, math.inf))
    simulator = PipelineSimulator(diamond, one_server, only_c)
    simulator.offer([0.0, 0.0])
    simulator.advance(0.55)
    counts = simulator.counts()
    assert (counts.arrived, counts.done, counts.dropped, counts.in_flight) == (2, 0, 1, 1)
    simulator.drain()
    records = simulator.records()
    assert records.end_s.tolist() == pytest.approx([1.2, 0.5])
    assert records.dropped_stage.tolist() == [-1, 2]
    assert [stage.visits.tolist() for stage in records.stages] == [[1, 1], [1, 1], [1, 1], [1, 0]]
    assert [stage.on_path.tolist() for stage in records.stages] == [
        [True, True], [False, False], [True, True], [True, False],
    ]  # fmt: skip


def test_rate_factors_too_large_to_simulate_are_refused() -> None:
    pipeline = graph(0.1, 0.1, 0.1, edges=(Edge("a", "b", 500.0), Edge("b", "c", 500.0)))
    with pytest.raises(InvalidValueError, match="250,501 visits; the simulator takes at most 10,000"):
        PipelineSimulator(pipeline, plan(pipeline))


def test_where_branches_add_up_every_visit_is_served_on_its_own() -> None:
    joined = graph(0.1, 0.2, 0.5, 0.1, edges=DIAMOND)
    summed = replace(joined, stages=(*joined.stages[:3], replace(joined.stages[3], join="sum")))
    records = simulate_graph(summed, plan(summed), [0.0], EXACT)
    assert records.stages[3].enter_s == pytest.approx([0.3, 0.6])
    assert records.latency_s == pytest.approx([0.7])


def test_the_network_delay_counts_into_every_stage_and_back() -> None:
    fork = graph(0.1, 0.2, 0.5, edges=(Edge("a", "b"), Edge("a", "c")))
    records = simulate_graph(fork, plan(fork), [0.0], replace(EXACT, network_delay_s=0.01))
    assert records.latency_s == pytest.approx([0.63])


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.0, 2.6])
def test_an_edge_multiplies_or_thins_by_its_factor(factor: float) -> None:
    pipeline = graph(0.01, 0.01, edges=(Edge("a", "b", factor),))
    records = simulate_graph(pipeline, plan(pipeline), np.linspace(0, 1000, 20_000), EXACT)
    per_request = np.bincount(records.stages[1].request, minlength=20_000)
    assert set(np.unique(per_request)) == {math.floor(factor), math.ceil(factor)}
    assert per_request.mean() == pytest.approx(factor, abs=0.015)


def test_a_request_that_is_thinned_to_nothing_ends_where_that_happens() -> None:
    pipeline = graph(0.1, 0.5, edges=(Edge("a", "b", 0.5),))
    records = simulate_graph(pipeline, plan(pipeline), np.arange(100.0), EXACT)
    went_on = np.isin(np.arange(100), records.stages[1].request)
    assert 20 < went_on.sum() < 80
    assert records.latency_s == pytest.approx(np.where(went_on, 0.6, 0.1))


def test_a_request_of_which_one_visit_expires_is_dropped() -> None:
    fork = graph(0.1, 0.1, 1.0, edges=(Edge("a", "b"), Edge("a", "c")))
    one_server = replace(plan(fork), stages=(*plan(fork).stages[:2], StagePlan("c", "v", 1, 1, 1)))
    records = simulate_graph(fork, one_server, [0.0, 0.0, 0.0], replace(EXACT, drop_after_s=1.5))
    assert np.isnan(records.latency_s).tolist() == [False, False, True]
    assert records.dropped == 1
    assert records.violation_share(100.0) == pytest.approx(1 / 3)
    assert np.isnan(records.stages[2].end_s).sum() == 1
    assert not np.isnan(records.stages[1].end_s).any()


@pytest.mark.parametrize("settings", [EXACT, SimulationSettings(seed=3, drop_after_s=1.0)])
def test_a_chain_comes_out_as_in_the_simulator_of_chains(settings: SimulationSettings) -> None:
    video = load_pipeline("video")
    chosen = planner_for(RunSpec("video")).decide(20.0).plan
    arrival_s = arrivals(21, 300)
    chain = PipelineSimulator(video, chosen, settings)
    chain.offer(arrival_s)
    chain.drain()
    np.testing.assert_array_equal(
        simulate_graph(video, chosen, arrival_s, settings).latency_s, chain.records().latency_s
    )


def test_every_visit_is_served_or_its_request_dropped_and_the_same_seed_gives_the_same_bytes() -> None:
    traffic = load_pipeline("traffic")
    chosen = planner_for(RunSpec("traffic")).decide(10.0).plan
    settings = SimulationSettings(seed=1, drop_after_s=2.0)
    first, second = (simulate_graph(traffic, chosen, arrivals(12, 200), settings) for _ in range(2))
    assert first.latency_s.tobytes() == second.latency_s.tobytes()
    for visits in first.stages:
        lost = np.isnan(visits.end_s)
        assert np.isnan(first.latency_s[visits.request[lost]]).all()
        assert (visits.start_s[~lost] >= visits.enter_s[~lost]).all()
    assert first.latency_s[~np.isnan(first.latency_s)].min() > 0


def test_a_plan_for_the_traffic_pipeline_keeps_its_sla() -> None:
    traffic = load_pipeline("traffic")
    chosen = planner_for(RunSpec("traffic")).decide(12.0).plan
    records = simulate_graph(traffic, chosen, arrivals(10, 600), SimulationSettings(seed=0))
    assert records.dropped == 0
    assert records.violation_share(traffic.sla_s) < 0.001


def test_the_table_of_stages_counts_visits_and_their_times() -> None:
    fork = graph(0.1, 0.2, 0.5, edges=(Edge("a", "b", 2.0), Edge("a", "c")))
    table = simulate_graph(fork, plan(fork), [0.0, 1.0], EXACT).stage_table().set_index("stage")
    assert table["visits_per_request"].tolist() == [1, 2, 1]
    assert table["service_p99_s"].tolist() == pytest.approx([0.1, 0.2, 0.5])
    assert table["wait_mean_s"].tolist() == pytest.approx([0, 0, 0])


def test_plans_and_arrivals_that_do_not_fit_are_refused() -> None:
    pipeline = graph(0.1, 0.1)
    with pytest.raises(InvalidValueError, match="the plan is for stages"):
        simulate_graph(pipeline, Plan(()), [0.0])
    with pytest.raises(InvalidValueError, match="ascending"):
        simulate_graph(pipeline, plan(pipeline), [1.0, 0.0])
    assert len(simulate_graph(pipeline, plan(pipeline), []).latency_s) == 0
    assert simulate_graph(pipeline, plan(pipeline), []).violation_share(1.0) == 0


@pytest.mark.parametrize("name", ["traffic", "calls"])
def test_a_graph_is_adapted_like_a_chain(name: str) -> None:
    outcome = simulate(RunSpec(name, "fluctuating", trace="synthetic", duration_s=120))
    assert outcome.measures.requests == outcome.measures.answered > 500
    assert outcome.measures.plan_changes > 0
    assert len({record.plan.cost_cores for record in outcome.decisions}) > 1


@pytest.mark.parametrize(
    "cluster",
    [
        ClusterSettings(switching="stop-start"),
        ClusterSettings(mean_life_s=30.0, straggler_share=0.3),
        ClusterSettings(core_limit=12, router_delay_s=0.05, dispatch_s=0.01),
    ],
)
def test_a_graph_runs_on_every_kind_of_cluster_and_drops_at_deadlines(cluster: ClusterSettings) -> None:
    spec = RunSpec("calls", "fluctuating", trace="synthetic", duration_s=120, drop="stage-deadline")
    outcome = simulate(spec.with_settings(cluster=cluster))
    assert outcome.measures.answered + outcome.measures.dropped == outcome.measures.requests
    assert outcome.measures.answered > 0


def test_deadlines_divide_the_sla_along_the_longest_path_through_a_stage() -> None:
    assert stage_deadlines_s(load_pipeline("traffic")) == (3.445, 6.89, 6.89)
    # 8.34, then 0.89 or 1.08, then 2.52: on its own path the shorter one may take longer.
    assert stage_deadlines_s(load_pipeline("calls")) == pytest.approx(
        (8.34, 11.94 * 9.23 / 11.75, 9.42, 11.94), abs=1e-9
    )
