"""Replicas and gateways in a cluster: nothing is lost while they come and go, and shards share the work."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from infrastructure.testcluster.processes import wait_for
from ipa.cluster.kinds import name_of
from ipa.cluster.names import gateway_name
from tests.support.cluster import Cluster, fresh_namespace, own_code
from tests.support.gateway_lab import MODEL
from tests.support.pod_lab import READY_S, PodLab, lab_plan, under_load

pytestmark = pytest.mark.cluster

GATEWAY = gateway_name(MODEL)
RATE_RPS = 10.0

FROZEN_S = 60.0
"""Time in which a kubelet finds out that a replica does not answer, ends it and starts it anew."""


@pytest.fixture(scope="module")
def lab(cluster: Cluster) -> Iterator[PodLab]:
    """A gateway with two replicas in the first stage and one in the second."""
    with own_code(cluster), fresh_namespace(cluster.client) as namespace:
        found = PodLab(cluster, namespace)
        found.tell(lab_plan())
        found.gateway()
        found.replicas(lab_plan())
        found.ready(GATEWAY, 1)
        yield found


def test_nothing_is_lost_while_replicas_and_gateways_come_and_go(lab: PodLab) -> None:
    first = lab.set_name(lab_plan().stages[0])

    def work() -> None:
        lab.scale(first, 3)
        lab.scale(first, 1)
        lab.restart(first)
        lab.serve(lab_plan(batch=4))
        lab.replicas(lab_plan("b"))
        lab.serve(lab_plan("b"))
        lab.scale(first, 0)
        lab.restart(GATEWAY)

    outcomes = under_load(lab, RATE_RPS, work)
    assert not outcomes.lost
    assert set(outcomes.counts) == {"ok"}
    assert set(outcomes.variants) == {"a", "b"}
    assert outcomes.longest_gap_s < 5


def test_a_replica_that_is_frozen_is_started_anew_and_nothing_is_lost(lab: PodLab) -> None:
    lab.scale(first := lab.set_name(lab_plan().stages[0]), 2)
    lab.serve(lab_plan())
    took_s: list[float] = []

    def work() -> None:
        frozen = lab.pods_of(first)[0]
        if not lab.signal(frozen, "SIGSTOP"):
            pytest.skip("only processes on this machine can be frozen")
        began_s = time.monotonic()
        wait_for("its restart", lambda: lab.restarts(name_of(frozen)) > 0, FROZEN_S)
        lab.ready(first, 2)
        took_s.append(time.monotonic() - began_s)

    outcomes = under_load(lab, RATE_RPS, work)
    assert not outcomes.lost
    assert set(outcomes.counts) == {"ok"}
    assert outcomes.longest_gap_s < 5
    assert took_s[0] < FROZEN_S


def test_what_monitoring_is_told_adds_up(lab: PodLab) -> None:
    lab.scale(GATEWAY, 2)
    zero_ns = time.time_ns()
    outcomes = under_load(lab, RATE_RPS, lambda: time.sleep(2), connections=6)
    time.sleep(1)
    arrived, journal = 0, []
    for shard in lab.shards():
        with closing(shard):
            counts = shard.arrivals(zero_ns, 0, int((time.time_ns() - zero_ns) / 1e9))
            arrived += sum(count for count in counts if count)
            journal += [row for row in shard.journal(0).to_pylist() if row["arrival_ns"] >= zero_ns]
    sent = sum(outcomes.counts.values())
    assert set(outcomes.counts) == {"ok"}
    assert arrived == len(journal) == sent
    assert len({row["id"] for row in journal}) == sent
    assert all(zero_ns <= row["arrival_ns"] <= row["end_ns"] <= time.time_ns() for row in journal)


def test_no_client_over_rest_loses_a_request_while_the_shards_are_replaced(lab: PodLab) -> None:
    lab.scale(GATEWAY, 2)
    before = set(_shared(lab)[0])
    outcomes = under_load(lab, RATE_RPS, lambda: lab.restart(GATEWAY), rest=True)
    assert not outcomes.lost
    assert set(outcomes.counts) == {"ok"}
    assert outcomes.longest_gap_s < 5
    assert not before & set(_shared(lab)[0])


def test_shards_share_the_replicas_and_take_over_from_one_that_dies(lab: PodLab) -> None:
    lab.scale(GATEWAY, 2)
    (killed, _), parts = _shared(lab)
    assert [len(part["first"]) for part in parts] == [1, 1]
    assert not parts[0]["first"] & parts[1]["first"]
    assert parts[0]["second"] == parts[1]["second"], "what there is only once is shared"

    def work() -> None:
        time.sleep(2)
        lab.kill(killed)
        wait_for("another shard", lambda: killed not in _shared(lab)[0], READY_S)

    outcomes = under_load(lab, RATE_RPS, work, connections=6)
    assert set(outcomes.counts) <= {"ok", "UNAVAILABLE"}
    # It held a request or two, and the connections that led to it break once each.
    assert len(outcomes.lost) <= 8
    assert outcomes.longest_gap_s < 5
    _, parts = _shared(lab)
    assert not parts[0]["first"] & parts[1]["first"]


def _shared(lab: PodLab) -> tuple[tuple[str, ...], list[dict[str, set[str]]]]:
    """Return two shards that know of each other, and each's own replicas by stage, once there are such."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = lab.states()
        return len(found) == 2 and all(len(state["shards"]) == 2 for state in found)

    wait_for("two shards", look, READY_S)
    parts = [
        {
            stage["stage"]: {one["name"] for one in stage["replicas"] if not one["borrowed"]}
            for stage in state["gateway"]["stages"]
        }
        for state in found
    ]
    return tuple(state["pod"] for state in found), parts
