"""What the cluster shows a shard of the gateway: what shall serve, and where the pods answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipa.cluster.resource import read_status
from ipa.cluster.resource_status import ServedStage
from ipa.serving.pod.endpoints import Condition, Endpoint, endpoints_by_service
from ipa.serving.pod.settings import GRPC_PORT_NAME


@dataclass(frozen=True, slots=True)
class ClusterNews:
    """What is known of the cluster.

    Parameters
    ----------
    version
        Of the pipeline's object; empty while it is not known.
    serving
        What shall serve each stage; none while nobody has said it.
    endpoints
        Pods behind every Service, by their names.
    shards
        Names of the gateway's pods that take requests.
    """

    version: str = ""
    serving: tuple[ServedStage, ...] = ()
    endpoints: Mapping[str, Mapping[str, Endpoint]] = field(default_factory=dict)
    shards: frozenset[str] = frozenset()


def read_news(
    thing: Mapping[str, Any] | None, slices: Iterable[Mapping[str, Any]], gateway: str
) -> ClusterNews:
    """Return what objects of the cluster tell.

    Parameters
    ----------
    thing
        The pipeline's object; None if it is not known.
    slices
        All EndpointSlices of the pipeline.
    gateway
        Name of the gateway's Service.
    """
    endpoints = endpoints_by_service(slices, GRPC_PORT_NAME)
    members = endpoints.pop(gateway, {})
    return ClusterNews(
        str(thing["metadata"]["resourceVersion"]) if thing else "",
        read_status(thing).serving if thing else (),
        endpoints,
        frozenset(name for name, one in members.items() if one.condition is Condition.READY),
    )
