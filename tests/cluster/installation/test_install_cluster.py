"""The manifests against a real API server: accepted, working, with the rights that they say and no others."""

import pytest

from ipa.cluster.installation.install import install
from ipa.cluster.installation.manifests import CONTROLLER, Placement, overlay_names, read_manifests
from ipa.cluster.installation.status import installed_parts
from ipa.cluster.kinds import LEASE, Object, name_of
from tests.cluster.installation.conftest import Installed
from tests.support.cluster import Cluster

pytestmark = pytest.mark.cluster


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
