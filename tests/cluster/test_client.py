"""The client asks for what it is told, tries again what may pass, and says what went wrong."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ipa.cluster import client as client_module
from ipa.cluster.client import ClusterClient, Write, connect
from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, EVERYWHERE, NODE, PIPELINE, Kind, kind_of
from ipa.cluster.transport import Answer, Request, TransportError
from ipa.errors import ClusterError
from tests.support.memory_cluster import MemoryCluster, status

SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def client(cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterClient]:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(client_module, "RETRY_FOR_S", 0.3)
    made = ClusterClient(cluster)
    yield made
    made.close()


def first_answers(cluster: MemoryCluster, *given: Answer | Exception) -> None:
    """Let the first requests be answered so, and all further ones as they should."""
    left = list(given)

    def fault(_request: Request) -> Answer | None:
        if not left:
            return None
        instead = left.pop(0)
        if isinstance(instead, Exception):
            raise instead
        return instead

    cluster.fault = fault


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "part", "path"),
    [
        (CONFIG_MAP, "here", "it", "", "/api/v1/namespaces/here/configmaps/it"),
        (DEPLOYMENT, "here", "it", "scale", "/apis/apps/v1/namespaces/here/deployments/it/scale"),
        (DEPLOYMENT, EVERYWHERE, "", "", "/apis/apps/v1/deployments"),
        (NODE, "here", "it", "", "/api/v1/nodes/it"),
        (PIPELINE, "a/b", "", "", "/apis/ipa.dev/v1alpha1/namespaces/a%2Fb/inferencepipelines"),
    ],
)
def test_where_objects_are(kind: Kind, namespace: str, name: str, part: str, path: str) -> None:
    assert kind.path(namespace, name, part=part) == path


def test_what_is_applied_can_be_read_listed_changed_and_deleted(client: ClusterClient) -> None:
    assert client.get(CONFIG_MAP, "settings") is None
    assert client.apply(SETTINGS)["metadata"]["uid"]
    assert client.patch(CONFIG_MAP, "settings", {"data": {"b": "2"}})["data"] == {"a": "1", "b": "2"}
    found = client.get(CONFIG_MAP, "settings")
    assert found is not None
    assert found["data"] == {"a": "1", "b": "2"}
    assert [thing["metadata"]["name"] for thing in client.list(CONFIG_MAP).items] == ["settings"]
    assert client.list(CONFIG_MAP, selector="ipa.dev/pipeline=video").items == ()
    assert client.delete(CONFIG_MAP, "settings")
    assert not client.delete(CONFIG_MAP, "settings")


def test_writes_are_counted_and_reads_are_not(client: ClusterClient) -> None:
    client.get(CONFIG_MAP, "settings")
    client.apply(SETTINGS, dry_run=True)
    assert not client.writes
    client.apply(SETTINGS)
    client.delete(CONFIG_MAP, "settings")
    assert list(client.writes) == [
        Write("apply", "ConfigMap", "settings"),
        Write("delete", "ConfigMap", "settings"),
    ]


def test_an_object_is_applied_by_one_manager_by_force(client: ClusterClient, cluster: MemoryCluster) -> None:
    client.apply(SETTINGS)
    request = cluster.requests[-1]
    assert (request.method, request.content_type) == ("PATCH", "application/apply-patch+yaml")
    assert request.query == {"fieldManager": "ipa", "force": "true"}


@pytest.mark.parametrize(
    "trouble",
    [
        status(429, "TooManyRequests", "slow down"),
        status(500, "InternalError", "etcd"),
        Answer(503, b"upstream"),
        status(504, "Timeout", "took too long"),
        status(409, "Conflict", "another one applies"),
        TransportError("connection refused"),
    ],
)
def test_what_may_pass_is_tried_again(
    client: ClusterClient, cluster: MemoryCluster, trouble: Answer | Exception
) -> None:
    first_answers(cluster, trouble, trouble)
    client.apply(SETTINGS)
    assert cluster.one(CONFIG_MAP, "settings")["data"] == {"a": "1"}
    assert len(cluster.requests) == 3
    assert len(client.writes) == 1


def test_a_server_that_wants_to_be_left_alone_for_long_is_not_asked_again(
    client: ClusterClient, cluster: MemoryCluster
) -> None:
    first_answers(cluster, status(429, "TooManyRequests", "slow down", **{"retry-after": "60"}))
    with pytest.raises(ClusterError, match=r"apply configmaps default/settings: slow down \(429\)"):
        client.apply(SETTINGS)
    assert len(cluster.requests) == 1


def test_one_that_does_not_answer_is_given_up_in_the_end(
    client: ClusterClient, cluster: MemoryCluster
) -> None:
    def refuse(_request: Request) -> Answer:
        raise TransportError("connection refused")

    cluster.fault = refuse
    with pytest.raises(ClusterError, match=r"get nodes it: the API server does not answer: connection ref"):
        client.get(NODE, "it")


@pytest.mark.parametrize("code", [400, 403, 409, 422])
def test_what_will_not_pass_is_not_tried_again(
    client: ClusterClient, cluster: MemoryCluster, code: int
) -> None:
    first_answers(cluster, status(code, "No", "no such thing"))
    with pytest.raises(ClusterError) as caught:
        client.create(SETTINGS)
    assert caught.value.status == code
    assert len(cluster.requests) == 1


def test_a_missing_right_is_named(client: ClusterClient, cluster: MemoryCluster) -> None:
    first_answers(cluster, status(403, "Forbidden", 'User "x" cannot patch resource "deployments"'))
    with pytest.raises(ClusterError, match=r"the right is missing: patch configmaps; `ipa cluster install`"):
        client.apply(SETTINGS)


def test_a_quota_is_not_a_missing_right(client: ClusterClient, cluster: MemoryCluster) -> None:
    first_answers(cluster, status(403, "Forbidden", "exceeded quota: small"))
    with pytest.raises(ClusterError, match=r"exceeded quota: small \(403\)$"):
        client.apply(SETTINGS)


def test_a_cluster_without_the_custom_resource_is_told_from_a_missing_object(
    client: ClusterClient, cluster: MemoryCluster
) -> None:
    assert client.get(PIPELINE, "video") is None
    first_answers(cluster, Answer(404, b"404 page not found\n"))
    with pytest.raises(ClusterError, match="not installed in this cluster: `ipa cluster install`"):
        client.get(PIPELINE, "video")


def test_only_what_was_read_is_replaced(client: ClusterClient) -> None:
    read = client.apply(SETTINGS)
    client.patch(CONFIG_MAP, "settings", {"data": {"a": "2"}})
    with pytest.raises(ClusterError) as caught:
        client.replace(read)
    assert caught.value.status == 409


def test_only_the_one_with_the_identity_is_deleted(client: ClusterClient, cluster: MemoryCluster) -> None:
    client.apply(SETTINGS)
    with pytest.raises(ClusterError, match="409"):
        client.delete(CONFIG_MAP, "settings", uid="another")
    assert cluster.all(CONFIG_MAP)


def test_the_status_is_written_apart_from_the_rest(client: ClusterClient, cluster: MemoryCluster) -> None:
    client.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}, "spec": {}})
    changed = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}}
    client.apply_status(changed | {"status": {"replicas": 2}, "spec": {"paused": True}}, manager="other")
    assert cluster.one(DEPLOYMENT, "it")["status"] == {"replicas": 2}
    assert cluster.one(DEPLOYMENT, "it")["spec"] == {}
    assert cluster.requests[-1].query["fieldManager"] == "other"


def test_no_call_waits_once_the_client_is_closed(client: ClusterClient, cluster: MemoryCluster) -> None:
    numbers = count()

    def fault(_request: Request) -> Answer:
        next(numbers)
        return status(503, "Unavailable", "starting")

    cluster.fault = fault
    client.close()
    with pytest.raises(ClusterError, match="503"):
        client.get(NODE, "it")
    assert next(numbers) == 1


def test_an_object_that_ipa_does_not_know_is_refused() -> None:
    with pytest.raises(ClusterError, match=r"no object of kind 'Ingress' of 'networking.k8s.io/v1'"):
        kind_of({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"})


@pytest.mark.parametrize("text", [None, "", "{", "- a", json.dumps({"kind": "Config"})])
def test_a_kubeconfig_that_is_none_is_one_clear_line(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kubernetes")
    file = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(file))
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ClusterError, match=r"no cluster to connect to: .*; set KUBECONFIG"):
        connect()
