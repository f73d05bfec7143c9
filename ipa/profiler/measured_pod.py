"""The objects of a replica that is measured: a pod of its own and its settings, for nobody else."""

from dataclasses import dataclass
from typing import Any

from ipa.cluster.kinds import Object
from ipa.cluster.names import dns_name, labels, selector
from ipa.pipeline.pipeline import Pipeline
from ipa.platforms.kubernetes import containers
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.platforms.local.replica_settings import replica_settings
from ipa.serving.pod.settings import encode

COMPONENT = "profile"
"""Label of what is measured: no gateway, no scraping, no rule of the network is for it."""

STOP_S = 2
"""Seconds that a replica has to end; nobody sends it anything then."""


@dataclass(frozen=True, slots=True)
class MeasuredPod:
    """Makes the objects of one replica.

    Parameters
    ----------
    session
        Name of what is profiled, into which folder: everything of it can be found, and removed, by it.
    settings
        How replicas are served.
    namespace
        Where they are.
    seed
        Of emulated service times.
    lives_s
        Seconds after which the cluster ends the pod, should nobody else.
    """

    session: str
    settings: KubernetesSettings
    namespace: str
    seed: int
    lives_s: int

    @property
    def selector(self) -> str:
        """What selects all objects of the session."""
        return selector(self.session, COMPONENT)

    def objects(
        self, pipeline: Pipeline, place: int, variant: str, cores: int, node: str = ""
    ) -> tuple[Object, Object]:
        """Return settings and pod of a replica.

        Parameters
        ----------
        pipeline, place, variant, cores
            What it serves, on how many cores.
        node
            Where it has to run; empty: where there is room.
        """
        stage = pipeline.stages[place]
        name = dns_name(self.session, stage.name, variant, f"{cores}c")
        about = {
            "name": name,
            "namespace": self.namespace,
            "labels": labels(self.session, COMPONENT, stage=stage.name, variant=variant, cores=cores),
        }
        told = replica_settings(pipeline, place, variant, cores, self.settings, seed=self.seed)
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": about,
            "data": {containers.SETTINGS_KEY: encode(told)},
        }
        spec = containers.replica_pod(self.settings, stage.variant(variant), stage.name, cores, name)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": self._alone(spec, node)}
        return config, pod

    def _alone(self, spec: dict[str, Any], node: str) -> dict[str, Any]:
        """Return the specification of a pod that serves once, on one node, and ends at once."""
        for container in spec["containers"]:
            container.pop("lifecycle", None)
        changes = {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": self.lives_s,
            "terminationGracePeriodSeconds": STOP_S,
        }
        return spec | changes | ({"affinity": _on(node)} if node else {})


def _on(node: str) -> dict[str, Any]:
    named = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [named]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def owned_by(pod: Object) -> Object:
    """Return the change that lets something go together with a pod."""
    about = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": about["name"], "uid": about["uid"]}
    return {"metadata": {"ownerReferences": [owner]}}
