"""What there is of a pipeline in a cluster, at one instant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipa.cluster.kinds import Object, name_of
from ipa.cluster.names import COMPONENT_LABEL, REPLICA
from ipa.platforms.kubernetes.objects import IDLE_SINCE

SERVICE_LABEL = "kubernetes.io/service-name"
"""Label of an EndpointSlice that names its Service."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of a pipeline.

    Parameters
    ----------
    deployments, services, configs, pods
        By name.
    endpoints
        Names of the replicas that are ready and not about to end, by the Service that leads to them.
    """

    deployments: Mapping[str, Object] = field(default_factory=dict)
    services: Mapping[str, Object] = field(default_factory=dict)
    configs: Mapping[str, Object] = field(default_factory=dict)
    pods: Mapping[str, Object] = field(default_factory=dict)
    endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def ready(self, service: str) -> int:
        """Return how many replicas of a Service are ready."""
        return len(self.endpoints.get(service, ()))

    def replica_deployments(self) -> Iterable[Object]:
        """Return the Deployments of replicas."""
        return (
            thing
            for thing in self.deployments.values()
            if thing["metadata"]["labels"].get(COMPONENT_LABEL) == REPLICA
        )


def by_name(things: Iterable[Object]) -> dict[str, Object]:
    """Return objects by their names."""
    return {name_of(thing): thing for thing in things}


def ready_endpoints(slices: Iterable[Object]) -> dict[str, frozenset[str]]:
    """Return the names of the ready pods of each Service, of its EndpointSlices."""
    found: dict[str, frozenset[str]] = {}
    for piece in slices:
        service = piece["metadata"].get("labels", {}).get(SERVICE_LABEL, "")
        ready = frozenset(_pod(endpoint) for endpoint in piece.get("endpoints") or () if _is_ready(endpoint))
        found[service] = found.get(service, frozenset()) | ready
    return found


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    conditions = endpoint.get("conditions") or {}
    return bool(conditions.get("ready")) and not conditions.get("terminating")


def _pod(endpoint: Mapping[str, Any]) -> str:
    # One that somebody else wrote may name none.
    return str((endpoint.get("targetRef") or {}).get("name") or endpoint["addresses"][0])


def wanted_replicas(deployment: Object) -> int:
    """Return how many replicas a Deployment is asked for."""
    return int(deployment["spec"].get("replicas", 1))


def is_settled(deployment: Object) -> bool:
    """Whether all pods of a Deployment are of its present template, and none of another is left."""
    status, wanted = deployment.get("status") or {}, wanted_replicas(deployment)
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(current and status.get("updatedReplicas", 0) == wanted == status.get("replicas", 0))


def idle_since_s(deployment: Object) -> float | None:
    """Return since when replicas serve no more, in seconds since the epoch; None: they do serve."""
    written = (deployment["metadata"].get("annotations") or {}).get(IDLE_SINCE, "")
    try:
        return float(written) if written else None
    except ValueError:
        return None
