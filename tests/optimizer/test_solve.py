"""The solvers one by one: edges, deadlines, fallbacks, missing parts."""

import logging
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ipa.errors import InvalidValueError, MissingExtraError, SolverUnavailableError, UnknownNameError
from ipa.optimizer.answer import Answer, fastest, pick_options
from ipa.optimizer.decision import Status
from ipa.optimizer.labels import dominance
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.optimizer.solvers import auto, exact, gurobi, highs, pulp
from ipa.optimizer.solvers import tie_breaking as agree
from ipa.optimizer.solvers.milp import milp_of
from ipa.optimizer.solvers.tie_breaking import Claim, settle
from ipa.optimizer.status import solver_status
from ipa.pipeline.accuracy import METRICS
from tests.support.toys import option, problem

EVERY_SOLVER = sorted(SOLVERS)
FOREVER = math.inf


@pytest.fixture(autouse=True)
def _forget_what_was_told() -> None:
    auto._tell.cache_clear()


def two_stages(**changes: float) -> Problem:
    fast, accurate = option(0.1, cost=1, accuracy=0.5), option(0.6, cost=2, accuracy=0.9)
    return problem([fast, accurate], [fast, accurate], alpha=10.0, **changes)


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


@pytest.mark.parametrize("solver", ["highs", "pulp-highs", "pulp-cbc", "gurobi", "gurobi-nonlinear"])
def test_building_and_searching_are_timed_apart(solver: str) -> None:
    decision = solve(random_problem(stages=3), solver)
    assert 0 < decision.build_s < decision.solve_s
    assert 0 <= decision.search_s < decision.solve_s - decision.build_s


def test_the_exact_solver_builds_no_model() -> None:
    decision = solve(random_problem(stages=3))
    assert (decision.build_s, decision.search_s) == (0.0, decision.solve_s)


class TestMilp:
    def test_options_that_another_one_beats_have_no_variable(self) -> None:
        beaten, better = option(0.2, cost=3, accuracy=0.4), option(0.1, cost=2, accuracy=0.5)
        milp = milp_of(problem([beaten, better], [better, beaten]))
        assert milp.kept == ((1,), (0,))
        assert milp.choice([1.0, 1.0, 0.5]) == (1, 0)

    @pytest.mark.parametrize("metric", sorted(METRICS))
    def test_tied_options_keep_theirs(self, metric: str) -> None:
        milp = milp_of(problem([option(), option()], metric=metric))
        assert milp.kept == ((0, 1),)


class TestAgreement:
    """What happens to the choice of a solver that is wrong."""

    def test_a_claimed_optimum_that_is_beaten_is_not_optimal_any_more(self) -> None:
        answer = settle(two_stages(sla_s=2.0), Claim("Solver", (0, 0), True), FOREVER)
        assert not answer.proven
        assert answer.choice == (1, 1)
        assert "Solver claimed its plan to be optimal; a plan better by 720 % is known" in answer.note

    def test_a_choice_that_breaks_the_sla_is_replaced(self) -> None:
        answer = settle(two_stages(sla_s=0.7), Claim("Solver", (1, 1), True), FOREVER)
        assert (answer.choice, answer.proven) == ((0, 1), False)
        assert "takes 1.2 s, above the SLA" in answer.note

    def test_claiming_that_nothing_keeps_the_sla_is_checked(self) -> None:
        answer = settle(two_stages(), Claim("Solver", None, True), FOREVER)
        assert answer.choice is not None
        assert not answer.proven
        assert "claimed that no plan keeps the limits" in answer.note

    def test_a_choice_above_the_limit_of_cores_is_replaced(self) -> None:
        answer = settle(replace(two_stages(sla_s=2.0), max_cores=3), Claim("Solver", (1, 1), True), FOREVER)
        assert (answer.choice, answer.proven) == ((0, 1), False)
        assert "Solver chose a plan of 4 cores, above their limit" in answer.note

    def test_no_choice_is_worse_than_what_is_known_anyway(self) -> None:
        given = random_problem(
            seed=3, stages=20, variants=15, batches=6, kind="profile", metric="pas", tightness=0.3
        )
        best = solve(given)
        poor = fastest(given)
        assert given.value(pick_options(given, poor)) < best.objective - 30
        late = time.perf_counter()
        for choice in (poor, None):
            answer = settle(given, Claim("Solver", choice, False), late)
            assert answer.choice is not None
            assert given.value(pick_options(given, answer.choice)) > best.objective - 0.01
            assert answer.bound >= best.objective - 1e-9
            assert not answer.proven
            assert "deadline" in answer.note

    @pytest.mark.parametrize("solver", ["highs", "pulp-highs", "gurobi"])
    def test_the_bound_of_a_stopped_solver_is_one(self, solver: str) -> None:
        if solver == "gurobi":
            pytest.importorskip("gurobipy")
        given = random_problem(
            seed=3, stages=20, variants=15, batches=6, kind="profile", metric="pas", tightness=0.3
        )
        best, stopped = solve(given), solve(given, solver, deadline_s=0.1)
        assert stopped.objective > best.objective - 0.01
        assert stopped.bound >= best.objective - 1e-9
        assert stopped.gap == stopped.bound - stopped.objective

    def test_a_plan_above_the_sla_by_less_than_solvers_can_tell_is_replaced_and_proven_by_labels(
        self,
    ) -> None:
        given = problem(
            [option(0.1, cost=9), option(0.2 + 4e-9, cost=1)], [option(0.8)], sla_s=1.0, alpha=0.0
        )
        answer = settle(given, Claim("Solver", (1, 0), True), FOREVER)
        assert (answer.choice, answer.proven) == ((0, 0), True)
        assert "by less than it can tell; labels proved this one" in answer.note

    def test_the_value_of_the_solvers_own_choice_is_kept(self) -> None:
        given = problem([option(0.2, batch=1), option(0.1, batch=1)], delta=0.0)
        answer = settle(given, Claim("Solver", (0,), True), FOREVER)
        assert (answer.choice, answer.objective) == ((1,), given.value([given.options[0][0]]))

    def test_with_too_many_ties_the_own_choice_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def exceeding(*_: object) -> None:
            raise LabelsExceededError

        monkeypatch.setattr(agree, "best_of", exceeding)
        answer = settle(two_stages(sla_s=0.7), Claim("Solver", (0, 1), True), FOREVER)
        assert (answer.choice, answer.proven) == ((0, 1), True)
        assert answer.note == "too many ties to look for the first one"


class TestPulp:
    def test_a_deadline_without_a_plan_is_not_called_infeasible(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pulp, "_run_highs", lambda program, limit_s: 0.0)  # noqa: ARG005
        decision = solve(two_stages(), "pulp-highs")
        assert decision.status is Status.FEASIBLE
        assert "HiGHS found no plan before its deadline" in decision.note

    def test_highs_stops_at_its_deadline(self) -> None:
        given = random_problem(seed=1, stages=6, variants=5, batches=3, kind="strong", metric="pas")
        decision = solve(given, "pulp-highs", deadline_s=0.3)
        assert decision.status is Status.FEASIBLE
        assert decision.note.startswith(("HiGHS ran into its deadline", "HiGHS reached"))

    def test_cbc_that_hangs_is_killed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        hanging = tmp_path_factory.mktemp("cbc") / "cbc"
        hanging.write_text("#!/bin/sh\nexec sleep 60\n")
        hanging.chmod(0o755)
        monkeypatch.setattr(pulp, "cbc_path", lambda: str(hanging))
        monkeypatch.setattr(pulp, "_GRACE_S", 0.05)
        decision = solve(two_stages(), "pulp-cbc", deadline_s=0.05)
        assert decision.status is Status.FEASIBLE
        assert "CBC found no plan before its deadline" in decision.note

    def test_no_cbc_is_an_error_with_the_install_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulp, "cbc_path", lambda: None)
        with pytest.raises(SolverUnavailableError, match=r"pip install pulp\[cbc\]"):
            solve(two_stages(), "pulp-cbc")

    def test_pulp_takes_cbc_where_highs_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "highspy", None)
        highs.print_banner_unseen.cache_clear()
        decision = solve(two_stages(), "pulp")
        assert (decision.solver, decision.status) == ("pulp-cbc", Status.OPTIMAL)
        assert decision.note.startswith("pulp-cbc instead of pulp-highs: HiGHS is missing; install it with")
        assert len(caplog.messages) == 1

    def test_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        highs.print_banner_unseen.cache_clear()
        for solver in ("pulp-highs", "pulp-cbc"):
            solve(two_stages(), solver)
        assert capfd.readouterr() == ("", "")


class TestGurobi:
    def test_a_missing_gurobipy_is_an_error_with_the_install_line(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "gurobipy", None)
        with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[gurobi\]"'):
            solve(two_stages(), "gurobi")

    def test_a_model_above_the_size_limit_is_refused_with_a_way_out(self) -> None:
        pytest.importorskip("gurobipy")
        if gurobi.licence().unlimited:
            pytest.skip("this licence has no size limit")
        with pytest.raises(SolverUnavailableError, match=r"21\d\d variables.*solver exact or pulp"):
            solve(random_problem(stages=31, variants=10, batches=7, kind="strong", metric="mean"), "gurobi")

    def test_a_nonlinear_model_above_its_smaller_limit_is_refused_with_a_way_out(self) -> None:
        pytest.importorskip("gurobipy")
        if gurobi.licence().unlimited:
            pytest.skip("this licence has no size limit")
        with pytest.raises(SolverUnavailableError, match=r"variables and products of them.*solver exact"):
            solve(random_problem(stages=20, variants=10, batches=7), "gurobi-nonlinear")

    def test_a_licence_file_that_is_not_there_is_refused_with_a_way_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("gurobipy")
        monkeypatch.setenv("GRB_LICENSE_FILE", "/nonexistent/gurobi.lic")
        gurobi.environment.cache_clear()
        with pytest.raises(SolverUnavailableError, match="unset it to use the licence bundled"):
            solve(two_stages(), "gurobi")
        monkeypatch.undo()
        assert solve(two_stages(), "gurobi").optimal

    def test_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("gurobipy")
        gurobi.environment.cache_clear()
        solve(two_stages(), "gurobi")
        assert capfd.readouterr() == ("", "")


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
