"""What controllers and kubelets do, for an API server in memory: pods, their readiness, EndpointSlices."""

from collections.abc import Iterator

from ipa.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, SERVICE, Object, name_of
from tests.support.memory_cluster import MemoryCluster


class MemoryKubelet:
    """Runs what Deployments ask for.

    Parameters
    ----------
    cluster
        Whose pods these are.
    """

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster
        self.broken: set[str] = set()
        """Deployments whose pods never become ready."""

    def work(self) -> None:
        """Bring all pods to what is asked for, at once."""
        for deployment in self._cluster.all(DEPLOYMENT):
            self._run(deployment)
        for pod in self._cluster.all(POD):
            owner = pod["metadata"]["labels"]["owner"]
            if not any(name_of(one) == owner for one in self._cluster.all(DEPLOYMENT)):
                self._cluster.remove(POD, name_of(pod))
        for service in self._cluster.all(SERVICE):
            self._list(service)

    def _run(self, deployment: Object) -> None:
        name, wanted = name_of(deployment), deployment["spec"]["replicas"]
        pods = list(self._pods(name))
        for number in range(len(pods), wanted):
            self._start(deployment, f"{name}-{deployment['metadata']['resourceVersion']}-{number}")
        for pod in pods[wanted:]:
            self._cluster.remove(POD, name_of(pod))
        ready = 0 if name in self.broken else wanted
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
        }
        self._cluster.put(DEPLOYMENT, name, deployment | {"status": status})

    def _start(self, deployment: Object, name: str) -> None:
        template, ready = deployment["spec"]["template"], name_of(deployment) not in self.broken
        marks = template["metadata"]["labels"] | {"owner": name_of(deployment)}
        status = {
            "phase": "Running",
            "podIP": "",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        }
        spec = template["spec"] | {"nodeName": "node"}
        self._cluster.put(POD, name, {"metadata": {"labels": marks}, "spec": spec, "status": status})

    def _pods(self, deployment: str) -> Iterator[Object]:
        for pod in self._cluster.all(POD):
            if pod["metadata"]["labels"]["owner"] == deployment:
                yield pod

    def _list(self, service: Object) -> None:
        chosen, name = service["spec"]["selector"].items(), name_of(service)
        endpoints = [
            {
                "addresses": ["10.0.0.1"],
                "conditions": {"ready": pod["status"]["conditions"][0]["status"] == "True"},
                "targetRef": {"kind": "Pod", "name": name_of(pod)},
            }
            for pod in self._cluster.all(POD)
            if chosen <= pod["metadata"]["labels"].items()
        ]
        marks = service["metadata"]["labels"] | {"kubernetes.io/service-name": name}
        self._cluster.put(
            ENDPOINT_SLICE, f"{name}-1", {"metadata": {"labels": marks}, "endpoints": endpoints}
        )
