"""At most one candidate acts at a time, and somebody does soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.cluster import client as client_module
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import LEASE
from ipa.cluster.transport import Answer, Request, TransportError
from ipa.controller.election import Election, Timing
from tests.support.controllers import wait_for
from tests.support.memory_cluster import MemoryCluster, status

TIMING = Timing(duration_s=15, renew_within_s=10, retry_s=2)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MemoryCluster:
    monkeypatch.setattr(client_module, "RETRY_FOR_S", 0.0)
    return MemoryCluster()


def candidate(cluster: MemoryCluster, name: str, clock: Clock) -> Election:
    return Election(ClusterClient(cluster), "here", "lease", name, TIMING, clock)


def lease(cluster: MemoryCluster) -> dict[str, object]:
    spec: dict[str, object] = cluster.one(LEASE, "lease", "here")["spec"]
    return spec


def test_the_first_one_leads_and_renews(cluster: MemoryCluster) -> None:
    clock = Clock()
    first = candidate(cluster, "a", clock)
    assert not first.leads
    assert first.step()
    before = lease(cluster)
    assert (before["holderIdentity"], before["leaseDurationSeconds"]) == ("a", 15)
    assert before["leaseTransitions"] == 0
    clock.now_s += 2
    assert first.step()
    after = lease(cluster)
    assert after["acquireTime"] == before["acquireTime"]
    assert str(after["renewTime"]) > str(before["renewTime"])


def test_another_one_takes_over_only_what_was_not_renewed_for_long(cluster: MemoryCluster) -> None:
    clock = Clock()
    first, second = candidate(cluster, "a", clock), candidate(cluster, "b", clock)
    first.step()
    assert not second.step()
    assert second.holder == "a"
    clock.now_s += 14
    first.step()
    assert not second.step()
    clock.now_s += 14.9
    assert not first.leads
    assert not second.step()
    clock.now_s += 0.2
    assert second.step()
    assert not first.step()
    assert lease(cluster)["leaseTransitions"] == 1


def test_who_cannot_renew_stands_back_before_another_one_may_act(cluster: MemoryCluster) -> None:
    clock = Clock()
    first = candidate(cluster, "a", clock)
    first.step()

    def away(_request: Request) -> Answer | None:
        raise TransportError("no route")

    cluster.fault = away
    clock.now_s += 9.9
    assert first.step()
    clock.now_s += 0.2
    assert not first.step()
    cluster.fault = lambda _request: None
    assert first.step()


def test_of_two_that_take_it_at_once_one_gets_it(cluster: MemoryCluster) -> None:
    clock = Clock()
    first, second = candidate(cluster, "a", clock), candidate(cluster, "b", clock)
    # The second one is faster, after the first one has looked.
    seen: list[str] = []

    def race(request: Request) -> Answer | None:
        if request.method == "POST" and not seen:
            seen.append(request.method)
            assert second.step()
        return None

    cluster.fault = race
    assert not first.step()
    assert second.leads
    assert lease(cluster)["holderIdentity"] == "b"


def test_a_lost_answer_is_no_lease(cluster: MemoryCluster) -> None:
    first = candidate(cluster, "a", Clock())
    cluster.fault = lambda request: (
        status(409, "Conflict", "the object has been modified") if request.method != "GET" else None
    )
    assert not first.step()


def test_what_is_given_up_is_free_at_once(cluster: MemoryCluster) -> None:
    clock = Clock()
    first, second = candidate(cluster, "a", clock), candidate(cluster, "b", clock)
    first.step()
    first.stop()
    assert not first.leads
    assert second.step()
    second.stop()
    first.stop()
    assert lease(cluster)["holderIdentity"] == ""


def test_it_goes_on_by_itself(cluster: MemoryCluster) -> None:
    election = Election(ClusterClient(cluster), "here", "lease", "a", Timing(retry_s=0.01))
    election.start()
    wait_for("the lease", lambda: election.leads)
    election.stop()
    assert not election.leads


def obeys(_request: Request) -> Answer | None:
    return None


def refuses(_request: Request) -> Answer | None:
    return status(403, "Forbidden", "no")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20), st.booleans()), max_size=40))
def test_never_do_two_lead(steps: list[tuple[str, float, bool]]) -> None:
    cluster, clock = MemoryCluster(), Clock()
    candidates = {name: candidate(cluster, name, clock) for name in "abc"}
    for name, passes_s, works in steps:
        clock.now_s += passes_s
        cluster.fault = obeys if works else refuses
        candidates[name].step()
        assert sum(one.leads for one in candidates.values()) <= 1
