"""Every check can fail: evidence that contradicts what is expected is called so."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pandas as pd
import pytest

from ipa.optimizer.decision import Decision
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import solve
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.report.claims import CHECKS, Evidence, from_forecast, from_latency, from_preferences, from_solver
from ipa.report.claims.judge import Status
from ipa.studies.forecast_errors import TEST_WEEK
from tests.support.claims_evidence import HandMade, published, scaled, status

table = Evidence.table


def off(*methods: str) -> Evidence:
    return HandMade(scaled(2, *methods))


def with_claimed(claim: str, numbers: str) -> Evidence:
    claims = table("claims")
    return HandMade(claims=claims.assign(claimed=claims["claimed"].where(claims["id"] != claim, numbers)))


def used_by_the_runs() -> pd.DataFrame:
    used = {"yolov5n": "1", "yolov5s": "1", "yolov5m": "2", "yolov5l": "4", "yolov5x": "8"}
    return table("table4").assign(cores=table("table4")["variant"].map(used))


def steps_of_latency() -> pd.DataFrame:
    """Return the published profiles with latencies that no parabola meets."""
    profiles = table("profiles")
    steps = profiles["batch"].isin(["2", "32"]).map({True: "0.9", False: "0.1"})
    return profiles.assign(latency_p99_s=steps.where(profiles["latency_p99_s"] != "", ""))


CONTRADICTING: dict[str, Callable[[], Evidence]] = {
    "C1": lambda: off("fa2-high"),
    "C2": lambda: off("ipa"),
    "C3": lambda: off("ipa"),
    "C4": lambda: off("ipa"),
    "C5": lambda: HandMade(scaled(0, "ipa")),
    "C6": lambda: HandMade(pas_of_rim=lambda _: [0.5] * 121),
    "C7": lambda: off("rim"),
    "C8": lambda: HandMade(scaled(9, "fa2-low")),
    "C9": lambda: off("fa2-high"),
    "C10": lambda: off("fa2-high"),
    "C11": lambda: with_claimed("C11", "seconds=1e-9"),
    "C12": lambda: with_claimed("C12", "seconds=1e-9"),
    "C14": HandMade,
    "C15": HandMade,
    "C16": HandMade,
    "C17": HandMade,
    "C18": HandMade,
    "C19": HandMade,
    "C20": lambda: with_claimed("C20", "seconds=1e-9"),
    "C21": lambda: HandMade(table2=table("table2").assign(measured_latency_p99_ms="90")),
    "C22": lambda: with_claimed("C22", "first_cores=4; second_cores=13; rate_rps=2000; sla_s=0.6"),
    "C23": lambda: with_claimed("C23", "latency_ms=300"),
    "C24": lambda: HandMade(table4=used_by_the_runs()),
    "C25": lambda: HandMade(allocations=table("allocations").query("pipeline == 'video'")),
    "C26": lambda: with_claimed("C26", "within_pct=90"),
    "C27": HandMade,
    "C28": lambda: HandMade(profiles=steps_of_latency()),
    "C29": lambda: with_claimed("C29", "factor=2; within_pct=60"),
    "C30": lambda: HandMade(runs=table("runs").assign(batching_cap="8")),
    "C31": lambda: HandMade(runs=table("runs").query("accuracy_objective == 'raw-product'")),
    "C32": lambda: HandMade(runs=table("runs").iloc[:1]),
    "C33": HandMade,
    "C34": lambda: off("ipa"),
    "C35": lambda: HandMade(lambda *cell: 1.06 * published(*cell)),
    "V3": lambda: HandMade(compared=0),
    "V1": lambda: HandMade(compared=0),
}


@pytest.fixture
def nothing_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace what the checks read or compute elsewhere by something that shows no effect."""
    forecasts = [
        {
            "edition": edition,
            "pipeline": pipeline,
            "forecaster": name,
            "cost_cores": 5.0,
            "cost_interval": 0.0,
        }
        | {"violation_pct": late, "violation_interval": 0.0, "dropped_pct": 0.0, "runs": 5}
        for edition in ("as-published-v1", "corrected")
        for pipeline in PAPER_PIPELINES
        for name, late in (("max", 1.0), ("lstm", 2.0))
    ]
    scores = [
        {"forecaster": "lstm", "series": series, "smape_pct": 50.0}
        for series in (TEST_WEEK, *PAPER_WORKLOADS)
    ]
    tables = {"closed-loop": pd.DataFrame(forecasts), "scores": pd.DataFrame(scores)}
    monkeypatch.setattr(from_forecast, "stored_table", tables.__getitem__)
    slow = {
        (p, m): {"cdf_at_sla": [0.1] * 3, "p50_s": [99.0] * 3} for p in PAPER_PIPELINES for m in PAPER_METHODS
    }
    monkeypatch.setattr(from_latency, "latencies", lambda _: slow)
    points = table("fig14_preference").assign(cost_cores=1.0, accuracy=1.0, within_with_ties=False)
    points["published_cost_cores"] = points["avg_cost_cores"].astype(float)
    points["edition"] = points["edition"].map({"v1": "as-published-v1", "v3": "as-published"})
    monkeypatch.setattr(
        from_preferences, "_points", lambda _, *editions: points[points["edition"].isin(editions)]
    )
    monkeypatch.setattr(from_solver, "_changes", lambda *_: 5)
    plans = count()

    def another_plan_each_time(problem: Problem, solver: str) -> Decision:
        decision = solve(problem, solver)
        return replace(decision, plan=replace(decision.plan, stages=decision.plan.stages[: next(plans) % 2]))

    monkeypatch.setattr(from_solver, "solve", another_plan_each_time)


def test_every_check_is_tried() -> None:
    assert set(CONTRADICTING) == set(CHECKS)


@pytest.mark.usefixtures("nothing_as_expected")
@pytest.mark.parametrize("claim", CONTRADICTING)
def test_evidence_against_it_fails(claim: str) -> None:
    assert status(claim, CONTRADICTING[claim]()) is Status.FAILED
