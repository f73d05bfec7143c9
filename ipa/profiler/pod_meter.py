"""What a replica in a cluster uses, and what else its node does, as the kernel tells it in the container."""

import asyncio
import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import NODE, Object, name_of
from ipa.cluster.pod_command import run_in_pod
from ipa.errors import ClusterError
from ipa.profiler.disturbance import Usage, own_s
from ipa.profiler.node_counters import BOOT, COMMAND, NodeCounters

FACTS = ("python", "-m", "ipa.profiler.machine")
"""Prints what identifies a machine and the software on it, where the image is that of IPA."""


class PodMeter:
    """Looks at a pod by short commands in its container; where these are not allowed, little is known.

    Parameters
    ----------
    client
        Of the cluster.
    pod
        The pod, which is on a node.
    way
        How it is called, for people.
    """

    def __init__(self, client: ClusterClient, pod: Object, way: str) -> None:
        self._client, self._pod, self._way = client, pod, way
        self._problem = ""

    async def usage(self) -> Usage:
        """Return what the node, this process and the replica have used so far.

        This process counts only where it runs on that node.
        """
        known = await self._counters()
        here = known is not None and known.boot_id == _boot_id()
        if known is None:
            return Usage(math.nan, math.nan, 0.0, math.nan, time.monotonic())
        used_here_s = own_s() if here else 0.0
        return Usage(known.busy_s, known.stolen_s, used_here_s, known.container_s, time.monotonic())

    async def memory_mb(self) -> float:
        """Return the memory of the container, without caches of files."""
        known = await self._counters()
        return math.nan if known is None else known.memory_mb

    async def machine(self) -> Mapping[str, Any]:
        """Return what identifies the node, and the software in the container."""
        name = str(self._pod["spec"]["nodeName"])
        counters = await self._counters()
        cpu = {"cpu": counters.cpu} if counters is not None and counters.cpu else {}
        node = await asyncio.to_thread(self._node, name)
        return {
            **_facts_of(node),
            **cpu,
            **await self._told(),
            "node": name,
            "image": self._pod["spec"]["containers"][0]["image"],
            "called": self._way,
            "load_of_others": f"not known: {self._problem}" if self._problem else "known",
        }

    async def _told(self) -> dict[str, Any]:
        """Return what the software in the container tells; an image that is not of IPA tells nothing."""
        try:
            told: dict[str, Any] = json.loads(await self._run(FACTS))
        except (ClusterError, ValueError):
            return {}
        return told

    async def moment(self) -> Mapping[str, Any]:
        """Return when it is, and the load of the node."""
        known = await self._counters()
        return {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "load_average": [] if known is None else list(known.load_average),
        }

    async def _counters(self) -> NodeCounters | None:
        if self._problem:
            return None
        try:
            return NodeCounters.parse(await self._run(COMMAND))
        except ClusterError as error:
            self._problem = str(error)
            return None

    async def _run(self, command: tuple[str, ...]) -> str:
        where = str(self._pod["metadata"]["namespace"])
        return await asyncio.to_thread(run_in_pod, self._client, name_of(self._pod), command, where)

    def _node(self, name: str) -> Object | None:
        try:
            return self._client.get(NODE, name)
        except ClusterError:
            # Nodes are nobody's namespace: not everybody may look at them.
            return None


def _facts_of(node: Object | None) -> dict[str, Any]:
    """Return what a node tells of itself."""
    status: Mapping[str, Any] = (node or {}).get("status") or {}
    info, capacity = status.get("nodeInfo") or {}, status.get("capacity") or {}
    memory_kib = str(capacity.get("memory", "")).removesuffix("Ki")
    return {
        "cpu": f"not told ({info.get('architecture', 'unknown')})",
        "cores": int(capacity["cpu"]) if str(capacity.get("cpu", "")).isdecimal() else 0,
        "memory_gb": round(int(memory_kib) * 1024 / 1e9) if memory_kib.isdecimal() else 0,
        "governor": "",
        "system": f"{info.get('osImage', '')} {info.get('kernelVersion', '')}".strip(),
        "python": "not told",
        "packages": {},
        "kubelet": str(info.get("kubeletVersion", "")),
        "runtime": str(info.get("containerRuntimeVersion", "")),
    }


def _boot_id() -> str:
    try:
        return Path(BOOT).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
