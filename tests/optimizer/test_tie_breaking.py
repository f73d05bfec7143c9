"""What a solver claims is checked, and ties are broken alike."""

import math
import time
from dataclasses import replace

import pytest

from ipa.optimizer.answer import fastest, pick_options
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.solvers import tie_breaking as agree
from ipa.optimizer.solvers.tie_breaking import Claim, settle
from tests.support.toys import option, problem, two_stages

FOREVER = math.inf


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
