"""The manifests against a real API server: accepted, working, with the rights that they say and no others."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.install import install, wait_until_ready
from ipa.cluster.installation.manifests import CONTROLLER, Placement, overlay_names, read_manifests
from ipa.cluster.installation.marks import SELECTOR
from ipa.cluster.installation.status import installed_parts
from ipa.cluster.installation.uninstall import installed_objects, uninstall
from ipa.cluster.kinds import DEPLOYMENT, EVERYWHERE, LEASE, NAMESPACE, Object, kind_of, name_of
from tests.support.cluster import Cluster, mount_code

pytestmark = pytest.mark.cluster

READY_S = 180.0


def here(thing: Object, namespace: str) -> Object:
    """Return an object in a namespace that exists."""
    metadata = thing["metadata"]
    return thing | {"metadata": metadata | ({"namespace": namespace} if "namespace" in metadata else {})}


@pytest.mark.parametrize("overlay", overlay_names())
def test_the_api_server_takes_every_object(cluster: Cluster, namespace: str, overlay: str) -> None:
    objects = read_manifests(overlay, Placement(namespace, (namespace,), cluster.image))
    for thing in objects:
        # An apply with a field that the server does not know is refused.
        taken = cluster.client.apply(here(thing, namespace), dry_run=True)
        assert (taken["kind"], name_of(taken)) == (thing["kind"], name_of(thing))


@dataclass(frozen=True)
class Installed:
    """An installation for one test."""

    client: ClusterClient
    kubeconfig: str
    namespace: str
    objects: list[Object]

    def may(self, account: str, *what: str) -> bool:
        """Whether an account of the namespace may do something there."""
        kubectl = shutil.which("kubectl", path=f"{os.environ['PATH']}:/var/cache/ipa-testcluster/bin")
        if kubectl is None:
            pytest.skip("kubectl is not installed")
        who = f"--as=system:serviceaccount:{self.namespace}:{account}"
        command = [
            kubectl,
            "--kubeconfig",
            self.kubeconfig,
            "-n",
            self.namespace,
            "auth",
            "can-i",
            *what,
            who,
        ]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        assert said in {"yes", "no"}
        return said == "yes"


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Iterator[Installed]:
    client, namespace = cluster.client, f"ipa-test-install-{os.getpid()}"
    if client.list(DEPLOYMENT, EVERYWHERE, selector=SELECTOR).items:
        pytest.skip("IPA is installed in this cluster; the test would change it")
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        objects = read_manifests("testcluster", Placement(namespace, (namespace,), cluster.image))
        (deployment,) = (one for one in objects if kind_of(one) == DEPLOYMENT)
        pod = deployment["spec"]["template"]
        # Pipelines of others are none of its business.
        pod["spec"]["containers"][0]["args"] += ["--namespace", namespace]
        if cluster.code is not None:
            pod["spec"] = mount_code(pod["spec"], cluster.code)
        list(install(client, objects))
        wait_until_ready(client, objects, READY_S)
        yield Installed(client, cluster.kubeconfig, namespace, objects)
        list(uninstall(client, installed_objects(client, keep_definition=True), READY_S))
    finally:
        client.delete(NAMESPACE, namespace)


def test_the_controller_works_and_leads(installed: Installed) -> None:
    lease = installed.client.get(LEASE, CONTROLLER, installed.namespace)
    assert lease is not None
    assert lease["spec"]["holderIdentity"].startswith(f"{CONTROLLER}-")
    assert all(part.works for part in installed_parts(installed.client))


def test_installing_again_changes_nothing(installed: Installed) -> None:
    actions = {change.what: change.action for change in install(installed.client, installed.objects)}
    assert set(actions.values()) == {"unchanged", "kept"}, actions


ALLOWED = [
    ("ipa-controller", "patch", "deployments.apps"),
    ("ipa-controller", "patch", "deployments.apps", "--subresource=scale"),
    ("ipa-controller", "create", "configmaps"),
    ("ipa-controller", "patch", "inferencepipelines.ipa.dev", "--subresource=status"),
    ("ipa-controller", "create", "events.events.k8s.io"),
    ("ipa-controller", "update", "leases.coordination.k8s.io"),
    ("ipa-controller", "list", "pods", "--all-namespaces"),
    ("ipa-gateway", "watch", "endpointslices.discovery.k8s.io"),
    ("ipa-gateway", "get", "inferencepipelines.ipa.dev"),
]
FORBIDDEN = [
    ("ipa-controller", "get", "secrets"),
    ("ipa-controller", "create", "pods"),
    ("ipa-controller", "create", "pods", "--subresource=exec"),
    ("ipa-controller", "create", "rolebindings.rbac.authorization.k8s.io"),
    ("ipa-controller", "patch", "deployments.apps", "--namespace=kube-system"),
    ("ipa-controller", "update", "inferencepipelines.ipa.dev"),
    ("ipa-controller", "delete", "nodes"),
    ("ipa-gateway", "patch", "inferencepipelines.ipa.dev", "--subresource=status"),
    ("ipa-gateway", "list", "pods"),
    ("ipa-gateway", "get", "configmaps"),
]


@pytest.mark.parametrize("what", ALLOWED, ids=" ".join)
def test_what_an_account_needs_it_may(installed: Installed, what: tuple[str, ...]) -> None:
    assert installed.may(*what)


@pytest.mark.parametrize("what", FORBIDDEN, ids=" ".join)
def test_what_an_account_does_not_need_it_may_not(installed: Installed, what: tuple[str, ...]) -> None:
    assert not installed.may(*what)
