"""Brings a cluster to run what the status of a pipeline says, and keeps it so."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event, RLock, Thread
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import DEPLOYMENT, Kind, Object, kind_of, name_of
from ipa.cluster.names import API_VERSION, KIND, PIPELINE_LABEL
from ipa.cluster.resource import read_status
from ipa.cluster.resource_status import ServedStage, plan_entries, planned, serving_entries
from ipa.errors import ClusterError
from ipa.pipeline.plan import Plan
from ipa.platforms.kubernetes.next_writes import (
    Apply,
    Delete,
    Retire,
    Serve,
    Write,
    next_serving,
    next_writes,
)
from ipa.platforms.kubernetes.objects import IDLE_SINCE, PipelineObjects
from ipa.platforms.kubernetes.view import NamespaceView

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Time before what failed is tried again, and the longest such time where it fails again and again."""

LOOK_EVERY_S = 5.0
"""Time after which it looks without having been told of a change: something may be due to be forgotten."""

OBEY_WITHIN_S = 10.0
"""Time that gateways have to turn away from replicas; one that is cut off does not hold up the others."""

_log = logging.getLogger(__name__)


class Reconciler:
    """Writes what is missing, in a thread of its own, whenever something changes.

    Parameters
    ----------
    client
        Of the cluster.
    view
        What there is.
    objects
        What there should be.
    obeyed
        Whether the gateways serve as the status says.
    used
        Returns the names of the Services whose replicas gateways serve with, as far as they answer.

    Attributes
    ----------
    problem
        Why what is missing could not be written; empty if it could.
    """

    def __init__(
        self,
        client: ClusterClient,
        view: NamespaceView,
        objects: PipelineObjects,
        obeyed: Callable[[Sequence[Mapping[str, Any]]], bool],
        used: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._client, self._view, self._objects = client, view, objects
        self._obeyed, self._used = obeyed, used
        self._told: tuple[Any, float] = (None, 0.0)
        self._wake, self._stopped, self._status_lock = Event(), Event(), RLock()
        self._thread = Thread(target=self._run, name=f"reconcile {objects.owner.name}", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was written stays."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def plan(self) -> Plan | None:
        """Return what shall run, as the status says; None if it says nothing of this pipeline."""
        thing = self._thing()
        return None if thing is None else planned(read_status(thing), self._objects.pipeline)

    def serving(self) -> tuple[ServedStage, ...]:
        """Return what gateways were told."""
        thing = self._thing()
        return () if thing is None else read_status(thing).serving

    def change_plan(self, plan: Plan) -> None:
        """Write what shall run from now on, and let change at once what can.

        Raises
        ------
        ClusterError
            If it cannot be written, or the object is gone: another one may have its name by now.
        """
        name = self._objects.owner.name
        if self._thing() is None:
            raise ClusterError(f"the inferencepipeline {self._objects.owner.namespace}/{name} is gone", 404)
        with self._status_lock:
            self._put(plan, next_serving(self._objects, plan, self.serving(), self._view.seen(name)))

    def _put(self, plan: Plan, serving: Sequence[ServedStage]) -> None:
        owner = self._objects.owner
        status = {"plan": plan_entries(plan), "serving": serving_entries(serving)}
        thing = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": owner.name, "namespace": owner.namespace},
            "status": status,
        }
        self._view.note(self._client.apply_status(thing))
        self.wake()

    def turn(self) -> int:
        """Write what is missing now, and return how many writes that took.

        Raises
        ------
        ClusterError
            If one of them fails; those after it are left for the next turn.
        """
        plan, serving = self.plan(), self.serving()
        if plan is None:
            return 0
        writes = next_writes(
            self._objects,
            plan,
            serving,
            self._view.seen(self._objects.owner.name),
            obeyed=self._is_obeyed(serving),
            now_s=time.time(),
            used=self._used(),
        )
        for write in writes:
            self._do(write, plan)
        return len(writes)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self.turn()
                self.problem, pause_s = "", FIRST_PAUSE_S
                self._wake.wait(LOOK_EVERY_S)
            except Exception as error:
                if self.problem != str(error):
                    _log.warning("%s: %s", self._objects.owner.name, error, exc_info=not _is_ours(error))
                self.problem = str(error)
                self._stopped.wait(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _thing(self) -> Object | None:
        thing = self._view.pipeline(self._objects.owner.name)
        # One of the same name that was made later is another pipeline.
        return thing if thing and thing["metadata"]["uid"] == self._objects.owner.uid else None

    def _is_obeyed(self, serving: Sequence[ServedStage]) -> bool:
        told = serving_entries(serving)
        if self._told[0] != told:
            self._told = told, time.monotonic()
        return self._obeyed(told) or time.monotonic() - self._told[1] > OBEY_WITHIN_S

    def _do(self, write: Write, plan: Plan) -> None:
        owner = self._objects.owner
        match write:
            case Apply(thing):
                self._check_is_ours(kind_of(thing), name_of(thing))
                self._view.note(self._client.apply(thing))
            case Serve(serving):
                with self._status_lock:
                    # Another plan may have come meanwhile.
                    if self.plan() == plan:
                        self._put(plan, serving)
            case Retire(name, since_s):
                change = {
                    "metadata": {"annotations": {IDLE_SINCE: str(int(since_s))}},
                    "spec": {"replicas": 0},
                }
                self._view.note(self._client.patch(DEPLOYMENT, name, change, owner.namespace))
            case Delete(kind, name, uid):
                self._client.delete(kind, name, owner.namespace, uid=uid)
                self._view.forget(kind, name)

    def _check_is_ours(self, kind: Kind, name: str) -> None:
        """Raise an error rather than write an object that somebody else has made."""
        owner = self._objects.owner
        if self._view.has(kind, name):
            return
        found = self._client.get(kind, name, owner.namespace)
        if found is None:
            return
        about = found["metadata"]
        owners = about.get("ownerReferences") or ()
        if (about.get("labels") or {}).get(PIPELINE_LABEL) and any(one["uid"] == owner.uid for one in owners):
            return
        raise ClusterError(
            f"{kind.resource} {owner.namespace}/{name} is there already and does not belong to pipeline"
            f" {owner.name}; rename the pipeline, or delete that object"
        )


def _is_ours(error: Exception) -> bool:
    return isinstance(error, ClusterError)
