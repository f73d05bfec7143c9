"""Solvers that are given a mixed-integer program: their models, deadlines, licences and missing parts."""

import sys

import pytest

from ipa.errors import MissingExtraError, SolverUnavailableError
from ipa.optimizer.decision import Status
from ipa.optimizer.random_problems import random_problem
from ipa.optimizer.solve import solve
from ipa.optimizer.solvers import gurobi, highs, pulp
from ipa.optimizer.solvers.milp import milp_of
from ipa.pipeline.accuracy import METRICS
from tests.support.toys import option, problem, two_stages


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
