"""IPA is installed, looked at and removed: against an API server in memory, and once against a real one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.health import deployment_problem
from ipa.cluster.installation.install import Change, install, wait_until_ready
from ipa.cluster.installation.manifests import CONTROLLER, Placement, read_manifests
from ipa.cluster.installation.status import installed_parts, pipeline_rows
from ipa.cluster.installation.uninstall import (
    delete_pipelines,
    installed_objects,
    installed_pipelines,
    uninstall,
)
from ipa.cluster.kinds import (
    CUSTOM_RESOURCE,
    DEPLOYMENT,
    EVERYWHERE,
    KINDS,
    LEASE,
    NAMESPACE,
    PIPELINE,
    POD,
    Object,
    kind_of,
)
from ipa.cluster.resource import to_object
from ipa.cluster.transport import Answer, Request
from ipa.errors import ClusterError
from ipa.pipeline.load import load_pipeline
from tests.support.memory_cluster import MemoryCluster

SYSTEM = "platform"
OBJECTS = read_manifests("testcluster", Placement(SYSTEM, ("team",)))
DEFINITION = "inferencepipelines.ipa.dev"


@dataclass
class Lab:
    """A cluster in memory, with the namespace of a team, and a client for it."""

    cluster: MemoryCluster
    client: ClusterClient

    def everything(self) -> list[Object]:
        return [thing for kind in KINDS.values() for thing in self.cluster.all(kind)]

    def install(self, objects: Sequence[Object] = OBJECTS, *, dry_run: bool = False) -> list[Change]:
        return list(install(self.client, objects, dry_run=dry_run))

    def let_it_work(self) -> None:
        """Do what controllers of Kubernetes do with what was installed."""
        self.client.patch(CUSTOM_RESOURCE, DEFINITION, {"status": ESTABLISHED}, part="status")
        status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
        self.client.patch(DEPLOYMENT, CONTROLLER, {"status": status}, SYSTEM, part="status")
        self.cluster.put(LEASE, CONTROLLER, {"spec": {"holderIdentity": "ipa-controller-1"}}, SYSTEM)


ESTABLISHED = {"conditions": [{"type": "Established", "status": "True", "message": "it is served"}]}


@pytest.fixture
def lab() -> Iterator[Lab]:
    cluster = MemoryCluster()
    cluster.put(NAMESPACE, "team", {}, "")
    cluster.fault = _version
    client = ClusterClient(cluster)
    yield Lab(cluster, client)
    client.close()


def _version(request: Request) -> Answer | None:
    return Answer(200, json.dumps({"gitVersion": "v1.34.4"}).encode()) if request.path == "/version" else None


def actions(changes: Sequence[Change]) -> set[str]:
    return {change.action for change in changes}


def test_installing_twice_changes_nothing_the_second_time(lab: Lab) -> None:
    first = lab.install()
    assert actions(first) == {"created"}
    assert first[0] == Change("created", f"namespace {SYSTEM}")
    before = lab.everything()
    assert actions(lab.install()) == {"unchanged"}
    assert lab.everything() == before


def test_what_somebody_changed_is_put_right(lab: Lab) -> None:
    lab.install()
    lab.client.scale(DEPLOYMENT, CONTROLLER, 1, SYSTEM)
    lab.client.patch(DEPLOYMENT, CONTROLLER, {"spec": {"replicas": 5}}, SYSTEM)
    changed = [change.what for change in lab.install() if change.action == "changed"]
    assert changed == [f"deployment {SYSTEM}/{CONTROLLER}"]


def test_a_dry_run_writes_nothing_and_says_what_would_come(lab: Lab) -> None:
    before = lab.everything()
    assert actions(lab.install(dry_run=True)) == {"created"}
    assert lab.everything() == before
    lab.install()
    assert actions(lab.install(dry_run=True)) == {"unchanged"}


def test_nothing_is_written_where_a_namespace_is_missing(lab: Lab) -> None:
    before = lab.everything()
    objects = read_manifests("testcluster", Placement(SYSTEM, ("team", "nobody")))
    with pytest.raises(ClusterError, match="there is no namespace nobody; make it first"):
        lab.install(objects)
    assert lab.everything() == before


def test_a_namespace_that_was_there_is_used_and_survives(lab: Lab) -> None:
    theirs = lab.cluster.put(NAMESPACE, SYSTEM, {"metadata": {"labels": {"owner": "somebody"}}}, "")
    assert lab.install()[0] == Change("kept", f"namespace {SYSTEM}")
    list(uninstall(lab.client, installed_objects(lab.client), 1))
    assert lab.cluster.one(NAMESPACE, SYSTEM, "") == theirs


def test_what_is_removed_is_all_that_was_installed_and_nothing_else(lab: Lab) -> None:
    lab.cluster.put(DEPLOYMENT, "web", {"metadata": {"labels": {"app.kubernetes.io/name": "ipa"}}}, "team")
    before = lab.everything()
    made = {change.what for change in lab.install()}
    lab.let_it_work()
    removed = list(uninstall(lab.client, installed_objects(lab.client), 1))
    assert {change.what for change in removed} == made
    assert lab.everything() == before


def test_without_the_definition_pipelines_stay(lab: Lab) -> None:
    lab.install()
    list(uninstall(lab.client, installed_objects(lab.client, keep_definition=True), 1))
    assert lab.client.get(CUSTOM_RESOURCE, DEFINITION) is not None


def _pipeline(lab: Lab) -> Object:
    thing = to_object(load_pipeline("video"), namespace="team")
    thing["status"] = {"rateRps": 12.5, "cores": 7, "conditions": [NOT_READY]}
    return lab.cluster.put(PIPELINE, "video", thing, "team")


NOT_READY = {"type": "Ready", "status": "False", "reason": "ImagePull", "message": "no image"}


def test_pipelines_are_deleted_with_what_they_own(lab: Lab) -> None:
    assert installed_pipelines(lab.client) == ()
    lab.install()
    owner = {"uid": _pipeline(lab)["metadata"]["uid"]}
    labels = {"app.kubernetes.io/managed-by": "ipa", "ipa.dev/pipeline": "video"}
    owned = {"metadata": {"ownerReferences": [owner], "labels": labels}}
    lab.cluster.put(DEPLOYMENT, "video-gateway", owned, "team")
    changes = list(delete_pipelines(lab.client, installed_pipelines(lab.client), 1))
    assert changes == [Change("deleted", "inferencepipeline team/video")]
    assert lab.client.list(DEPLOYMENT, "team").items == ()


def test_what_does_not_go_is_told_and_nothing_more_is_removed(lab: Lab) -> None:
    lab.install()
    labels = {"app.kubernetes.io/managed-by": "ipa", "ipa.dev/pipeline": "video"}
    lab.cluster.put(POD, "stuck", {"metadata": {"labels": labels}}, "team")
    lab.cluster.put(POD, "of-another", {"metadata": {"labels": labels}}, "other")
    assert list(delete_pipelines(lab.client, (), 0.0)) == []
    with pytest.raises(ClusterError, match=r"1 objects of deleted pipelines are still there .* team/stuck"):
        list(delete_pipelines(lab.client, (_pipeline(lab),), 0.0))


def test_a_second_controller_elsewhere_is_refused(lab: Lab) -> None:
    lab.install()
    before = lab.everything()
    with pytest.raises(ClusterError, match=f"IPA is installed in namespace {SYSTEM} already: --namespace"):
        lab.install(read_manifests("testcluster", Placement("another", ("team",))))
    assert lab.everything() == before
    assert lab.install(read_manifests("testcluster", Placement("another"), definition_only=True))


def test_the_status_of_an_empty_cluster(lab: Lab) -> None:
    parts = {part.name: part for part in installed_parts(lab.client)}
    assert parts["Kubernetes"].state == "v1.34.4"
    assert {name for name, part in parts.items() if not part.works} == {
        *("custom resource", "controller", "namespaces with pipelines")
    }
    assert pipeline_rows(lab.client) == []


def test_the_status_of_an_installation_that_works(lab: Lab) -> None:
    lab.install()
    lab.let_it_work()
    _pipeline(lab)
    parts = {part.name: part for part in installed_parts(lab.client)}
    assert all(part.works for part in parts.values()), parts
    assert parts["controller"].state == f"1 of 1 ready in {SYSTEM}, image localhost/ipa:test"
    assert parts["leader"].state == "ipa-controller-1"
    assert parts["namespaces with pipelines"].state == "team"
    (row,) = pipeline_rows(lab.client)
    assert (row["ready"], row["rate_rps"], row["cores"], row["why"]) == ("False", 12.5, 7, "no image")
    wait_until_ready(lab.client, OBJECTS, 0.0)


def test_waiting_ends_with_what_is_wrong(lab: Lab) -> None:
    lab.install()
    with pytest.raises(ClusterError, match=f"definition {DEFINITION} is not ready after 0 s: the API server"):
        wait_until_ready(lab.client, OBJECTS, 0.0)
    lab.client.patch(CUSTOM_RESOURCE, DEFINITION, {"status": ESTABLISHED}, part="status")
    with pytest.raises(ClusterError, match="ipa-controller is not ready after 0 s: its pods start"):
        wait_until_ready(lab.client, OBJECTS, 0.0)


def _waits(reason: str, message: str = "", ended: dict[str, Any] | None = None) -> Object:
    container: Object = {"state": {"waiting": {"reason": reason, "message": message}}}
    if ended:
        container["lastState"] = {"terminated": ended}
    return {"containerStatuses": [container]}


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (_waits("ErrImageNeverPull", "not there"), "pod c-1: ErrImageNeverPull: not there"),
        (
            _waits("CrashLoopBackOff", "back-off", {"message": "hm\nerror: no rights\n", "exitCode": 2}),
            "pod c-1: CrashLoopBackOff: error: no rights",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes fit"}]},
            "pod c-1: 0/2 nodes fit",
        ),
        (_waits("ContainerCreating"), "its pods start"),
    ],
)
def test_what_keeps_a_pod_from_being_ready_is_told(lab: Lab, status: Object, problem: str) -> None:
    lab.install()
    labels = {"app.kubernetes.io/name": "ipa", "app.kubernetes.io/component": "controller"}
    lab.cluster.put(POD, "c-1", {"metadata": {"labels": labels}, "status": status}, SYSTEM)
    (deployment,) = (one for one in OBJECTS if kind_of(one) == DEPLOYMENT)
    assert deployment_problem(lab.client, deployment) == problem


def test_a_deployment_that_may_make_no_pods_or_is_gone(lab: Lab) -> None:
    lab.install()
    (deployment,) = (one for one in OBJECTS if kind_of(one) == DEPLOYMENT)
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    lab.client.patch(DEPLOYMENT, CONTROLLER, {"status": {"conditions": [refused]}}, SYSTEM, part="status")
    assert deployment_problem(lab.client, deployment) == "exceeded quota: small"
    lab.client.delete(DEPLOYMENT, CONTROLLER, SYSTEM)
    assert deployment_problem(lab.client, deployment) == "it was deleted"
    assert lab.client.list(DEPLOYMENT, EVERYWHERE).items == ()
