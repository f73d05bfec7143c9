"""An installation in the cluster for the tests of a file; after them it is gone, for others install too."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.installation.install import install, wait_until_ready
from ipa.cluster.installation.manifests import Placement, read_manifests
from ipa.cluster.installation.marks import SELECTOR
from ipa.cluster.installation.uninstall import installed_objects, uninstall
from ipa.cluster.kinds import DEPLOYMENT, EVERYWHERE, NAMESPACE, Object, kind_of
from tests.support.cluster import Cluster, mount_code

READY_S = 180.0


@dataclass(frozen=True)
class Installed:
    """An installation for these tests."""

    client: ClusterClient
    kubeconfig: str
    namespace: str
    objects: list[Object]

    def kubectl(self, *arguments: str) -> str:
        """Return what kubectl prints, asked by the administrator about the namespace."""
        program = shutil.which("kubectl", path=f"{os.environ['PATH']}:/var/cache/ipa-testcluster/bin")
        if program is None:
            pytest.skip("kubectl is not installed")
        command = [program, "--kubeconfig", self.kubeconfig, "-n", self.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def may(self, account: str, *what: str) -> bool:
        """Whether an account of the namespace may do something there."""
        who = f"--as=system:serviceaccount:{self.namespace}:{account}"
        said = self.kubectl("auth", "can-i", *what, who)
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
