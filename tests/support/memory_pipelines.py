"""A pipeline in an API server in memory, with whoever keeps it as its plan says, step by step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CONFIG_MAP, DEPLOYMENT, PIPELINE, SERVICE, Object, name_of
from ipa.cluster.resource import read_status, to_object
from ipa.cluster.resource_status import planned
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Conditions
from ipa.platforms.kubernetes.objects import Owner, PipelineObjects
from ipa.platforms.kubernetes.reconciler import Reconciler
from ipa.platforms.kubernetes.seen import Seen, by_name, ready_endpoints
from ipa.platforms.kubernetes.settings import KubernetesSettings
from tests.support.live_pipelines import toy_pipeline
from tests.support.memory_cluster import MemoryCluster
from tests.support.memory_kubelet import MemoryKubelet


class DirectView:
    """What there is of a pipeline, read anew every time: an informer that is never late."""

    def __init__(self, cluster: MemoryCluster, namespace: str = "default") -> None:
        self._cluster, self.namespace = cluster, namespace

    def pipeline(self, name: str) -> Object | None:
        return next(
            (one for one in self._cluster.all(PIPELINE, self.namespace) if name_of(one) == name), None
        )

    def seen(self, pipeline: str) -> Seen:
        from ipa.cluster.kinds import ENDPOINT_SLICE, POD

        def ours(kind: Any) -> list[Object]:
            things = self._cluster.all(kind, self.namespace)
            return [one for one in things if one["metadata"]["labels"].get("ipa.dev/pipeline") == pipeline]

        return Seen(
            by_name(ours(DEPLOYMENT)),
            by_name(ours(SERVICE)),
            by_name(ours(CONFIG_MAP)),
            by_name(ours(POD)),
            ready_endpoints(ours(ENDPOINT_SLICE)),
        )

    def has(self, kind: Any, name: str) -> bool:
        found = next((one for one in self._cluster.all(kind, self.namespace) if name_of(one) == name), None)
        return found is not None and "ipa.dev/pipeline" in found["metadata"].get("labels", {})

    def note(self, thing: Object) -> None:
        """Nothing to do: it is read anew."""

    def forget(self, kind: Any, name: str) -> None:
        """Nothing to do: it is read anew."""


Obeyed = Callable[[Sequence[Mapping[str, Any]]], bool]


class MemoryPipeline:
    """A pipeline, its object, and one who keeps it; ``restart`` stands for a new process."""

    def __init__(self, cluster: MemoryCluster, pipeline: Pipeline | None = None, name: str = "toy") -> None:
        self.cluster, self.pipeline, self.name = cluster, pipeline or toy_pipeline(), name
        self.kubelet = MemoryKubelet(cluster)
        self.settings = KubernetesSettings(idle_s=1e-6)
        cluster.put(PIPELINE, name, to_object(self.pipeline, name=name, namespace="default"))
        self.obeyed: Obeyed = lambda _serving: True
        self.used: frozenset[str] = frozenset()
        self.client = ClusterClient(cluster)
        self.restart()

    def restart(self) -> None:
        self.client = ClusterClient(self.cluster)
        uid = self.cluster.one(PIPELINE, self.name)["metadata"]["uid"]
        owner = Owner(self.name, "default", uid)
        objects = PipelineObjects(owner, self.pipeline, self.settings, Conditions())
        view: Any = DirectView(self.cluster)
        self.reconciler = Reconciler(
            self.client, view, objects, lambda serving: self.obeyed(serving), lambda: self.used
        )

    def settle(self, turns: int = 8) -> None:
        """Let all do what they have to, until nothing is left to do."""
        for _ in range(turns):
            written = self.reconciler.turn()
            self.kubelet.work()
            if not written and not self.reconciler.turn():
                return
        raise AssertionError(f"it does not settle: {list(self.client.writes)[-10:]}")

    def plan(self) -> Plan | None:
        return planned(read_status(self.cluster.one(PIPELINE, self.name)), self.pipeline)

    def serving(self) -> dict[str, tuple[str, int]]:
        status = read_status(self.cluster.one(PIPELINE, self.name))
        return {stage.stage: (stage.variant, stage.batch) for stage in status.serving}

    def replicas(self) -> dict[str, int]:
        """Return how many replicas each Deployment is asked for."""
        return {name_of(one): one["spec"]["replicas"] for one in self.cluster.all(DEPLOYMENT)}

    def names(self) -> set[tuple[str, str]]:
        """Return kind and name of all that belongs to pipelines."""
        return {
            (kind.name, name_of(one))
            for kind in (DEPLOYMENT, SERVICE, CONFIG_MAP)
            for one in self.cluster.all(kind)
        }
