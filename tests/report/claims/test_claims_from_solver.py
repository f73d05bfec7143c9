"""Claims that are checked by solving again."""

import pytest

from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import SOLVERS
from ipa.report.claims import CHECKS, Evidence, Support, from_solver
from ipa.report.claims.judge import Status
from tests.support.claims_evidence import HandMade, status


@pytest.mark.parametrize(
    ("claim", "support"),
    [
        ("C11", Support.OWN),
        ("C12", Support.OWN),
        ("C27", Support.CONTRADICTED),
        ("C30", Support.PARTLY),
        ("C31", Support.CONTRADICTED),
        ("C33", Support.OWN),
    ],
)
def test_the_published_parameters_give_the_verdict(claim: str, support: Support) -> None:
    assert CHECKS[claim](HandMade()).support is support
    assert status(claim, HandMade()) is Status.PASSED


def test_runs_that_maximised_pas_would_support_the_claim() -> None:
    runs = Evidence.table("runs")
    only_raw = runs[(runs["edition"] == "v3") & (runs["accuracy_objective"] == "raw-product")]
    assert CHECKS["C31"](HandMade(runs=only_raw)).support is Support.SUPPORTED
    assert status("C31", HandMade(runs=only_raw)) is Status.FAILED


def test_batching_in_every_pipeline_would_support_the_claim() -> None:
    finding = CHECKS["C30"](HandMade(runs=Evidence.table("runs").assign(batching_cap="8")))
    assert finding.support is Support.SUPPORTED
    assert finding.reproduced.endswith("no pipeline")
    assert status("C30", HandMade(runs=Evidence.table("runs").assign(batching_cap="8"))) is Status.FAILED


def test_a_solver_that_misses_the_optimum_fails() -> None:
    def cheapest(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001 (the signature of a solver)
        return Answer((0,) * len(problem.options) if all(problem.options) else None, proven=True)

    runs = Evidence.table("runs")
    one = runs[(runs["edition"] == "v3") & (runs["pipeline"] == "video") & (runs["method"] == "ipa")]
    with SOLVERS.temporarily("exact", cheapest):
        assert status("C33", HandMade(runs=one)) is Status.FAILED


@pytest.mark.parametrize("claim", ["C11", "C12"])
def test_a_limit_that_no_solver_keeps_fails(claim: str) -> None:
    claims = Evidence.table("claims")
    claims = claims.assign(claimed=claims["claimed"].where(claims["id"] != claim, "seconds=1e-9"))
    assert status(claim, HandMade(claims=claims)) is Status.FAILED
    assert "slowest" in CHECKS[claim](HandMade(claims=claims)).reproduced


def test_an_sla_that_binds_would_support_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_solver, "_changes", lambda *_: 5)
    runs = Evidence.table("runs")
    one = HandMade(runs=runs[(runs["edition"] == "v3") & (runs["pipeline"] == "video")])
    assert CHECKS["C27"](one).support is Support.SUPPORTED
    assert status("C27", one) is Status.FAILED


@pytest.mark.parametrize("claim", ["C11", "C12", "C33"])
def test_what_tests_this_artifact_alone_is_not_compared_with_the_paper(claim: str) -> None:
    assert CHECKS[claim](HandMade()).reproduced.startswith("not comparable with the paper: ")
    assert not HandMade().claim(claim).expected
