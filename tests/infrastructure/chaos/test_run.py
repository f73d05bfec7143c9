"""A pipeline in the test cluster lives through one event of each kind, and every request is accounted for."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from infrastructure.chaos.kinds import KINDS
from infrastructure.chaos.run import ChaosSettings, run_chaos
from infrastructure.testcluster.layout import default_layout
from ipa.cluster.kinds import DEPLOYMENT, NAMESPACE, NODE
from tests.support.cluster import Cluster

pytestmark = pytest.mark.cluster

NAME = "ipa-test-chaos"


@pytest.fixture
def own_cluster(cluster: Cluster) -> Cluster:
    """The cluster, if its control plane may be broken: it is the one of this machine."""
    kubeconfig = default_layout(2).kubeconfig
    if not (kubeconfig.exists() and Path(cluster.kubeconfig).samefile(kubeconfig)):
        pytest.skip("only the test cluster of this machine may lose its control plane")
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    return cluster


def test_every_request_is_accounted_for_whatever_breaks(own_cluster: Cluster) -> None:
    told: list[str] = []
    # How fast it is depends on what else this machine does; a busy one still answers ten requests a second.
    outcome = run_chaos(ChaosSettings(90.0, rate_rps=10.0, namespace=NAME), told.append)
    events = Counter(event.happened.kind for event in outcome.events)
    assert set(events) == set(KINDS)
    assert outcome.not_carried_out == 0, told
    assert outcome.requests == 900
    losses = outcome.losses
    assert (losses.unexplained, losses.duplicated, losses.wrong) == (0, 0, 0), losses
    assert outcome.availability > 0.9
    client = own_cluster.client
    assert client.get(NAMESPACE, NAME) is None
    assert client.get(DEPLOYMENT, "ipa-controller", "ipa-system") is None
    assert not [node for node in client.list(NODE).items if node["spec"].get("unschedulable")]
