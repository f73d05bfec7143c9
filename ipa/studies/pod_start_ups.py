"""How long the replicas of a pipeline in a cluster take to start, seen from outside of them."""

import time
from collections.abc import Mapping
from threading import Lock
from typing import Self

import numpy as np

from ipa.arrays import Floats
from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import PIPELINE, POD, Object, name_of
from ipa.cluster.names import CORES_LABEL, REPLICA, STAGE_LABEL, VARIANT_LABEL, label_value, selector
from ipa.cluster.resource import read_status
from ipa.cluster.watch import Change, Informer
from ipa.platforms.kubernetes.pods import is_ready

Served = tuple[str, str, str]
"""Stage, variant and cores, as labels have them."""


class PodStartUps:
    """Watches the replicas of one pipeline, and which of them the gateways are told to use.

    Parameters
    ----------
    client
        Of the cluster.
    namespace, name
        Of the object.
    """

    def __init__(self, client: ClusterClient, namespace: str, name: str) -> None:
        self._name, self._lock = name, Lock()
        self._begun_s: dict[str, float] = {}
        self._ready: dict[str, Served] = {}
        self._used_s: dict[str, float] = {}
        self._serving: frozenset[Served] = frozenset()
        self._informers = (
            Informer(client, POD, namespace, selector(name, REPLICA), self._see_pod),
            Informer(client, PIPELINE, namespace, "", self._see_pipeline),
        )

    def taken_s(self, zero_s: float, interval_s: float) -> Floats:
        """Return what each replica took that began after the clock of the pipeline showed 0.

        That is the time from the step that asked for it until it was ready and the gateways were told to use
        its variant. They hear of both a moment later.

        Parameters
        ----------
        zero_s
            When the clock showed 0, on ``time.monotonic``.
        interval_s
            Time between two steps.
        """
        with self._lock:
            begun_s = {pod: at_s - zero_s for pod, at_s in self._begun_s.items() if at_s > zero_s}
            taken = [
                self._used_s[pod] - zero_s - interval_s * round(at_s / interval_s)
                for pod, at_s in begun_s.items()
                if pod in self._used_s
            ]
        return np.array(taken)

    def _see_pod(self, change: Change) -> None:
        pod = change.object
        with self._lock:
            self._begun_s.setdefault(name_of(pod), time.monotonic())
            if is_ready(pod):
                self._ready[name_of(pod)] = _served(pod["metadata"].get("labels") or {})
            self._note_used()

    def _see_pipeline(self, change: Change) -> None:
        if name_of(change.object) == self._name:
            with self._lock:
                self._serving = frozenset(_serving(change.object))
                self._note_used()

    def _note_used(self) -> None:
        for pod, served in self._ready.items():
            if served in self._serving:
                self._used_s.setdefault(pod, time.monotonic())

    def __enter__(self) -> Self:
        for informer in self._informers:
            informer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for informer in self._informers:
            informer.stop()


def _served(marks: Mapping[str, str]) -> Served:
    return marks.get(STAGE_LABEL, ""), marks.get(VARIANT_LABEL, ""), marks.get(CORES_LABEL, "")


def _serving(thing: Object) -> list[Served]:
    return [
        (label_value(stage.stage), label_value(stage.variant), str(stage.cores))
        for stage in read_status(thing).serving
    ]
