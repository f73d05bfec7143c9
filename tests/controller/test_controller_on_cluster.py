"""From ``kubectl apply`` to ``kubectl delete``: a real cluster, real pods, a controller beside it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml

from infrastructure.testcluster.processes import wait_for
from ipa.cluster.client import ClusterClient, Write, connect
from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, LEASE, PIPELINE, POD, SERVICE, Kind, Object
from ipa.cluster.names import selector
from ipa.cluster.resource import read_status
from ipa.controller.controller import Controller, ControllerSettings
from ipa.controller.election import Election, Timing
from ipa.platforms.kubernetes.access import ensure_gateway_account
from tests.support.cluster import Cluster
from tests.support.stock_server import example_object

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("pod_code")]

EXAMPLE = Path(__file__).parents[2] / "examples" / "kubernetes" / "video.yaml"

PATIENCE_S = 120.0

TIMING = Timing(duration_s=4, renew_within_s=3.0, retry_s=0.5)


class Running:
    """A controller of one namespace, in a thread."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self.client = connect(cluster.kubeconfig)
        election = Election(self.client, namespace, "ipa-controller", name, TIMING)
        settings = ControllerSettings(name, namespace, cluster.image, port=0)
        self.controller = Controller(self.client, settings, election)
        self._stop = Event()
        self._thread = Thread(target=self.controller.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def writes(self) -> list[Write]:
        """Return what it wrote, but for the Lease that it renews."""
        return [one for one in self.client.writes if one.kind != LEASE.name]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.client.close()


class Lab:
    """A pipeline, that of the example by default, decided for every two seconds."""

    def __init__(self, cluster: Cluster, namespace: str, thing: Object | None = None) -> None:
        self.client, self.namespace = cluster.client, namespace
        ensure_gateway_account(self.client, namespace)
        thing = thing or yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
        self.name = thing["metadata"]["name"]
        thing["spec"]["intervalSeconds"] = 2
        self.client.create(thing, namespace)

    def thing(self) -> Object:
        found = self.client.get(PIPELINE, self.name, self.namespace)
        assert found is not None
        return found

    def change(self, **spec: Any) -> None:
        self.client.patch(PIPELINE, self.name, {"spec": spec}, self.namespace)

    def reasons(self) -> dict[str, str]:
        return {one.type: one.reason for one in read_status(self.thing()).conditions}

    def variants(self) -> list[str]:
        return [stage.variant for stage in read_status(self.thing()).serving]

    def until(self, what: str, condition: Any) -> None:
        wait_for(what, condition, PATIENCE_S, lambda: str(self.thing().get("status")))

    def until_served(self) -> None:
        def served() -> bool:
            status = read_status(self.thing())
            told = [(one.stage, one.variant, one.batch) for one in status.serving]
            planned = [(one.stage, one.variant, one.batch) for one in status.plan]
            seen = self.thing()["metadata"]["generation"] == status.observed_generation
            reasons = {one.type: one.reason for one in status.conditions}
            well = (reasons.get("Ready"), reasons.get("Degraded")) == ("Serving", "AsPlanned")
            return bool(told) and told == planned and seen and well

        self.until("the plan in force", served)

    def owned(self, kind: Kind) -> list[str]:
        found = self.client.list(kind, self.namespace, selector=selector(self.name)).items
        return sorted(one["metadata"]["name"] for one in found)


@pytest.fixture
def lab(cluster: Cluster, namespace: str) -> Lab:
    return Lab(cluster, namespace)


@pytest.fixture
def running(cluster: Cluster, lab: Lab) -> Iterator[Running]:
    made = Running(cluster, lab.namespace, "first")
    yield made
    made.stop()


def decisions(running: Running) -> float:
    lines = running.controller.metrics.text().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("ipa_controller_decisions_total")
    )


def test_a_pipeline_lives_by_its_object(cluster: Cluster, lab: Lab, running: Running) -> None:
    lab.until_served()
    pods, writes = lab.owned(POD), running.writes()
    assert len(pods) == sum(one.replicas for one in read_status(lab.thing()).plan) + 1

    # Nothing is written while nothing changes.
    before = decisions(running)
    lab.until("three more decisions", lambda: decisions(running) >= before + 3)
    assert running.writes() == writes

    # Another controller takes over and touches nothing either.
    second = Running(cluster, lab.namespace, "second")
    running.stop()
    lab.until("the other one to lead", lambda: second.controller.leads)
    lab.until("three decisions of it", lambda: decisions(second) >= 3)
    assert [one for one in second.writes() if one.verb != "apply_status"] == []
    assert lab.owned(POD) == pods

    # Who is paused is left alone; what the limits say then is obeyed: another variant, make before break.
    lab.change(paused=True)
    lab.until("the pause", lambda: lab.reasons()["Adapting"] == "Paused")
    lab.change(paused=False, limits={"variants": {"image-classification": ["resnet50"]}})
    lab.until("the variant", lambda: lab.variants() == ["yolov5s", "resnet50"])
    lab.until_served()

    # An object that makes no sense is said to; what runs goes on.
    lab.change(forecaster="crystal-ball")
    lab.until("the condition", lambda: lab.reasons()["Adapting"] == "InvalidSpec")
    assert lab.reasons()["Ready"] == "Serving"
    events = {one["reason"] for one in _events(lab.client, lab.thing(), lab.namespace)}
    assert {"Deployed", "Reconfigured", "Paused", "Resumed", "InvalidSpec"} <= events

    # With the object all goes.
    lab.client.delete(PIPELINE, "video", lab.namespace)
    kinds = (DEPLOYMENT, SERVICE, CONFIG_MAP, POD)
    wait_for("the end of all that it owns", lambda: not any(map(lab.owned, kinds)), PATIENCE_S)
    second.stop()


def _events(client: ClusterClient, thing: Object, namespace: str) -> tuple[Object, ...]:
    uid = thing["metadata"]["uid"]
    return client.list(EVENT, namespace, fields=f"involvedObject.uid={uid}").items


def test_an_image_that_cannot_be_had_is_said(lab: Lab, running: Running) -> None:
    lab.change(image="ipa:never-built")
    lab.until("the condition", lambda: lab.reasons().get("Degraded") == "ImageUnavailable")
    assert lab.reasons()["Ready"] == "ImageUnavailable"
    assert running.controller.leads
    lab.change(image=None)
    lab.until_served()


def test_a_server_of_somebody_elses_is_kept_and_told_of_as_ours_are(cluster: Cluster, namespace: str) -> None:
    thing = example_object()
    thing["spec"]["limits"] = {"variants": {"second": ["stock-mlserver"]}}
    lab = Lab(cluster, namespace, thing)
    running = Running(cluster, namespace, "first")
    try:
        lab.until_served()
        assert lab.variants() == ["emulated", "stock-mlserver"]

        # What serves goes on while the image that is to follow cannot be had.
        server = thing["spec"]["pipeline"]["stages"][1]["variants"][1]["server"]
        for image, reason in (
            ("localhost/there-is-none:1", "ImageUnavailable"),
            (cluster.image, "AsPlanned"),
        ):
            server["image"] = image
            lab.change(pipeline=thing["spec"]["pipeline"])
            lab.until("the condition", lambda reason=reason: lab.reasons()["Degraded"] == reason)
            assert lab.reasons()["Ready"] == "Serving"
        lab.until_served()

        # One that ends at once where there is nothing else to serve with.
        server["command"] = ["sh", "-c", "echo no weights; exit 3", "{port}"]
        lab.change(pipeline=thing["spec"]["pipeline"])
        lab.until("the condition", lambda: lab.reasons()["Degraded"] == "CrashLoop")
        degraded = read_status(lab.thing()).condition("Degraded")
        assert degraded is not None
        assert "no weights" in degraded.message
    finally:
        running.stop()
