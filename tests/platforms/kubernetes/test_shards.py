"""The shards of a gateway are found again wherever they are."""

import threading
import time
from contextlib import closing
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Object
from ipa.cluster.names import GATEWAY, labels
from ipa.errors import ClusterError
from ipa.platforms.kubernetes import shards as shards_module
from ipa.platforms.kubernetes.shards import GatewayShards
from tests.support.memory_cluster import MemoryCluster

SOON_S = 10.0
SERVING = {"stage": "only", "variant": "a"}


class ScriptedShard:
    """A shard that serves, at the one address where it is."""

    there = "10.0.0.1"
    ended: ClassVar[list[int]] = []

    def __init__(self, _client: ClusterClient, name: str, _namespace: str, address: str) -> None:
        self.name, self.address = name, address

    def state(self) -> dict[str, Any]:
        if self.address != self.there:
            raise ClusterError(f"{self.name} does not answer at {self.address}")
        return {"serving": [SERVING]}

    def arrivals(self, _zero_unix_ns: int, first_s: int, end_s: int) -> list[int]:
        return [0] * (end_s - first_s)

    def journal(self, after: int) -> pa.Table:
        return pa.table({"number": list(range(after, len(self.ended)))})

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


def test_journals_are_read_again_and_again_between_two_looks(
    pods: list[Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "EVERY_S", 3600.0)
    monkeypatch.setattr(shards_module, "JOURNAL_EVERY_S", 0.001)
    monkeypatch.setattr(ScriptedShard, "ended", [])
    looked = threading.Event()

    def look() -> bool:
        looked.set()
        return False

    with closing(ClusterClient(MemoryCluster())) as client:
        shards = GatewayShards(client, lambda: pods, time.time_ns(), 100, look)
        shards.start()
        assert looked.wait(SOON_S)
        ScriptedShard.ended.extend([0] * 7)
        end_s = time.monotonic() + SOON_S
        while (journal := shards.journal()) is None or len(journal) < 7:
            assert time.monotonic() < end_s
        shards.stop()
    assert journal["number"].to_pylist() == list(range(7))
