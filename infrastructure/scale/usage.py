"""What a pod takes, as the kubelet of its node counts it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Object, name_of

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pod has taken.

    Parameters
    ----------
    at_ns
        When that was counted, on the clock of the node.
    cpu_s
        Seconds of a processor since it started.
    memory_mb
        Its working set then.
    """

    at_ns: int
    cpu_s: float
    memory_mb: float

    def cores_since(self, before: "Usage") -> float:
        """Return the cores that it took on average since an earlier count."""
        return (self.cpu_s - before.cpu_s) / ((self.at_ns - before.at_ns) / 1e9)


def usage_of(client: ClusterClient, pod: Object) -> Usage | None:
    """Return what a pod took as counted last; None if its node has not counted it yet."""
    from kubernetes.client import CoreV1Api

    api = CoreV1Api(client.official())
    answer = api.connect_get_node_proxy_with_path(
        pod["spec"]["nodeName"], "stats/summary", _preload_content=False, _request_timeout=10
    )
    return read_usage(json.loads(answer.data), pod)


def read_usage(summary: dict[str, Any], pod: Object) -> Usage | None:
    """Return what a kubelet's summary says of a pod; None if nothing yet."""
    where = pod["metadata"]["namespace"], name_of(pod)
    for told in summary["pods"]:
        if (told["podRef"]["namespace"], told["podRef"]["name"]) != where:
            continue
        cpu, memory = told.get("cpu") or {}, told.get("memory") or {}
        if "usageCoreNanoSeconds" in cpu and "workingSetBytes" in memory:
            at_ns = round(datetime.fromisoformat(cpu["time"]).timestamp() * 1e9)
            return Usage(at_ns, cpu["usageCoreNanoSeconds"] / 1e9, memory["workingSetBytes"] / MEGABYTE)
    return None
