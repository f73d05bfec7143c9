"""A Kubernetes for tests: the one that KUBECONFIG names, else one on this machine, brought up once.

``IPA_TEST_IMAGE`` names the image of IPA in a cluster that is not the one of this machine; its nodes must be
able to fetch it. ``IPA_TEST_CODE=1``, on this machine, lets pods run the code of this working tree from where
it lies, in whatever image was built last: for quick turns while developing.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.testcluster.cluster import MissingError, bring_up, check_machine, take_down
from infrastructure.testcluster.ipa_image import IPA_IMAGE, provide_ipa_image
from infrastructure.testcluster.layout import Layout, default_layout
from infrastructure.testcluster.processes import wait_for
from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.kinds import CUSTOM_RESOURCE, NAMESPACE, Kind, Object

ROOT = Path(__file__).parents[2]
CUSTOM_RESOURCE_FILE = ROOT / "infrastructure" / "kubernetes" / "base" / "crd.yaml"
SOON_S = 30.0


@dataclass(frozen=True)
class Cluster:
    """A cluster with IPA's image and custom resource.

    Parameters
    ----------
    client
        Of its administrator.
    kubeconfig
        How to connect to it.
    image
        Image of IPA.
    code
        Folder that pods find the code of IPA in instead of in the image; None: they use that of the image.
    """

    client: ClusterClient
    kubeconfig: str
    image: str
    code: Path | None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster; the test is skipped where there can be none."""
    pytest.importorskip("kubernetes")
    layout, ours = default_layout(2), False
    given = os.environ.get("KUBECONFIG", "")
    if not given and not layout.state.exists():
        try:
            check_machine()
        except MissingError as error:
            pytest.skip(f"KUBECONFIG is not set, and no cluster can run here: {error}")
        bring_up(layout)
        ours = True
    kubeconfig = given or str(layout.kubeconfig)
    client = connect(kubeconfig)
    try:
        yield _with_ipa(client, kubeconfig, layout)
    finally:
        client.close()
        if ours:
            take_down(layout)


def _with_ipa(client: ClusterClient, kubeconfig: str, layout: Layout) -> Cluster:
    apply_file(client, CUSTOM_RESOURCE_FILE)
    wait_for("the custom resource", lambda: _is_established(client), SOON_S)
    if not Path(kubeconfig).samefile(layout.kubeconfig):
        image = os.environ.get("IPA_TEST_IMAGE", "")
        if not image:
            pytest.skip("IPA_TEST_IMAGE is not set: the image of IPA in the cluster that KUBECONFIG names")
        return Cluster(client, kubeconfig, image, None)
    if os.environ.get("IPA_TEST_CODE"):
        return Cluster(client, kubeconfig, IPA_IMAGE, ROOT / "ipa")
    return Cluster(client, kubeconfig, provide_ipa_image(layout), None)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Make a namespace for one test, deleted with all that is in it when the test ends."""
    with fresh_namespace(cluster.client) as name:
        yield name


@contextmanager
def fresh_namespace(client: ClusterClient) -> Iterator[str]:
    """Make a namespace, deleted with all that is in it at the end of a block."""
    name = f"ipa-test-{secrets.token_hex(4)}"
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        client.delete(NAMESPACE, name)


@pytest.fixture
def pod_code(cluster: Cluster) -> Iterator[None]:
    """Let pods that this process makes run the code of this working tree, if that is asked for."""
    with own_code(cluster):
        yield


@contextmanager
def own_code(cluster: Cluster) -> Iterator[None]:
    """Let pods that this process makes run the code of this working tree, if that is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        if cluster.code is not None:
            from ipa.platforms.kubernetes import containers

            for made in ("replica_pod", "gateway_pod"):
                patch.setattr(containers, made, _with_code(getattr(containers, made), cluster.code))
        yield


def _with_code(make: Callable[..., dict[str, Any]], code: Path) -> Callable[..., dict[str, Any]]:
    def made(*arguments: Any) -> dict[str, Any]:
        return mount_code(make(*arguments), code)

    return made


def mount_code(pod: dict[str, Any], code: Path) -> dict[str, Any]:
    """Return the specification of a pod that finds the code of IPA in a folder of its node."""
    for container in pod["containers"]:
        mount = {"name": "code", "mountPath": "/opt/code/ipa", "readOnly": True}
        container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]
    volume = {"name": "code", "hostPath": {"path": str(code), "type": "Directory"}}
    return pod | {"volumes": [*pod.get("volumes", ()), volume]}


def apply_file(client: ClusterClient, file: Path, namespace: str = "") -> None:
    """Apply all objects of a YAML file."""
    for thing in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        if thing:
            client.apply(thing, namespace)


def wait_until(
    client: ClusterClient, kind: Kind, name: str, namespace: str, true: Callable[[Object], bool]
) -> Object:
    """Return an object once something is true of it."""
    found: list[Object] = []

    def look() -> bool:
        thing = client.get(kind, name, namespace)
        if thing is None or not true(thing):
            return False
        found.append(thing)
        return True

    wait_for(f"{kind.name} {name}", look, SOON_S)
    return found[0]


def _is_established(client: ClusterClient) -> bool:
    found = client.get(CUSTOM_RESOURCE, "inferencepipelines.ipa.dev")
    conditions = ((found or {}).get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
