"""Graphs of stages: against brute force, and series-parallel or not."""

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.optimizer import few_plans, graph_paths
from ipa.optimizer.answer import Answer, pick_options
from ipa.optimizer.build import build_problem
from ipa.optimizer.corners import CORNERS
from ipa.optimizer.decision import Status
from ipa.optimizer.few_plans import solve_few_plans
from ipa.optimizer.frontier import frontier
from ipa.optimizer.graph_paths import paths
from ipa.optimizer.labels import pareto
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.optimizer.solvers import graph
from ipa.optimizer.solvers.brute_force import solve_brute_force
from ipa.optimizer.solvers.graph import series_parallel_labels, solve_graph
from ipa.optimizer.solvers.highs import solve_highs_directly
from ipa.optimizer.solvers.tie_breaking import Claim, settle
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Edge
from ipa.pipeline.plan import plan_defects
from tests.support.toys import option, problem

FORK = ((0, 1), (0, 2))
DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))
BYPASS = ((0, 1), (1, 2), (0, 2))
TWO_ENDS = ((0, 1), (1, 2), (0, 3))
# The smallest graph that no merging reduces: two branches with a bridge from one to the other.
BRIDGE = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))
CROSSED = ((0, 1), (0, 2), (1, 3), (1, 4), (2, 4))
SERIES_PARALLEL = {"fork": FORK, "diamond": DIAMOND, "bypass": BYPASS, "two ends": TWO_ENDS}
OTHERS = {"bridge": BRIDGE, "crossed": CROSSED}
STAGES = {name: 1 + max(max(edge) for edge in edges) for name, edges in (SERIES_PARALLEL | OTHERS).items()}


def random_graph(name: str, seed: int, kind: str, metric: str, tightness: float) -> Problem:
    """Draw a problem on a graph; its SLA lies between the fastest and the slowest plan's slowest path."""
    edges = (SERIES_PARALLEL | OTHERS)[name]
    drawn = random_problem(seed, STAGES[name], 3, 2 if STAGES[name] < 5 else 1, kind, metric)
    graph = replace(drawn, edges=edges)
    extremes = [
        graph.latency_s([extreme(stage, key=lambda o: o.total_s) for stage in graph.options])
        for extreme in (min, max)
    ]
    return replace(graph, sla_s=extremes[0] + tightness * (extremes[1] - extremes[0]))


def graphs(names: dict[str, tuple[tuple[int, int], ...]]) -> st.SearchStrategy[Problem]:
    return st.builds(
        random_graph,
        st.sampled_from(sorted(names)),
        st.integers(0, 10**6),
        st.sampled_from(["profile", "uncorrelated", "ties", "degenerate"]),
        st.sampled_from(["pas", "rank-sum", "mean"]),
        st.sampled_from([-0.1, 0.0, 0.1, 0.4, 1.0]),
    )


def value(asked: Problem, answer: Answer) -> float:
    return -math.inf if answer.choice is None else asked.value(pick_options(asked, answer.choice))


@settings(max_examples=200)
@given(graphs(SERIES_PARALLEL))
def test_a_series_parallel_graph_is_solved_like_brute_force_ties_included(asked: Problem) -> None:
    assert solve_graph(asked, 10.0) == solve_brute_force(asked, 10.0)


@settings(max_examples=100)
@given(graphs(SERIES_PARALLEL | OTHERS), st.sampled_from([None, 3, 6, 10]))
def test_any_graph_of_few_plans_is_solved_like_brute_force_ties_included(
    asked: Problem, max_cores: int | None
) -> None:
    limited = replace(asked, max_cores=max_cores)
    oracle = solve_brute_force(limited, 10.0)
    assert solve_graph(limited, 10.0) == oracle
    assert solve_few_plans(limited, math.inf) == oracle


@settings(max_examples=25)
@given(graphs(OTHERS))
def test_any_other_graph_of_many_plans_is_solved_to_the_same_objective(asked: Problem) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few_plans, "MOST_PLANS", 0)
        answer, oracle = solve_graph(asked, 10.0), solve_brute_force(asked, 10.0)
    assert answer.proven
    assert value(asked, answer) == pytest.approx(value(asked, oracle), abs=1e-6)


@pytest.mark.parametrize("solver", ["highs", "pulp-highs", "pulp-cbc", "gurobi"])
@settings(max_examples=15)
@given(asked=graphs(SERIES_PARALLEL | OTHERS))
def test_general_solvers_agree_with_brute_force_on_graphs(solver: str, asked: Problem) -> None:
    if solver == "gurobi":
        pytest.importorskip("gurobipy")
    found, oracle = solve(asked, solver), solve(asked, "brute-force")
    assert found.status is oracle.status
    if oracle.optimal:
        assert found.objective == pytest.approx(oracle.objective, abs=1e-6)


@settings(max_examples=60)
@given(graphs(SERIES_PARALLEL))
def test_the_frontier_of_a_graph_holds_what_brute_force_chooses(asked: Problem) -> None:
    found = frontier(asked)
    for ratio in (0.5, 5.0, 50.0):
        weighted = replace(asked, objective=Objective(asked.objective.metric, ratio, 1.0, 0.0))
        best = value(weighted, solve_brute_force(weighted, 10.0))
        if found.points:
            point = found.at(ratio, 1.0)
            assert ratio * point.accuracy - point.cost_cores == pytest.approx(best)
        else:
            assert best == -math.inf


@pytest.mark.parametrize("name", SERIES_PARALLEL | OTHERS)
def test_only_series_parallel_graphs_reduce_to_labels(name: str) -> None:
    asked = random_graph(name, 1, "profile", "pas", 1.0)
    labels = series_parallel_labels(asked, lambda chosen: chosen.cost_cores)
    assert (labels is not None) == (name in SERIES_PARALLEL)


def test_a_frontier_that_is_not_supported_says_so() -> None:
    with pytest.raises(InvalidValueError, match="not series-parallel"):
        frontier(random_graph("bridge", 1, "profile", "pas", 1.0))


def test_the_sla_holds_on_every_path_not_on_the_sum() -> None:
    slow = option(latency_s=0.5)
    asked = replace(problem([option(latency_s=0.2)], [slow], [slow], sla_s=0.7), edges=FORK)
    assert asked.latency_s([options[0] for options in asked.options]) == pytest.approx(0.7)
    assert solve_graph(asked, 1.0).choice == (0, 0, 0)
    assert solve_graph(replace(asked, sla_s=0.69), 1.0) == Answer(None, proven=True)


def test_the_paths_of_a_graph() -> None:
    assert paths(random_graph("bridge", 0, "ties", "pas", 1.0)) == [(0, 1, 2, 3), (0, 1, 3), (0, 2, 3)]


def test_a_graph_with_too_many_paths_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_paths, "MAX_PATHS", 2)
    monkeypatch.setattr(few_plans, "MOST_PLANS", 0)
    with pytest.raises(InvalidValueError, match="more than 2 paths; use solver exact, or simplify it"):
        solve_graph(random_graph("bridge", 0, "ties", "pas", 1.0), 1.0)


def test_a_stage_without_options_makes_a_graph_infeasible() -> None:
    asked = replace(problem([option()], [], [option()]), edges=FORK)
    assert solve_graph(asked, 1.0) == solve_highs_directly(asked, 1.0) == Answer(None, proven=True)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_the_plans_of_the_traffic_pipeline_pass_the_independent_check(seed: int) -> None:
    random = Random(seed)
    traffic, rate_rps = load_pipeline("traffic"), random.uniform(0.5, 30)
    asked = build_problem(traffic, rate_rps, Objective(alpha=random.uniform(1, 500)), Constraints())
    answer = solve_graph(asked, 10.0)
    assert answer.choice is not None
    plan = asked.plan(pick_options(asked, answer.choice))
    assert plan_defects(traffic, plan, rate_rps, traffic.sla_s) == []
    assert plan.throughput_rps(traffic) >= rate_rps * (1 - 1e-9)
    assert plan.latency_s(traffic) == pytest.approx(asked.latency_s(pick_options(asked, answer.choice)))


def test_a_stage_is_provisioned_for_what_its_edges_bring() -> None:
    traffic = load_pipeline("traffic")
    asked = build_problem(traffic, 10.0, Objective(), Constraints(batch_sizes=(1,)))
    vehicles = {o.variant: o.replicas for o in asked.options[1]}
    persons = {o.variant: o.replicas for o in asked.options[2]}
    resnet18 = traffic.stage("vehicles").variant("resnet18").profile.at(1).throughput_rps
    assert vehicles["resnet18"] == math.ceil(15 / resnet18)
    assert persons["resnet18"] == math.ceil(5 / resnet18)


def test_a_chain_written_with_edges_is_the_same_problem_but_for_its_rates() -> None:
    video = load_pipeline("video")
    first, second = (stage.name for stage in video.stages)
    same = build_problem(replace(video, edges=(Edge(first, second),)), 10.0, Objective(), Constraints())
    plain = build_problem(video, 10.0, Objective(), Constraints())
    assert (same.edges, same.options) == ((), plain.options)
    thinned = build_problem(
        replace(video, edges=(Edge(first, second, 0.5),)), 10.0, Objective(), Constraints()
    )
    assert thinned.edges == ()
    assert thinned.options[1] == build_problem(video, 5.0, Objective(), Constraints()).options[1]


@pytest.mark.parametrize(
    ("solver", "answered_by"), [("exact", "exact"), ("auto", "exact"), ("highs", "highs")]
)
def test_the_solvers_of_chains_take_graphs_under_the_same_names(solver: str, answered_by: str) -> None:
    asked = build_problem(load_pipeline("traffic"), 10.0, Objective(alpha=100), Constraints())
    decision = solve(asked, solver)
    assert decision.optimal
    assert decision.solver == answered_by
    assert decision.objective == pytest.approx(solve(asked, "brute-force").objective)


def test_auto_names_the_program_where_the_graph_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_plans, "MOST_PLANS", 0)
    assert solve(random_graph("bridge", 1, "profile", "pas", 1.0), "auto").solver == "highs"


def test_a_solver_of_ones_own_gets_graphs_as_they_are() -> None:
    asked = replace(random_graph("diamond", 1, "profile", "pas", 1.0), sla_s=1e6)
    with SOLVERS.temporarily("mine", lambda asked, _: Answer((0,) * len(asked.edges), True)):
        decision = solve(asked, "mine")
    assert decision.plan == asked.plan([options[0] for options in asked.options])


def test_a_deadline_is_not_taken_for_a_proof_that_there_is_no_plan() -> None:
    asked = random_graph("bridge", 1, "profile", "pas", 0.5)
    fastest = [min(options, key=lambda o: o.total_s) for options in asked.options]
    found = settle(asked, Claim("HiGHS", None, proven=False), until=0.0)
    assert found.choice is not None
    assert asked.feasible(pick_options(asked, found.choice))
    assert asked.value(pick_options(asked, found.choice)) > asked.value(fastest)
    assert not found.proven
    assert found.note == "HiGHS found no plan before its deadline; this is a good one"
    impossible = replace(asked, sla_s=asked.latency_s(fastest) - 0.001)
    assert settle(impossible, Claim("HiGHS", None, proven=False), until=0.0) == Answer(None, proven=True)


def test_too_many_labels_of_a_graph_give_way_to_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = random_graph("diamond", 3, "profile", "pas", 0.5)
    oracle = solve(asked, "brute-force")
    monkeypatch.setattr(pareto, "MAX_PARTIAL_PLANS", 3)
    decision = solve(asked, "exact")
    assert decision.solver == "highs"
    assert "too many labels: left to HiGHS" in decision.note
    assert decision.objective == pytest.approx(oracle.objective, abs=1e-6)


@pytest.mark.parametrize("rate_rps", [1e-12, 1e-6, 1e-3])
@pytest.mark.parametrize("pipeline", ["video", "traffic"])
def test_a_batch_that_hardly_ever_fills_is_no_option(pipeline: str, rate_rps: float) -> None:
    asked = build_problem(load_pipeline(pipeline), rate_rps, Objective(alpha=50), Constraints())
    points = frontier(asked).points
    assert points
    assert all(stage.batch == 1 for point in points for stage in point.plan.stages)
    assert solve(asked).plan == solve(asked, "brute-force" if pipeline == "traffic" else "highs").plan


def test_a_solver_that_takes_chains_only_is_named_with_those_that_take_graphs() -> None:
    with pytest.raises(
        InvalidValueError, match="solver gurobi-nonlinear takes chains only; for a graph use another one"
    ):
        solve(random_graph("fork", 1, "profile", "pas", 1.0), "gurobi-nonlinear")
    with pytest.raises(UnknownNameError, match="unknown solver 'exakt'"):
        solve(random_graph("fork", 1, "profile", "pas", 1.0), "exakt")


def test_labels_of_a_graph_leave_half_of_the_deadline_to_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = random_graph("diamond", 3, "profile", "pas", 0.5)
    given_s: list[float] = []

    def left(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
        given_s.append(deadline_s)
        return Answer(None, proven=False)

    monkeypatch.setattr(graph, "solve_highs_directly", left)
    monkeypatch.setattr(graph, "LABELS_SHARE", 0.0)
    solve_graph(asked, 1.0)
    assert 0.0 < given_s[0] < 1.0


@pytest.mark.parametrize("combined", [1, 50])
def test_labels_combined_in_chunks_are_the_same(combined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [random_graph(name, 5, "ties", "pas", 0.6) for name in sorted(SERIES_PARALLEL)]
    expected = [solve_graph(one, 10.0) for one in asked]
    monkeypatch.setattr(pareto, "_COMBINED", combined)
    assert [solve_graph(one, 10.0) for one in asked] == expected


def test_a_limit_of_cores_holds_on_graphs() -> None:
    asked = random_graph("diamond", 3, "uncorrelated", "mean", 0.5)
    free = solve(asked)
    assert solve(replace(asked, max_cores=free.plan.cost_cores)).plan == free.plan
    less = replace(asked, max_cores=free.plan.cost_cores - 1)
    assert solve(less).objective == pytest.approx(solve(less, "brute-force").objective)


@pytest.mark.parametrize("corner", ["core-limit", "sla-edge", "scales", "lengths", "huge-costs", "ratios"])
@pytest.mark.parametrize("shape", ["diamond", "bridge"])
def test_graphs_at_odd_corners_have_the_value_of_brute_force(shape: str, corner: str) -> None:
    for seed in range(4):
        random = Random(f"{shape} {corner} {seed}")
        asked = CORNERS[corner](random, random_graph(shape, seed, "uncorrelated", "pas", 0.3))
        oracle = solve(asked, "brute-force")
        for solver in ("exact", "highs", "auto"):
            found = solve(asked, solver)
            assert found.status is oracle.status, (seed, solver, found.note)
            assert found.objective == pytest.approx(oracle.objective, rel=1e-9, abs=1e-6, nan_ok=True)
        if shape == "diamond":
            points = frontier(asked).points
            assert bool(points) == (oracle.status is not Status.INFEASIBLE)
            assert all(asked.feasible(pick_options(asked, point.choice)) for point in points)


@pytest.mark.parametrize("shape", ["diamond", "bridge"])
def test_the_solvers_called_directly_take_graphs(shape: str) -> None:
    asked = random_graph(shape, 7, "profile", "pas", 0.4)
    oracle = SOLVERS["brute-force"](asked, 10.0)
    for solver in ("exact", "auto", "highs", "pulp"):
        answer = SOLVERS[solver](asked, 10.0)
        assert answer.proven
        assert value(asked, answer) == pytest.approx(value(asked, oracle), abs=1e-9)
    with pytest.raises(InvalidValueError, match="takes chains only"):
        SOLVERS["gurobi-nonlinear"](asked, 10.0)
