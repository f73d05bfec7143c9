"""Claims that are checked by solving again."""

import pytest
from claims_evidence import HandMade

from ipa.claims import CHECKS, Evidence, Support
from ipa.optimizer.answer import Answer
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import SOLVERS


@pytest.mark.parametrize(
    ("claim", "support"),
    [
        ("C11", Support.SUPPORTED),
        ("C12", Support.SUPPORTED),
        ("C27", Support.CONTRADICTED),
        ("C30", Support.PARTLY),
        ("C31", Support.CONTRADICTED),
        ("C33", Support.SUPPORTED),
    ],
)
def test_the_published_parameters_give_the_verdict(claim: str, support: Support) -> None:
    finding = CHECKS[claim](HandMade())
    assert finding.support is support
    assert finding.agrees in (True, None)


def test_runs_that_maximised_pas_would_support_the_claim() -> None:
    runs = Evidence.table("runs")
    only_raw = runs[(runs["edition"] == "v3") & (runs["accuracy_objective"] == "raw-product")]
    finding = CHECKS["C31"](HandMade(runs=only_raw))
    assert (finding.support, finding.agrees) == (Support.SUPPORTED, False)


def test_batching_in_every_pipeline_would_support_the_claim() -> None:
    finding = CHECKS["C30"](HandMade(runs=Evidence.table("runs").assign(batching_cap="8")))
    assert finding.support is Support.SUPPORTED
    assert finding.reproduced.endswith("no pipeline")


def test_a_solver_that_misses_the_optimum_contradicts_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    def cheapest(problem: Problem, deadline_s: float) -> Answer:  # noqa: ARG001 (the signature of a solver)
        return Answer((0,) * len(problem.options) if all(problem.options) else None, proven=True)

    monkeypatch.setitem(SOLVERS._entries, "exact", cheapest)
    runs = Evidence.table("runs")
    one = runs[(runs["edition"] == "v3") & (runs["pipeline"] == "video") & (runs["method"] == "ipa")]
    assert CHECKS["C33"](HandMade(runs=one)).support is Support.CONTRADICTED
