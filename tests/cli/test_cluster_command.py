"""``ipa cluster`` as its user sees it, with an API server in memory."""

import json
from collections.abc import Iterator

import pytest
import typer

from ipa.cli import cluster as command
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CUSTOM_RESOURCE, NAMESPACE, PIPELINE, Kind
from ipa.cluster.resource import to_object
from ipa.cluster.transport import Answer, Request
from ipa.pipeline.load import load_pipeline
from tests.support.command import Ipa
from tests.support.memory_cluster import MemoryCluster

VERSION = json.dumps({"gitVersion": "v1.34.4"}).encode()


class Reached(MemoryCluster):
    """An API server in memory where everything works as soon as it is made."""

    def send(self, request: Request) -> Answer:
        if request.path == "/version":
            return Answer(200, VERSION)
        answer = super().send(request)
        if request.method != "GET" and not request.query.get("dryRun"):
            self._let_all_work()
        return answer

    def _let_all_work(self) -> None:
        works = {"observedGeneration": 9, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
        works["conditions"] = [{"type": "Established", "status": "True"}]  # type: ignore[assignment]
        for (kind, namespace, name), thing in list(self._objects.items()):
            if kind.name in {"Deployment", "CustomResourceDefinition"} and "status" not in thing:
                self.put(kind, name, thing | {"status": works}, namespace)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reached]:
    cluster = Reached()
    cluster.put(NAMESPACE, "default", {}, "")
    monkeypatch.setattr(command, "connect", lambda *_: ClusterClient(cluster))
    yield cluster
    cluster.close()


INSTALL = ("cluster", "install", "--overlay", "testcluster")


def put_video(cluster: Reached) -> None:
    cluster.put(PIPELINE, "video", to_object(load_pipeline("video")))


def count(cluster: Reached, kind: Kind) -> int:
    return len(cluster.all(kind))


def test_it_is_installed_looked_at_and_removed(ipa: Ipa, reached: Reached) -> None:
    installed = ipa(*INSTALL)
    assert (installed.code, installed.err) == (0, "")
    lines = installed.out.splitlines()
    assert lines[0] == "created   namespace ipa-system"
    assert lines[-2:] == ["21 created", "ready"]
    again = ipa(*INSTALL)
    assert again.out.splitlines()[-2:] == ["21 unchanged", "ready"]
    removed = ipa("cluster", "uninstall")
    assert (removed.code, removed.out.splitlines()[-1]) == (0, "21 deleted")
    assert [one["metadata"]["name"] for one in reached.all(NAMESPACE)] == ["default"]
    assert ipa("cluster", "uninstall").out == "IPA is not installed in this cluster\n"


def test_the_status_is_a_table_or_json_and_its_exit_code_says_whether_all_works(
    ipa: Ipa, reached: Reached
) -> None:
    empty = ipa("cluster", "status")
    assert empty.code == 1
    assert "not installed" in empty.out
    ipa(*INSTALL)
    put_video(reached)
    shown = json.loads(ipa("cluster", "status", "--json").out)
    assert [part["works"] for part in shown["parts"]] == [True, True, True, False, True]
    assert shown["pipelines"][0]["pipeline"] == "video"
    assert "default   │ video" in ipa("cluster", "status").out


def test_a_dry_run_writes_nothing(ipa: Ipa, reached: Reached) -> None:
    assert ipa(*INSTALL, "--dry-run").out.splitlines()[-1] == "would be: 21 created"
    assert count(reached, CUSTOM_RESOURCE) == 0
    ipa(*INSTALL)
    assert ipa("cluster", "uninstall", "--dry-run").out.splitlines()[-1] == "would be: 21 deleted"
    assert count(reached, CUSTOM_RESOURCE) == 1


def test_pipelines_are_not_deleted_unasked(ipa: Ipa, reached: Reached) -> None:
    ipa(*INSTALL)
    put_video(reached)
    refused = ipa("cluster", "uninstall")
    assert refused.code == 2
    assert "would delete what serves: inferencepipeline default/video; say --yes" in refused.err
    assert ipa("cluster", "uninstall", "--keep-crd").code == 0
    assert (count(reached, PIPELINE), count(reached, CUSTOM_RESOURCE)) == (1, 1)
    assert ipa("cluster", "uninstall", "--yes").code == 0
    assert (count(reached, PIPELINE), count(reached, CUSTOM_RESOURCE)) == (0, 0)


@pytest.mark.parametrize(("answer", "left"), [(True, 0), (False, 1)])
def test_whoever_sits_there_is_asked(
    ipa: Ipa, reached: Reached, monkeypatch: pytest.MonkeyPatch, *, answer: bool, left: int
) -> None:
    ipa(*INSTALL)
    put_video(reached)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_arguments, **_more: answer)
    outcome = ipa("cluster", "uninstall")
    assert "This deletes what serves: inferencepipeline default/video" in outcome.err
    assert count(reached, PIPELINE) == left


@pytest.mark.usefixtures("reached")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "the overlay cluster needs an image"),
        (("--overlay", "minikube"), "unknown overlay 'minikube'; allowed: cluster, kind, testcluster."),
        (("--overlay", "testcluster", "--pipelines", "gone"), "there is no namespace gone; make it first"),
    ],
)
def test_bad_input_is_told_in_a_line(ipa: Ipa, options: tuple[str, ...], said: str) -> None:
    outcome = ipa("cluster", "install", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_file_with_no_cluster_is_told(ipa: Ipa) -> None:
    pytest.importorskip("kubernetes")
    outcome = ipa("cluster", "status", "--kubeconfig", "/nowhere/config")
    assert outcome.code == 2
    assert "no cluster to connect to: /nowhere/config" in outcome.err
