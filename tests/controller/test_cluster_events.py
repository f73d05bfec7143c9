"""Events tell people of what happened, once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import EVENT
from ipa.controller.cluster_events import Happening, Teller, event_of, happening_of
from tests.controller.test_conditions import RECORD
from tests.support.memory_cluster import MemoryCluster, status

THING = {"metadata": {"name": "video", "namespace": "here", "uid": "u1", "generation": 2}}


def test_a_reconfiguration_is_told_with_the_plan_and_the_rate() -> None:
    happening = happening_of(replace(RECORD, action="applied"), RECORD)
    assert happening == Happening(
        "Normal", "Reconfigured", "a small × 2, batch 1; b large × 1, batch 4; 4 cores for 10.0 requests/s"
    )


def test_nothing_has_happened_where_nothing_changed() -> None:
    assert happening_of(RECORD, None) is None


def test_a_held_plan_is_told_once_for_each_reason() -> None:
    held = replace(RECORD, action="held", reason="no second of the history was measured")
    assert happening_of(held, RECORD) == Happening("Warning", "PlanHeld", held.reason)
    assert happening_of(held, held) is None
    other = replace(held, reason="forecast failed")
    assert happening_of(other, held) is not None


def test_what_only_takes_its_time_is_no_event() -> None:
    waits = replace(RECORD, action="pending", reason="a: 1 of 2 replicas serve")
    assert happening_of(waits, RECORD) is None
    stuck = replace(waits, reason="a: 1 of 2 replicas serve (no node has room: 0/2 nodes)")
    found = happening_of(stuck, waits)
    assert found is not None
    assert (found.kind, found.reason) == ("Warning", "Unschedulable")
    # Its numbers change, the trouble does not.
    assert happening_of(replace(stuck, reason="a: 0 of 2 (no node has room: 0/1 nodes)"), stuck) is None


def test_an_event_names_its_object() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    event = event_of(THING, Happening("Normal", "Deployed", "x" * 2000), "ipa-1", now, 255)
    assert event["metadata"] == {"name": "video.ff", "namespace": "here"}
    assert event["involvedObject"]["uid"] == "u1"
    assert event["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert len(event["message"]) == 1000


def test_an_event_that_cannot_be_written_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    cluster = MemoryCluster()
    teller = Teller(ClusterClient(cluster), "ipa-1")
    teller.tell(THING, Happening("Normal", "Deployed", "it"))
    assert [one["reason"] for one in cluster.all(EVENT)] == ["Deployed"]
    cluster.fault = lambda _request: status(403, "Forbidden", "no")
    teller.tell(THING, Happening("Warning", "PlanHeld", "why"))
    assert "event PlanHeld of video" in caplog.text
