"""The shards of a gateway are found again wherever they are."""

import time
from contextlib import closing
from typing import Any

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Object
from ipa.cluster.names import GATEWAY, labels
from ipa.errors import ClusterError
from ipa.platforms.kubernetes import shards as shards_module
from ipa.platforms.kubernetes.shards import GatewayShards
from tests.support.memory_cluster import MemoryCluster

SERVING = {"stage": "only", "variant": "a"}


class ScriptedShard:
    """A shard that serves, at the one address where it is."""

    there = "10.0.0.1"

    def __init__(self, _client: ClusterClient, name: str, _namespace: str, address: str) -> None:
        self.name, self.address = name, address

    def state(self) -> dict[str, Any]:
        if self.address != self.there:
            raise ClusterError(f"{self.name} does not answer at {self.address}")
        return {"serving": [SERVING]}

    def arrivals(self, _zero_unix_ns: int, first_s: int, end_s: int) -> list[int]:
        return [0] * (end_s - first_s)

    def close(self) -> None:
        self.address = ""


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> list[Object]:
    monkeypatch.setattr(shards_module, "Shard", ScriptedShard)
    return [pod("10.0.0.1")]


def pod(address: str) -> Object:
    about = {"name": "video-gateway-1", "namespace": "default", "labels": labels("video", GATEWAY)}
    return {"metadata": about, "status": {"phase": "Running", "podIP": address}}


def test_a_shard_in_a_new_sandbox_is_asked_at_its_new_address(
    pods: list[Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(ClusterClient(MemoryCluster())) as client:
        shards = GatewayShards(client, lambda: pods, time.time_ns(), 0, lambda: False)
        shards.look()
        assert shards.obey([SERVING])
        monkeypatch.setattr(ScriptedShard, "there", "10.0.0.2")
        shards.look()
        assert not shards.obey([SERVING])
        pods[:] = [pod("10.0.0.2")]
        shards.look()
        assert shards.obey([SERVING])
