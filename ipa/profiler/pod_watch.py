"""Waits for pods: until one is ready or cannot be, and until none is left."""

import asyncio
import time
from collections.abc import Collection
from types import TracebackType
from typing import Self

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import POD, Object
from ipa.cluster.watch import Change, Informer, on_loop
from ipa.errors import ClusterError, ProfilerError
from ipa.platforms.kubernetes.pods import PULL, is_ending, is_ready, trouble

PATIENCE_S = 20.0
"""Seconds that a pod may be in trouble: an image may be there at the second try, and a node have room."""

HOPELESS = ("ErrImageNeverPull", "InvalidImageName")
"""Reasons that time does not mend."""

GONE_WITHIN_S = 60.0


class PodWatch:
    """Knows the pods that have some labels.

    Parameters
    ----------
    client
        Of the cluster.
    namespace
        Where they are.
    selector
        Their labels.
    """

    def __init__(self, client: ClusterClient, namespace: str, selector: str) -> None:
        self._client, self._namespace, self._selector = client, namespace, selector
        self._changed = asyncio.Event()
        self._informer: Informer | None = None

    async def ready(self, name: str, timeout_s: float) -> Object:
        """Return a pod once it serves.

        Raises
        ------
        ProfilerError
            If it ends, is removed, stays in trouble, or is not ready in time; says why.
        ClusterError
            If its image cannot be had.
        """
        began_s, troubled_s, why = time.monotonic(), 0.0, ""
        while (now_s := time.monotonic()) < began_s + timeout_s:
            self._changed.clear()
            pod = self._pod(name)
            if pod is not None and is_ready(pod):
                return pod
            if pod is not None and (ended := _end(pod)):
                raise ProfilerError(f"pod {name} {ended}")
            if not (why := "" if pod is None else trouble(pod)):
                troubled_s = now_s
            elif pod is not None and (
                waits_for(pod, HOPELESS) or now_s - (troubled_s or began_s) > PATIENCE_S
            ):
                # Without the image no other replica will start either.
                kind = ClusterError if waits_for(pod, PULL) else ProfilerError
                raise kind(f"pod {name} does not start: {why}")
            await self._change(1.0)
        raise ProfilerError(f"pod {name} is not ready after {timeout_s:g} s{f': {why}' if why else ''}")

    async def gone(self) -> None:
        """Return once no pod is left; who takes too long is left to the cluster."""
        deadline_s = time.monotonic() + GONE_WITHIN_S
        while self._objects() and time.monotonic() < deadline_s:
            self._changed.clear()
            await self._change(1.0)

    def _objects(self) -> tuple[Object, ...]:
        return () if self._informer is None else self._informer.objects()

    def _pod(self, name: str) -> Object | None:
        return None if self._informer is None else self._informer.get(name, self._namespace)

    async def _change(self, at_most_s: float) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _hear(self, _change: Change) -> None:
        self._changed.set()

    async def __aenter__(self) -> Self:
        told = on_loop(asyncio.get_running_loop(), self._hear)
        self._informer = Informer(self._client, POD, self._namespace, self._selector, told).start()
        try:
            await asyncio.to_thread(self._informer.wait)
        except BaseException:
            await asyncio.to_thread(self._informer.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._informer is not None:
            await asyncio.to_thread(self._informer.stop)


def _end(pod: Object) -> str:
    """Return how a pod has ended, or that somebody ends it; empty if it goes on."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Failed", "Succeeded"):
        states = [one.get("state") or {} for one in status.get("containerStatuses") or ()]
        ended: Object = next((state["terminated"] for state in states if "terminated" in state), {})
        said = " ".join(str(ended.get("message") or status.get("message") or "").split())[-300:]
        reason = ended.get("reason") or status.get("reason") or "for no known reason"
        return f"ended: {reason}, exit code {ended.get('exitCode', 'unknown')}{f': {said}' if said else ''}"
    return "was removed by somebody else" if is_ending(pod) else ""


def waits_for(pod: Object, reasons: Collection[str]) -> bool:
    """Whether a container of a pod waits for one of these reasons."""
    states = ((one.get("state") or {}) for one in (pod.get("status") or {}).get("containerStatuses") or ())
    return any((state.get("waiting") or {}).get("reason") in reasons for state in states)
