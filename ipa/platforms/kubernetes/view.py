"""What there is of all pipelines of a namespace, as the API server tells it; watched once for all of them."""

from collections.abc import Callable, Mapping
from threading import Lock

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    PIPELINE,
    POD,
    SERVICE,
    Kind,
    Object,
    kind_of,
    name_of,
)
from ipa.cluster.names import MANAGED_BY_LABEL, PIPELINE_LABEL, label_value
from ipa.cluster.watch import Change, Informer
from ipa.platforms.kubernetes.seen import Seen, by_name, ready_endpoints

OWNED = (DEPLOYMENT, SERVICE, CONFIG_MAP, POD, ENDPOINT_SLICE)
"""Kinds of what belongs to pipelines."""


class NamespaceView:
    """All pipelines of a namespace and what belongs to them.

    Parameters
    ----------
    client
        Of the cluster.
    namespace
        Which one.
    """

    def __init__(self, client: ClusterClient, namespace: str) -> None:
        self.namespace = namespace
        self._informers: dict[Kind, Informer] = {
            PIPELINE: Informer(client, PIPELINE, namespace, "", self._tell)
        }
        for kind in OWNED:
            self._informers[kind] = Informer(client, kind, namespace, f"{MANAGED_BY_LABEL}=ipa", self._tell)
        self._lock, self._listeners = Lock(), dict[str, tuple[Callable[[], None], ...]]()

    def start(self) -> "NamespaceView":
        """Begin to watch, and return once everything is known.

        Raises
        ------
        ClusterError
            If it cannot be; nothing is watched then.
        """
        try:
            for informer in self._informers.values():
                informer.start()
            for informer in self._informers.values():
                informer.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def listen(self, pipeline: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call somebody whenever something of a pipeline changes; return what ends that.

        Parameters
        ----------
        pipeline
            Name of its object.
        changed
            Called in the thread of an informer; it must not take long.
        """
        label = label_value(pipeline)
        with self._lock:
            self._listeners[label] = (*self._listeners.get(label, ()), changed)

        def end() -> None:
            with self._lock:
                left = tuple(other for other in self._listeners.get(label, ()) if other is not changed)
                self._listeners[label] = left

        return end

    def pipeline(self, name: str) -> Object | None:
        """Return the object of a pipeline; None if there is none, or it is being deleted."""
        found = self._informers[PIPELINE].get(name, self.namespace)
        return None if found is None or found["metadata"].get("deletionTimestamp") else found

    def seen(self, pipeline: str) -> Seen:
        """Return what there is of a pipeline."""
        label = label_value(pipeline)
        found = {kind: self._informers[kind].labelled(PIPELINE_LABEL, label) for kind in OWNED}
        return Seen(
            deployments=by_name(found[DEPLOYMENT]),
            services=by_name(found[SERVICE]),
            configs=by_name(found[CONFIG_MAP]),
            pods=by_name(found[POD]),
            endpoints=ready_endpoints(found[ENDPOINT_SLICE]),
        )

    def has(self, kind: Kind, name: str) -> bool:
        """Whether there is an object with the labels of IPA."""
        return self._informers[kind].get(name, self.namespace) is not None

    def note(self, thing: Object) -> None:
        """Take in what a write of our own answered."""
        self._informers[kind_of(thing)].note(thing)

    def forget(self, kind: Kind, name: str) -> None:
        """Take out what a call of our own has deleted."""
        known = self._informers[kind].get(name, self.namespace)
        if known is not None:
            self._informers[kind].forget(known)

    @property
    def problem(self) -> str:
        """Why what is known may be out of date just now; empty if it is not."""
        return next((one.problem for one in self._informers.values() if one.problem), "")

    def stop(self) -> None:
        """Watch no more."""
        for informer in self._informers.values():
            informer.stop()

    def _tell(self, change: Change) -> None:
        thing = change.object
        label = label_value(name_of(thing)) if thing.get("kind") == PIPELINE.name else _label(thing)
        for changed in self._listeners.get(label, ()):
            changed()


def _label(thing: Object) -> str:
    marks: Mapping[str, str] = thing["metadata"].get("labels") or {}
    return marks.get(PIPELINE_LABEL, "")
