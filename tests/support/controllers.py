"""Controllers and keepers of pipelines without a cluster behind them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipa.cluster.kinds import PIPELINE, Object
from ipa.cluster.resource import to_object
from ipa.cluster.resource_spec import PipelineOptions
from ipa.controller.adaptation import Adaptation
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from tests.support.fake_platform import FakePlatform
from tests.support.memory_cluster import MemoryCluster

SOON_S = 20.0


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Return once a condition holds."""
    deadline_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not come about in {SOON_S:g} s"
        time.sleep(0.01)


@dataclass
class AttachableFake(FakePlatform):
    """A fake platform of a pipeline that is there already, on the wall's clock."""

    attached: bool = False
    attaching: list[BaseException] = field(default_factory=list)
    metrics: Mapping[str, str] = field(default_factory=dict)
    fitting: int | None = None
    began_s: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        return time.monotonic() - self.began_s

    def attach(self, pipeline: Pipeline, plan: Plan) -> None:  # noqa: ARG002 (the protocol's signature)
        if self.attaching:
            raise self.attaching.pop(0)
        self.attached = True
        self.running = self.running or plan

    def detach(self) -> None:
        self.attached = False

    def gateway_metrics(self) -> Mapping[str, str]:
        return self.metrics

    def fitting_cores(self) -> int | None:
        return self.fitting


class Platforms:
    """The platforms that were asked for, by name of the object."""

    def __init__(self) -> None:
        self.made: list[AttachableFake] = []
        self.adaptations: list[Adaptation] = []
        self.attaching: list[BaseException] = []
        self.running: Plan | None = None
        self.fitting: int | None = None

    def of(self, _thing: Object, adaptation: Adaptation) -> AttachableFake:
        self.adaptations.append(adaptation)
        self.made.append(AttachableFake(attaching=self.attaching, running=self.running, fitting=self.fitting))
        return self.made[-1]

    @property
    def latest(self) -> AttachableFake:
        return self.made[-1]


def put_video(cluster: MemoryCluster, *, name: str = "video", **options: Any) -> Object:
    """Put the object of the video pipeline, which is adapted ten times a second."""
    given = PipelineOptions(interval_s=0.1, **options)
    return cluster.put(PIPELINE, name, to_object(load_pipeline("video"), given, name=name), "here")


def status_of(cluster: MemoryCluster, name: str = "video") -> dict[str, Any]:
    found: dict[str, Any] = cluster.one(PIPELINE, name, "here").get("status", {})
    return found


def reasons(cluster: MemoryCluster, name: str = "video") -> dict[str, str]:
    """Return the reason of each condition."""
    return {one["type"]: one["reason"] for one in status_of(cluster, name).get("conditions", ())}


def threads(prefix: str) -> int:
    """Return how many threads there are whose names begin so."""
    return sum(thread.name.startswith(prefix) for thread in threading.enumerate())
