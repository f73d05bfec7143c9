"""Watches what a shard of the gateway has to know of its cluster."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import ENDPOINT_SLICE, PIPELINE
from ipa.cluster.names import PIPELINE_LABEL, gateway_name, label_value
from ipa.cluster.watch import Informer, on_loop
from ipa.serving.pod.cluster_news import ClusterNews, read_news


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Which pod this is.

    Parameters
    ----------
    pod, namespace
        Its names.
    pipeline
        Name of the pipeline's object.
    """

    pod: str
    namespace: str
    pipeline: str


class ClusterView:
    """What the cluster shows of one pipeline; while the cluster does not answer, what it showed last.

    Parameters
    ----------
    client
        Of the cluster.
    where
        Which pipeline.
    changed
        Called in the running event loop when anything has changed.
    """

    def __init__(self, client: ClusterClient, where: Whereabouts, changed: Callable[[], None]) -> None:
        self._where = where
        tell = on_loop(asyncio.get_running_loop(), lambda _: changed())
        slices = f"{PIPELINE_LABEL}={label_value(where.pipeline)}"
        self._objects = Informer(client, PIPELINE, where.namespace, changed=tell)
        self._slices = Informer(client, ENDPOINT_SLICE, where.namespace, slices, changed=tell)

    def start(self) -> None:
        """Begin to watch."""
        self._objects.start()
        self._slices.start()

    @property
    def problem(self) -> str:
        """Why what is shown may be out of date; empty if it is not."""
        return self._objects.problem or self._slices.problem

    def news(self) -> ClusterNews:
        """Return what is known now."""
        if not (self._objects.synced and self._slices.synced):
            return ClusterNews()
        thing = self._objects.get(self._where.pipeline, self._where.namespace)
        return read_news(thing, self._slices.objects(), gateway_name(self._where.pipeline))

    async def stop(self) -> None:
        """Watch no more."""
        await asyncio.to_thread(self._objects.stop)
        await asyncio.to_thread(self._slices.stop)
