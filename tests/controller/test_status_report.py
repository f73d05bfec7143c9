"""The status is written where something has changed, and nowhere else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ipa.cluster import client as client_module
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import PIPELINE
from ipa.cluster.resource import to_object
from ipa.controller.conditions import Facts, paused
from ipa.controller.status_report import Load, StatusReport
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.plan import Plan
from tests.controller.test_conditions import RECORD, WELL
from tests.support.memory_cluster import MemoryCluster, status


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MemoryCluster:
    monkeypatch.setattr(client_module, "RETRY_FOR_S", 0.0)
    made = MemoryCluster()
    made.put(PIPELINE, "video", to_object(load_pipeline("video")), "here")
    return made


class Clock:
    def __init__(self) -> None:
        self.minute = 0

    def __call__(self) -> datetime:
        return datetime(2026, 1, 1, 0, self.minute, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def report(cluster: MemoryCluster, clock: Clock) -> StatusReport:
    return StatusReport(ClusterClient(cluster), cluster.one(PIPELINE, "video", "here"), clock)


def told(cluster: MemoryCluster) -> dict[str, Any]:
    found: dict[str, Any] = cluster.one(PIPELINE, "video", "here")["status"]
    return found


def writes(cluster: MemoryCluster) -> int:
    return sum(request.method == "PATCH" for request in cluster.requests)


LOAD = Load(9.04, 0.41234, 0.004)


def test_what_is_known_is_written(cluster: MemoryCluster, clock: Clock) -> None:
    report(cluster, clock).update(WELL, LOAD, 1)
    found = told(cluster)
    assert {key: found[key] for key in ("rateRps", "forecastRps", "cores", "pas", "p99Seconds")} == {
        "rateRps": 9.0,
        "forecastRps": 10.0,
        "cores": 4,
        "pas": 0.5,
        "p99Seconds": 0.412,
    }
    assert found["observedGeneration"] == 1
    assert found["lastDecision"] == {"time": "2026-01-01T00:00:00Z", "action": "unchanged", "reason": ""}
    assert [one["type"] for one in found["conditions"]] == ["Ready", "Adapting", "SLAMet", "Degraded"]
    assert cluster.requests[-1].query["fieldManager"] == "ipa-controller"


def test_an_idle_pipeline_costs_no_write(cluster: MemoryCluster, clock: Clock) -> None:
    keeper = report(cluster, clock)
    keeper.update(WELL, LOAD, 1)
    clock.minute = 1
    keeper.update(WELL, LOAD, 1)
    assert writes(cluster) == 1
    # Who comes after does not write it again either.
    report(cluster, clock).update(WELL, LOAD, 1)
    assert writes(cluster) == 1


def test_the_plan_of_the_platform_is_not_touched(cluster: MemoryCluster, clock: Clock) -> None:
    thing = cluster.one(PIPELINE, "video", "here")
    plan = [{"stage": "a", "variant": "small", "cores": 1, "batch": 1, "replicas": 2}]
    cluster.put(PIPELINE, "video", thing | {"status": {"plan": plan}}, "here")
    report(cluster, clock).update(WELL, LOAD, 1)
    assert told(cluster)["plan"] == plan
    assert b'"plan"' not in (cluster.requests[-1].body or b"")


def test_before_the_first_step_what_was_known_stays(cluster: MemoryCluster, clock: Clock) -> None:
    report(cluster, clock).update(WELL, LOAD, 1)
    clock.minute = 1
    later = report(cluster, clock)
    later.update(Facts(1.5, 10.0, Plan(()), pending="the gateway starts"), Load(), 2)
    found = told(cluster)
    assert (found["rateRps"], found["cores"]) == (9.0, 4)
    assert found["observedGeneration"] == 2
    ready = found["conditions"][0]
    assert (ready["status"], ready["lastTransitionTime"]) == ("False", "2026-01-01T00:01:00Z")


def test_the_last_decision_is_the_one_that_changed_something(cluster: MemoryCluster, clock: Clock) -> None:
    keeper = report(cluster, clock)
    for minute, (action, reason) in enumerate(
        [("applied", ""), ("unchanged", ""), ("held", "why"), ("held", "why"), ("unchanged", "")]
    ):
        clock.minute = minute
        keeper.update(replace(WELL, record=replace(RECORD, action=action, reason=reason)), LOAD, 1)
        last = told(cluster)["lastDecision"]
        assert (last["action"], last["time"][14:16]) == (
            ("applied", "00"),
            ("applied", "00"),
            ("held", "02"),
            ("held", "02"),
            ("unchanged", "04"),
        )[minute]


def test_what_is_not_known_is_left_out(cluster: MemoryCluster, clock: Clock) -> None:
    keeper = report(cluster, clock)
    keeper.update(WELL, LOAD, 1)
    keeper.update(replace(WELL, record=replace(RECORD, pas=float("nan"), forecast_rps=None)), Load(), 1)
    body = cluster.requests[-1].body or b""
    assert not any(key in body for key in (b"rateRps", b"forecastRps", b"pas", b"p99Seconds"))


def test_a_write_that_failed_is_made_up_for(cluster: MemoryCluster, clock: Clock) -> None:
    keeper = report(cluster, clock)
    cluster.fault = lambda _request: status(403, "Forbidden", "no")
    keeper.update(WELL, LOAD, 1)
    cluster.fault = lambda _request: None
    keeper.update(WELL, LOAD, 1)
    assert told(cluster)["cores"] == 4


def test_single_conditions_can_be_told(cluster: MemoryCluster, clock: Clock) -> None:
    keeper = report(cluster, clock)
    keeper.update(WELL, LOAD, 1)
    keeper.judge(paused(), 2)
    found = told(cluster)
    assert {one["type"]: one["reason"] for one in found["conditions"]}["Adapting"] == "Paused"
    assert (found["rateRps"], found["observedGeneration"]) == (9.0, 2)
