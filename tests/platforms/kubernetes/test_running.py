"""A pipeline in a cluster tells what it runs, what is missing and why, and takes plans."""

import time
from collections.abc import Callable, Iterator

import pytest

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import DEPLOYMENT, PIPELINE, POD, name_of
from ipa.cluster.resource import to_object
from ipa.errors import InvalidValueError
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.objects import Owner, PipelineObjects
from ipa.platforms.kubernetes.running import RunningPipeline
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.kubernetes.view import NamespaceView
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.memory_cluster import MemoryCluster
from tests.support.memory_kubelet import MemoryKubelet

SOON_S = 20.0


class Lab:
    """A pipeline in an API server in memory, and who looks after its pods."""

    def __init__(self, core_limit: int | None = None) -> None:
        self.cluster = MemoryCluster()
        self.kubelet = MemoryKubelet(self.cluster)
        thing = self.cluster.put(PIPELINE, "toy", to_object(toy_pipeline(), namespace="default"))
        self.client = ClusterClient(self.cluster)
        self.view = NamespaceView(self.client, "default").start()
        owner = Owner("toy", "default", thing["metadata"]["uid"])
        settings = KubernetesSettings(core_limit=core_limit)
        objects = PipelineObjects(owner, toy_pipeline(), settings, Conditions())
        self.running = RunningPipeline(self.client, self.view, objects, 120, 0)

    def until(self, true: Callable[[], object]) -> None:
        """Let the cluster work until something is true."""
        end_s = time.monotonic() + SOON_S
        while not true():
            assert time.monotonic() < end_s, self.running.pending()
            self.kubelet.work()
            time.sleep(0.005)

    def wait(self, true: Callable[[], object]) -> None:
        """Return once something is true though nothing happens in the cluster any more."""
        end_s = time.monotonic() + SOON_S
        while not true():
            assert time.monotonic() < end_s, self.running.pending()
            time.sleep(0.005)

    def close(self) -> None:
        self.running.stop()
        self.view.stop()
        self.cluster.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab(core_limit=6)
    made.running.start(toy_plan())
    yield made
    made.close()


def test_it_serves_once_all_pods_are_ready(lab: Lab) -> None:
    assert "first: 0 of 2 replicas serve" in lab.running.pending()
    lab.until(lambda: not lab.running.pending())
    seen = lab.running.observe()
    assert (seen.plan, seen.ready_replicas, seen.pending) == (toy_plan(), (2, 2), "")
    lab.until(lambda: lab.running.cores.held == 4)


def test_the_plan_that_runs_is_not_written_again(lab: Lab) -> None:
    lab.until(lambda: not lab.running.pending())
    lab.client.writes.clear()
    report = lab.running.apply(toy_plan())
    assert (report.started, report.stopped) == (0, 0)
    assert not lab.client.writes


def test_a_change_says_what_starts_and_stops(lab: Lab) -> None:
    report = lab.running.apply(toy_plan(variants=("large", "small"), replicas=(1, 3)))
    assert (report.started, report.stopped, report.pending) == (2, 2, False)
    lab.until(lambda: not lab.running.pending())
    assert lab.running.observe().plan.variants == ("large", "small")


def test_what_starts_and_what_serves_meanwhile_is_said(lab: Lab) -> None:
    lab.until(lambda: not lab.running.pending())
    lab.kubelet.broken.add("toy--first--large--1c")
    lab.running.apply(toy_plan(variants=("large", "small")))
    lab.until(lambda: lab.running.pending() == "first: large starts, small serves")
    seen = lab.running.observe()
    assert seen.ready_replicas == (2, 2), "those of before serve"


def test_a_plan_without_room_waits_and_changes_nothing(lab: Lab) -> None:
    report = lab.running.apply(toy_plan(replicas=(4, 3)))
    assert report.pending
    assert report.reason == "the plan waits for room: with what it replaces it takes 7 cores of 6"
    assert lab.running.observe().plan == toy_plan()


def test_what_is_replaced_counts_until_it_is_let_go(lab: Lab) -> None:
    lab.until(lambda: not lab.running.pending())
    report = lab.running.apply(toy_plan(variants=("large", "large")))
    assert report.reason == "the plan waits for room: with what it replaces it takes 8 cores of 6"


@pytest.mark.parametrize("replicas", [(0, 1), (1, -1)])
def test_a_stage_needs_a_replica(lab: Lab, replicas: tuple[int, int]) -> None:
    with pytest.raises(InvalidValueError, match="a stage needs at least 1"):
        lab.running.apply(toy_plan(replicas=replicas))


def test_why_pods_do_not_serve_is_part_of_what_is_missing(lab: Lab) -> None:
    lab.kubelet.broken.add("toy--first--small--1c")
    lab.until(lambda: len(lab.cluster.all(POD)) == 5)
    for pod in lab.cluster.all(POD):
        if name_of(pod).startswith("toy--first"):
            waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}, "image": "ipa:1"}
            status = pod["status"] | {"containerStatuses": [waiting]}
            lab.cluster.put(POD, name_of(pod), pod | {"status": status})
    why = "2 × the image ipa:1 cannot be had: ImagePullBackOff"
    lab.until(lambda: lab.running.pending() == f"first: 0 of 2 replicas serve ({why})")
    assert lab.running.trouble() == why


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("toy--first--small--1c", "first: replicas that are to follow do not start"),
        ("toy-gateway", "a pod of the gateway does not start"),
    ],
)
def test_pods_that_cannot_take_the_place_of_those_that_serve_are_told_of(
    lab: Lab, owner: str, said: str
) -> None:
    """As while a Deployment moves to an image that there is none of: what serves goes on."""
    lab.until(lambda: not lab.running.pending())
    pod = next(one for one in lab.cluster.all(POD) if name_of(one).startswith(owner))
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}, "image": "ipa:2"}
    status = {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [waiting]}
    lab.cluster.put(
        POD, "next", {"metadata": {"labels": pod["metadata"]["labels"]}, "status": status, "spec": {}}
    )
    lab.wait(lambda: lab.running.pending() == f"{said} (the image ipa:2 cannot be had: ImagePullBackOff)")


def test_a_gateway_that_is_not_ready_is_missing(lab: Lab) -> None:
    lab.kubelet.broken.add("toy-gateway")
    lab.until(lambda: lab.running.pending() == "the gateway starts")
    assert lab.running.observe().ready_replicas == (0, 0), "nobody sends them anything"


def test_an_object_that_was_deleted_is_missed(lab: Lab) -> None:
    lab.until(lambda: not lab.running.pending())
    lab.cluster.remove(PIPELINE, "toy")
    lab.until(lambda: lab.running.pending().endswith("the object toy is gone"))
    lab.until(lambda: not lab.cluster.all(DEPLOYMENT))


def test_whoever_comes_later_goes_on_with_the_plan_of_the_status(lab: Lab) -> None:
    lab.running.apply(toy_plan(replicas=(3, 1)))
    lab.running.stop()
    lab.client.writes.clear()
    owner = Owner("toy", "default", lab.cluster.one(PIPELINE, "toy")["metadata"]["uid"])
    objects = PipelineObjects(owner, toy_pipeline(), KubernetesSettings(), Conditions())
    lab.running = RunningPipeline(lab.client, lab.view, objects, 120, 0)
    lab.running.start(toy_plan())
    lab.until(lambda: not lab.running.pending())
    assert lab.running.observe().plan == toy_plan(replicas=(3, 1))
