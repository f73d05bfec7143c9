"""Events of InferencePipelines, as ``kubectl describe`` shows them."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import EVENT, Object
from ipa.cluster.names import API_VERSION, KIND
from ipa.controller.conditions import word_for
from ipa.errors import ClusterError
from ipa.pipeline.plan import Plan
from ipa.results.decisions import DecisionRecord

COMPONENT = "ipa-controller"

NOTE_CHARACTERS = 1000
"""The API takes 1024."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a pipeline.

    Parameters
    ----------
    kind
        ``Warning`` where somebody may have to look at it.
    reason
        What happened, as one word.
    note
        What happened, in a sentence.
    """

    kind: Literal["Normal", "Warning"]
    reason: str
    note: str


def happening_of(record: DecisionRecord, before: DecisionRecord | None) -> Happening | None:
    """Return what a step means to people; None if nothing has happened.

    Parameters
    ----------
    record
        Of the step.
    before
        Of the step before it: what goes on as it was is not told again.
    """
    again = before is not None and (before.action, before.reason) == (record.action, record.reason)
    trouble = word_for(record.reason) if record.action == "pending" else ""
    if record.action in ("applied", "deployed"):
        rate = "" if record.rate_rps is None else f" for {record.rate_rps:.1f} requests/s"
        return Happening("Normal", "Reconfigured", f"{plan_in_words(record.plan)}{rate}")
    if record.action == "held" and not again:
        return Happening("Warning", "PlanHeld", record.reason)
    if trouble and not (before is not None and word_for(before.reason) == trouble):
        return Happening("Warning", trouble, f"{plan_in_words(record.plan)}: {record.reason}")
    return None


def plan_in_words(plan: Plan) -> str:
    """Return a plan as one line."""
    stages = (f"{one.stage} {one.variant} × {one.replicas}, batch {one.batch}" for one in plan.stages)
    return f"{'; '.join(stages)}; {plan.cost_cores} cores"


def event_of(
    thing: Object, happening: Happening, instance: str, now: datetime, number: int
) -> dict[str, Any]:
    """Return the event that tells of something that happened to an object.

    Parameters
    ----------
    thing
        The object.
    happening
        What happened.
    instance
        Which controller tells of it.
    now
        When.
    number
        Makes the name of the event differ from those of others.
    """
    metadata = thing["metadata"]
    stamp = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            # The API takes 253 characters.
            "name": f"{metadata['name'][:220]}.{number:x}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": happening.kind,
        "reason": happening.reason,
        "message": happening.note[:NOTE_CHARACTERS],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


class Teller:
    """Tells of what happens; an event that cannot be written is logged and forgotten.

    Parameters
    ----------
    client
        Of the cluster.
    instance
        Which controller this is.
    """

    def __init__(self, client: ClusterClient, instance: str) -> None:
        self._client, self._instance = client, instance

    def tell(self, thing: Object, happening: Happening) -> None:
        """Write the event."""
        event = event_of(thing, happening, self._instance, datetime.now(UTC), time.time_ns())
        try:
            self._client.create(event)
        except ClusterError as error:
            _log.warning("event %s of %s: %s", happening.reason, thing["metadata"]["name"], error)
