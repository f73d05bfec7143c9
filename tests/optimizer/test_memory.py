"""Decisions are remembered: the same ones, their own times, and only where nothing else could come out."""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ipa.optimizer import memory
from ipa.optimizer.answer import Answer
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.memory import DecisionMemory, RememberingPlanner
from ipa.optimizer.methods import METHODS, MethodSettings
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective, Problem, Restriction
from ipa.optimizer.solve import SOLVERS
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan

VIDEO = load_pipeline("video")
DECISION = Decision(Plan(()), 1.0, Status.OPTIMAL, "exact", 0.5)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEMORY", DecisionMemory())


@pytest.fixture
def counted() -> Iterator[list[float]]:
    """Let the solver ``exact`` say for which rates it is asked."""
    asked: list[float] = []
    exact = SOLVERS["exact"]

    def counting(problem: Problem, deadline_s: float) -> Answer:
        assert problem.source is not None
        asked.append(problem.source.rate_rps)
        return exact(problem, deadline_s)

    with SOLVERS.temporarily("exact", counting):
        yield asked


def planner(alpha: float = 2.0, method: str = "ipa", pipeline: Pipeline = VIDEO) -> RememberingPlanner:
    return RememberingPlanner(pipeline, Objective(alpha=alpha), Constraints(), method)


@pytest.mark.parametrize("rate_rps", [0.0, 7.5, 20.0, 1e6])
def test_a_remembered_decision_is_that_of_a_planner_that_forgets(rate_rps: float) -> None:
    fresh = Planner(VIDEO, Objective(alpha=2.0), Constraints()).decide(rate_rps)
    for decision in (planner().decide(rate_rps), planner().decide(rate_rps)):
        same = replace(decision, solve_s=0.0, build_s=0.0, search_s=0.0)
        # NaN, which a best effort has for its objective, equals nothing.
        assert repr(same) == repr(replace(fresh, solve_s=0.0, build_s=0.0, search_s=0.0))


def test_the_same_problem_is_solved_once_whichever_planner_asks(counted: list[float]) -> None:
    for rate_rps in (20.0, 30.0, 20.0, 30.0):
        planner().decide(rate_rps)
    assert counted == [20.0, 30.0]


def test_a_remembered_decision_has_the_time_of_looking_it_up() -> None:
    first = planner().decide(20.0)
    again = planner().decide(20.0)
    assert 0 < again.solve_s < first.solve_s
    assert (again.build_s, again.search_s) == (0.0, 0.0)


def test_another_problem_is_another_decision(counted: list[float]) -> None:
    other = load_pipeline("nlp")
    for one in (planner(), planner(3.0), planner(method="fa2-low"), planner(pipeline=other)):
        one.decide(20.0)
    replace(planner(), constraints=Constraints(max_cores=40)).decide(20.0)
    replace(planner(), method="rim", method_settings=MethodSettings(replicas=(3, 3))).decide(20.0)
    assert len(counted) == 6


def test_a_method_or_solver_registered_anew_under_its_name_decides_anew(counted: list[float]) -> None:
    free = planner().decide(20.0).plan

    def lightest(pipeline: Pipeline, settings: MethodSettings) -> Restriction:  # noqa: ARG001
        return Restriction(variants=("yolov5n", "resnet18"))

    with METHODS.temporarily("ipa", lightest):
        fixed = planner().decide(20.0).plan
    assert free != fixed
    assert [stage.variant for stage in fixed.stages] == ["yolov5n", "resnet18"]
    assert planner().decide(20.0).plan == free
    assert len(counted) == 2


def test_a_method_that_answers_with_lists_is_asked_every_time(counted: list[float]) -> None:
    def listed(pipeline: Pipeline, settings: MethodSettings) -> Restriction:  # noqa: ARG001
        return Restriction(replicas=[3, 3])

    with METHODS.temporarily("ipa", listed):
        plans = [planner().decide(20.0).plan for _ in range(2)]
    assert plans[0] == plans[1]
    assert len(counted) == 2


@pytest.mark.parametrize(
    "decision",
    [replace(DECISION, status=Status.FEASIBLE), replace(DECISION, note="pulp failed; HiGHS answered")],
)
def test_what_hangs_on_time_or_on_what_is_installed_is_not_remembered(decision: Decision) -> None:
    known = DecisionMemory()
    known.keep("key", decision)
    assert known.find("key") is None


def test_an_infeasible_problem_is_remembered_with_its_reason() -> None:
    tight = replace(planner(), constraints=Constraints(max_cores=1))
    first, again = tight.decide(20.0), tight.decide(20.0)
    assert again.status is Status.INFEASIBLE
    assert again.why == first.why != ""
    assert math.isnan(again.objective)


def test_the_decision_not_asked_for_longest_makes_room() -> None:
    known = DecisionMemory(most=2)
    known.keep(1, DECISION)
    known.keep(2, DECISION)
    assert known.find(1) is DECISION
    known.keep(3, DECISION)
    assert (known.find(1), known.find(2), known.find(3)) == (DECISION, None, DECISION)
    assert len(known) == 2
