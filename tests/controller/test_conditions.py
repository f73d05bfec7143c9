"""Conditions say how a pipeline is, why, and since when."""

from dataclasses import replace

import pytest

from ipa.cluster.resource_status import Condition, PipelineStatus
from ipa.controller.conditions import (
    PATIENCE_S,
    Facts,
    Verdict,
    invalid,
    out_of_reach,
    paused,
    updated,
    verdicts,
    word_for,
)
from ipa.pipeline.plan import Plan, StagePlan
from ipa.results.decisions import DecisionRecord

PLAN = Plan((StagePlan("a", "small", 1, 2, 1), StagePlan("b", "large", 4, 1, 2)))

RECORD = DecisionRecord(
    step=3,
    time_s=30.0,
    observed_rps=9.0,
    forecast_rps=10.0,
    fallback="",
    rate_rps=10.0,
    status="optimal",
    solver="exact",
    solve_s=0.001,
    action="unchanged",
    reason="",
    cost_cores=4,
    pas=0.5,
    rank_sum=1.0,
    ready_replicas=(2, 1),
    plan=PLAN,
)

WELL = Facts(1.5, 10.0, PLAN, (2, 1), record=RECORD, missed=0.004)


def judged(facts: Facts) -> dict[str, tuple[str, str]]:
    return {one.kind: (one.status, one.reason) for one in verdicts(facts)}


def test_a_pipeline_that_does_what_it_should() -> None:
    assert judged(WELL) == {
        "Ready": ("True", "Serving"),
        "Adapting": ("True", "Deciding"),
        "SLAMet": ("True", "WithinSLA"),
        "Degraded": ("False", "AsPlanned"),
    }


def test_before_anything_is_known() -> None:
    found = judged(Facts(1.5, 10.0, Plan(())))
    assert found["Ready"] == ("False", "NotServing")
    assert found["SLAMet"] == ("Unknown", "NoRequests")


@pytest.mark.parametrize(
    ("pending", "word"),
    [
        ("a: 0 of 2 replicas serve (the image x cannot be had: not found)", "ImageUnavailable"),
        ("a: 0 of 2 replicas serve (it ends again and again (3 restarts; Error, exit code 2))", "CrashLoop"),
        ("a: 0 of 2 replicas serve (no node has room: 0/2 nodes)", "Unschedulable"),
        ("pods are refused: pods x is forbidden: exceeded quota: q", "QuotaExceeded"),
        ("pods are refused: admission says no", "PodsRefused"),
        ("the plan waits for room: with what it replaces it takes 9 cores of 8", "WaitingForRoom"),
        ("a: 1 of 2 replicas serve", ""),
    ],
)
def test_a_trouble_has_a_word(pending: str, word: str) -> None:
    assert word_for(pending) == word
    found = judged(replace(WELL, pending=pending))
    assert found["Degraded"] == (("True", word) if word else ("False", "Reconfiguring"))
    found = judged(replace(WELL, ready_replicas=(0, 1), pending=pending))
    assert found["Ready"] == ("False", word or "NotServing")


def test_what_takes_too_long_is_a_trouble_too() -> None:
    facts = replace(WELL, pending="a: 1 of 2 replicas serve", pending_for_s=PATIENCE_S + 1)
    assert judged(facts)["Degraded"] == ("True", "PlanPending")


def test_which_stages_do_not_serve_is_said() -> None:
    ready = verdicts(replace(WELL, ready_replicas=(2, 0)))[0]
    assert (ready.status, ready.message) == ("False", "b: 0 of 1 replicas serve")


def test_a_held_plan_and_a_load_above_capacity() -> None:
    held = replace(RECORD, action="held", reason="observe failed: ClusterError: no answer")
    found = judged(replace(WELL, record=held))
    assert found["Adapting"] == ("False", "PlanHeld")
    assert found["Degraded"] == ("True", "PlanHeld")
    over = replace(RECORD, status="infeasible", reason="no plan carries 900 requests/s")
    found = judged(replace(WELL, record=over))
    assert found["Adapting"] == ("True", "Deciding")
    assert found["Degraded"] == ("True", "OverCapacity")


def test_one_request_of_a_hundred_may_miss_the_sla() -> None:
    assert judged(replace(WELL, missed=0.0100001))["SLAMet"] == ("False", "SLAMissed")
    assert judged(replace(WELL, missed=0.01))["SLAMet"] == ("True", "WithinSLA")


def test_the_time_changes_with_the_status_only() -> None:
    before = PipelineStatus(conditions=updated(PipelineStatus(), verdicts(WELL), 1, "then"))
    assert {one.last_transition_time for one in before.conditions} == {"then"}
    late = updated(before, verdicts(replace(WELL, missed=0.5)), 2, "now")
    times = {one.type: one.last_transition_time for one in late}
    assert times == {"Ready": "then", "Adapting": "then", "SLAMet": "now", "Degraded": "then"}
    assert {one.observed_generation for one in late} == {2}


def test_conditions_that_nothing_is_said_of_stay() -> None:
    before = PipelineStatus(conditions=updated(PipelineStatus(), verdicts(WELL), 1, "then"))
    for found, reason in (
        (paused(), "Paused"),
        (invalid("x"), "InvalidSpec"),
        (out_of_reach("y"), "ClusterError"),
    ):
        after = {one.type: one for one in updated(before, found, 2, "now")}
        assert after["Ready"].status == "True"
        assert after["Adapting"].reason == reason


def test_a_message_is_bounded() -> None:
    (one,) = updated(PipelineStatus(), [Verdict("Ready", "False", "X", "x" * 5000)], 1, "now")
    assert isinstance(one, Condition)
    assert len(one.message) == 1000
