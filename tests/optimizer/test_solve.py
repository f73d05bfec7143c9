"""The solvers one by one: edges, deadlines, fallbacks, missing parts."""

import logging
import math
import sys
from collections.abc import Callable

import pytest

from ipa.errors import InvalidValueError, SolverUnavailableError, UnknownNameError
from ipa.optimizer.answer import Answer
from ipa.optimizer.decision import Status
from ipa.optimizer.labels import dominance
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.optimizer.solvers import auto, exact, pulp
from ipa.optimizer.status import solver_status
from ipa.pipeline.accuracy import METRICS
from tests.support.toys import option, problem, two_stages

EVERY_SOLVER = sorted(SOLVERS)
FOREVER = math.inf


@pytest.fixture(autouse=True)
def _forget_what_was_told() -> None:
    auto._tell.cache_clear()


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_the_better_of_two_plans_is_chosen(solver: str) -> None:
    decision = solve(two_stages(sla_s=0.7), solver)
    assert decision.status is Status.OPTIMAL
    assert decision.optimal
    assert decision.plan.cost_cores == 3
    assert decision.objective == pytest.approx(10 * 0.45 - 3 - 2e-6)


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_an_sla_that_no_plan_keeps_is_a_status_with_the_best_effort(solver: str) -> None:
    given = two_stages(sla_s=0.15)
    decision = solve(given, solver)
    assert decision.status is Status.INFEASIBLE
    assert decision.plan == given.plan(given.best_effort)
    assert math.isnan(decision.objective)
    assert not decision.optimal


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_a_stage_without_options_is_infeasible(solver: str) -> None:
    assert solve(problem([option()], []), solver).status is Status.INFEASIBLE


@pytest.mark.parametrize("solver", EVERY_SOLVER)
@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_single_option_is_chosen(solver: str, metric: str) -> None:
    decision = solve(problem([option()], metric=metric), solver)
    assert (decision.status, decision.plan.cost_cores) == (Status.OPTIMAL, 1)


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_an_sla_met_exactly_is_met(solver: str) -> None:
    decision = solve(problem([option(0.1)], [option(0.2)], sla_s=0.3), solver)
    assert decision.status is Status.OPTIMAL


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_negative_waits_count(solver: str) -> None:
    given = problem([option(1.2, wait_s=-0.5)], [option(0.2)], sla_s=0.9)
    assert solve(given, solver).status is Status.OPTIMAL


@pytest.mark.parametrize("solver", EVERY_SOLVER)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(option(0.2, 3, 0.5), option(0.1, 2, 0.4), id="highest PAS"),
        pytest.param(option(0.1, 3, 0.5), option(0.2, 3, 0.5), id="lowest latency"),
        pytest.param(option(0.1, 3, 0.5), option(0.1, 3, 0.5), id="lowest index"),
    ],
)
def test_ties_are_broken_in_the_documented_order(solver: str, first: object, second: object) -> None:
    stages = [[first, second], [second, first]]
    given = problem(*stages, alpha=0.0, beta=0.0, delta=0.0)
    answer = SOLVERS[solver](given, 10.0)
    assert answer.choice == ((0, 0) if first == second else (0, 1))


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_of_plans_of_equal_pas_the_cheaper_one_is_chosen(solver: str) -> None:
    given = problem([option(0.1, 3), option(0.2, 2)], alpha=0.0, beta=0.0, delta=0.0)
    assert SOLVERS[solver](given, 10.0).choice == (1,)


@pytest.mark.parametrize("solver", EVERY_SOLVER)
def test_a_difference_below_rounding_is_a_tie(solver: str) -> None:
    better = option(0.1, accuracy=0.5)._replace(score=0.5 + 5e-10)
    accurate = option(0.2, accuracy=0.9)._replace(score=0.5)
    assert SOLVERS[solver](problem([better, accurate], metric="mean"), 10.0).choice == (1,)


@pytest.mark.parametrize("crowded", [1, 10**9])
def test_pas_comes_before_cost_also_among_labels_that_are_alike(
    crowded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = [option(0.1, cost=1, accuracy=0.5), option(0.1, cost=2, accuracy=0.75)]
    monkeypatch.setattr(dominance, "CROWDED", crowded)
    assert SOLVERS["exact"](problem(stage, stage, stage, metric="mean", alpha=12.0), 10.0).choice == (1, 1, 1)


def test_an_unknown_solver_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"allowed: exact.*Did you mean 'gurobi'"):
        solve(two_stages(), "guroby")


def test_brute_force_refuses_too_many_combinations() -> None:
    with pytest.raises(
        InvalidValueError, match="1,000,000 combinations and this problem has 8,235,430,000,000"
    ):
        solve(random_problem(stages=7, variants=10, batches=7), "brute-force")


def test_a_solver_of_ones_own_is_a_function_and_a_line() -> None:
    def first_options(given: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
        return Answer(tuple(0 for _ in given.options), proven=False, note="a guess")

    with SOLVERS.temporarily("first", first_options):
        decision = solve(two_stages(), "first")
    assert (decision.solver, decision.status, decision.note) == ("first", Status.FEASIBLE, "a guess")


def _answering(answer: Answer) -> Callable[[Problem, float], Answer]:
    return lambda given, deadline_s: answer  # noqa: ARG005 (the signature of a solver)


def test_what_a_solver_of_ones_own_claims_is_checked() -> None:
    with SOLVERS.temporarily("breaks", _answering(Answer((1, 1), proven=True))):
        broken = solve(two_stages(sla_s=0.7), "breaks")
    assert (broken.status, broken.plan.cost_cores) == (Status.FEASIBLE, 3)
    assert "breaks a limit; replaced" in broken.note
    with SOLVERS.temporarily("boasts", _answering(Answer((0, 0), proven=True, objective=9.0))):
        boasted = solve(two_stages(), "boasts")
    assert (boasted.status, boasted.objective) == (Status.FEASIBLE, pytest.approx(0.499998))
    assert "the solver claimed 9 for a plan worth 0.499998" in boasted.note


def test_bound_and_gap_of_a_proven_plan_are_its_objective_and_0() -> None:
    decision = solve(two_stages(sla_s=0.7))
    assert (decision.bound, decision.gap) == (decision.objective, 0.0)
    infeasible = solve(two_stages(sla_s=0.1))
    assert math.isnan(infeasible.bound)
    assert math.isnan(infeasible.gap)
    assert infeasible.why.endswith("the fastest one takes 0.2 s")


class TestExact:
    def test_too_many_labels_are_left_to_deepening_which_proves_the_same_plan(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = [
            random_problem(seed, 5, kind=kind, metric=metric, tightness=0.2)
            for seed in range(5)
            for kind in ("uncorrelated", "strong", "ties")
            for metric in sorted(METRICS)
        ]
        expected = [solve(one) for one in given]
        monkeypatch.setattr(exact, "MOST_LABELS", 0)
        for one, known in zip(given, expected, strict=True):
            decision = solve(one)
            assert (decision.plan, decision.status, decision.note) == (known.plan, Status.OPTIMAL, "")
            assert (decision.bound, decision.gap) == (decision.objective, 0.0)

    @pytest.mark.parametrize("stages", [1, 2])
    def test_deepening_also_takes_problems_that_leave_one_side_without_stages(
        self, monkeypatch: pytest.MonkeyPatch, stages: int
    ) -> None:
        given = [
            random_problem(seed, stages, kind=kind, metric=metric, tightness=tightness)
            for seed in range(6)
            for kind in ("uncorrelated", "strong", "ties")
            for metric in sorted(METRICS)
            for tightness in (0.2, 0.8)
        ]
        expected = [solve(one) for one in given]
        monkeypatch.setattr(exact, "MOST_LABELS", 0)
        for one, known in zip(given, expected, strict=True):
            decision = solve(one)
            assert decision.status == known.status
            assert decision.objective == pytest.approx(known.objective, nan_ok=True)

    def test_a_deadline_of_nothing_still_yields_a_plan_that_keeps_the_sla(self) -> None:
        given = random_problem(seed=4, stages=5, kind="uncorrelated", tightness=0.2)
        answer = SOLVERS["exact"](given, 0.0)
        assert answer.choice is not None
        assert not answer.proven
        assert solve(given, deadline_s=0.0).plan.cost_cores > 0

    @pytest.mark.parametrize("crowded", [1, 10**9])
    @pytest.mark.parametrize("kind", ["uncorrelated", "ties", "cloned", "strong"])
    def test_comparing_labels_early_or_never_gives_the_same_plan(
        self, kind: str, crowded: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = [
            random_problem(seed, 4, 4, 2, kind=kind, metric=m) for seed in range(10) for m in sorted(METRICS)
        ]
        expected = [solve(one).plan for one in given]
        monkeypatch.setattr(dominance, "CROWDED", crowded)
        assert [solve(one).plan for one in given] == expected


class TestAuto:
    def test_the_first_solver_that_works_is_named(self) -> None:
        decision = solve(two_stages(), "auto")
        assert decision.solver in {name for name, _ in auto.ORDER}

    @pytest.mark.parametrize(
        ("broken", "used"),
        [(1, "pulp-highs"), (2, "pulp-cbc"), (3, "exact")],
    )
    def test_falls_through_with_one_line_each(
        self, broken: int, used: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        order = [
            (name, refusing(f"{name} is broken") if turn < broken else solver)
            for turn, (name, solver) in enumerate(auto.ORDER)
        ]
        monkeypatch.setattr(auto, "ORDER", tuple(order))
        decision = solve(two_stages(sla_s=0.7), "auto")
        assert (decision.solver, decision.status) == (used, Status.OPTIMAL)
        assert len(caplog.messages) == broken
        assert all(f"{name} is broken" in decision.note for name, _ in order[:broken])

    def test_the_same_line_is_logged_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(auto, "ORDER", (("gurobi", refusing("no licence")),))
        caplog.set_level(logging.WARNING)
        solve(two_stages(), "auto")
        solve(two_stages(), "auto")
        assert caplog.messages == [
            "solver auto: gurobi cannot be used: no licence; trying the next solver",
        ]


def refusing(why: str) -> Callable[[Problem, float], Answer]:
    def refuse(given: Problem, deadline_s: float) -> Answer:  # noqa: ARG001
        raise SolverUnavailableError(why)

    return refuse


class TestStatus:
    def test_says_what_works_and_how_to_get_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "gurobipy", None)
        monkeypatch.setattr(pulp, "cbc_path", lambda: None)
        found = {status.name: status for status in solver_status()}
        assert found["exact"].usable
        assert found["pulp-highs"].usable
        assert found["pulp-highs"].fix == ""
        assert not found["gurobi"].usable
        assert 'pip install -e ".[gurobi]"' in found["gurobi"].fix
        assert not found["pulp-cbc"].usable

    def test_tells_what_the_gurobi_licence_allows(self) -> None:
        pytest.importorskip("gurobipy")
        status = next(status for status in solver_status() if status.name == "gurobi")
        assert "licence valid" in status.detail or not status.usable
