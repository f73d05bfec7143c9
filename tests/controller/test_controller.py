"""A controller acts while it leads, answers at its door, and lets go of everything in the end."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from ipa.cluster import client as client_module
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import EVERYWHERE, LEASE, PIPELINE
from ipa.cluster.transport import Request, TransportError
from ipa.controller import controller as controller_module
from ipa.controller.controller import Controller, ControllerSettings
from ipa.controller.election import Election, Timing
from ipa.errors import InvalidValueError
from tests.support.controllers import Platforms, put_video, reasons, status_of, threads, wait_for
from tests.support.memory_cluster import MemoryCluster

TIMING = Timing(duration_s=1, renew_within_s=0.6, retry_s=0.05)


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def platforms(monkeypatch: pytest.MonkeyPatch) -> Platforms:
    monkeypatch.setattr(controller_module, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(client_module, "RETRY_FOR_S", 0.0)
    return Platforms()


class Running:
    """A controller in a thread."""

    def __init__(self, cluster: MemoryCluster, platforms: Platforms, name: str) -> None:
        client = ClusterClient(cluster)
        election = Election(client, "ipa-system", "ipa-controller", name, TIMING)
        settings = ControllerSettings(name, EVERYWHERE, "ipa:test", port=0)
        self.controller = Controller(client, settings, election, platforms.of)
        self._stop = Event()
        self._thread = Thread(target=self.controller.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def get(self, path: str) -> tuple[int, str]:
        address = f"http://127.0.0.1:{self.controller.door.port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def running(cluster: MemoryCluster, platforms: Platforms) -> Iterator[Running]:
    put_video(cluster)
    made = Running(cluster, platforms, "a")
    yield made
    made.stop()


def test_it_leads_and_adapts_what_there_is_and_what_comes(cluster: MemoryCluster, running: Running) -> None:
    wait_for("the first pipeline", lambda: "rateRps" in status_of(cluster))
    put_video(cluster, name="other")
    wait_for("another one", lambda: "rateRps" in status_of(cluster, "other"))
    assert running.get("/healthz") == (200, "ok\n")
    assert running.get("/readyz?verbose") == (200, "leads\n")
    code, metrics = running.get("/metrics")
    assert code == 200
    assert "ipa_controller_leader 1.0" in metrics
    assert running.get("/plan") == (404, "no such page\n")
    assert cluster.one(LEASE, "ipa-controller", "ipa-system")["spec"]["holderIdentity"] == "a"


def test_a_pipeline_that_is_deleted_is_let_go_of(
    cluster: MemoryCluster, running: Running, platforms: Platforms
) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    assert running.controller.leads
    cluster.remove(PIPELINE, "video", "here")
    wait_for("its end", lambda: not platforms.latest.attached and threads("keep here/video") == 0)


def test_a_change_reaches_the_keeper(cluster: MemoryCluster, running: Running, platforms: Platforms) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    assert running.controller.leads
    thing = cluster.one(PIPELINE, "video", "here")
    thing["spec"]["paused"] = True
    cluster.put(PIPELINE, "video", thing, "here")
    wait_for("the pause", lambda: reasons(cluster)["Adapting"] == "Paused")
    assert len(platforms.made) == 1


def test_the_next_one_goes_on_when_the_first_one_stops(cluster: MemoryCluster, platforms: Platforms) -> None:
    put_video(cluster)
    first, others = Running(cluster, platforms, "a"), Platforms()
    wait_for("a leader", lambda: first.controller.leads)
    second = Running(cluster, others, "b")
    wait_for("a stand-by", lambda: second.get("/readyz") == (200, "stands by; a leads\n"))
    assert others.made == []
    first.stop()
    assert not platforms.latest.attached
    wait_for("the other one", lambda: others.made and others.latest.attached)
    second.stop()
    assert cluster.one(LEASE, "ipa-controller", "ipa-system")["spec"]["holderIdentity"] == ""


def test_who_cannot_renew_lets_go_and_comes_back(
    cluster: MemoryCluster, running: Running, platforms: Platforms
) -> None:
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))

    def away(_request: Request) -> None:
        raise TransportError("no route")

    cluster.fault = away
    wait_for("the end of the lease", lambda: not running.controller.leads)
    wait_for("the end of its work", lambda: not platforms.latest.attached)
    cluster.fault = lambda _request: None
    wait_for("the next lease", lambda: running.controller.leads and platforms.latest.attached)


def test_nobody_is_ready_before_the_cluster_was_heard_of(
    cluster: MemoryCluster, platforms: Platforms
) -> None:
    def away(_request: Request) -> None:
        raise TransportError("no route")

    cluster.fault = away
    alone = Running(cluster, platforms, "a")
    wait_for("the door", lambda: alone.get("/healthz") == (200, "ok\n"))
    assert alone.get("/readyz") == (503, "nobody is known to lead\n")
    alone.stop()


def test_a_port_that_is_taken_is_said(cluster: MemoryCluster) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        settings = ControllerSettings("a", EVERYWHERE, "ipa:test", port)
        with pytest.raises(InvalidValueError, match=f"port {port} cannot be had"):
            Controller(ClusterClient(cluster), settings, None)


def test_without_an_election_it_leads_at_once(cluster: MemoryCluster, platforms: Platforms) -> None:
    put_video(cluster)
    settings = ControllerSettings("a", "here", "ipa:test", port=0)
    controller, stop = Controller(ClusterClient(cluster), settings, None, platforms.of), Event()
    thread = Thread(target=controller.run, args=(stop,), daemon=True)
    thread.start()
    wait_for("a decision", lambda: "rateRps" in status_of(cluster))
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
