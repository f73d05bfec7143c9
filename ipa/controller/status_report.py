"""The status of an InferencePipeline, but for the plan and what serves, which belong to the platform."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Object
from ipa.cluster.names import API_VERSION, KIND
from ipa.cluster.resource import read_status
from ipa.cluster.resource_status import LastDecision, PipelineStatus
from ipa.controller.conditions import Facts, Verdict, updated, verdicts
from ipa.errors import ClusterError
from ipa.results.decisions import DecisionRecord

MANAGER = "ipa-controller"
"""Who writes: another one than the platform, whose fields would else be removed by every write."""

OF_THE_PLATFORM = {"plan", "serving"}

QUIET = ("deployed", "applied", "unchanged")
"""Actions after which a step that changes nothing is no news."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """What came in the last interval.

    Parameters
    ----------
    rate_rps
        Mean of the seconds that were measured; None if none was.
    p99_s
        Of the latency; None if no request was answered.
    missed
        Share of the requests that were not answered within the SLA; None if none ended.
    """

    rate_rps: float | None = None
    p99_s: float | None = None
    missed: float | None = None


def status_after(
    before: PipelineStatus, facts: Facts, load: Load, generation: int, now: str
) -> PipelineStatus:
    """Return the status that follows from what is known.

    Parameters
    ----------
    before
        The status of before, whose times stay where nothing changes.
    facts
        What is known.
    load
        What came in the last interval.
    generation
        Of the object that the controller works with.
    now
        The time, as Kubernetes writes it.
    """
    record = facts.record
    changes: dict[str, object] = {
        "observed_generation": generation,
        "conditions": updated(before, verdicts(facts), generation, now),
        "cores": facts.plan.cost_cores or before.cores,
    }
    if record is not None:
        changes |= {
            "rate_rps": _rounded(load.rate_rps, 1),
            "forecast_rps": _rounded(record.forecast_rps, 1),
            "pas": _rounded(record.pas if record.pas == record.pas else None, 4),
            "p99_s": _rounded(load.p99_s, 3),
            "last_decision": _last_decision(before.last_decision, record, now),
        }
    return before.model_copy(update=changes)


def _last_decision(before: LastDecision | None, record: DecisionRecord, now: str) -> LastDecision | None:
    """Return the decision that people have to know of: what goes on as it was is not a new one."""
    if record.action == "unchanged" and before is not None and before.action in QUIET:
        return before
    same = before is not None and (before.action, before.reason) == (record.action, record.reason)
    if before is not None and same and record.action != "applied":
        return before
    return LastDecision(time=now, action=record.action, reason=record.reason)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


class StatusReport:
    """Keeps the status of one object up to date; what has not changed is not written.

    Parameters
    ----------
    client
        Of the cluster.
    thing
        The object, with the status of before.
    clock
        Returns the time.
    """

    def __init__(
        self,
        client: ClusterClient,
        thing: Object,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._clock = client, clock
        self._name, self._namespace = thing["metadata"]["name"], thing["metadata"]["namespace"]
        self.status = read_status(thing)
        self._written: dict[str, Any] | None = self._entry()

    def update(self, facts: Facts, load: Load, generation: int) -> None:
        """Write down what is known after a step, or before the first one."""
        self.status = status_after(self.status, facts, load, generation, self._now())
        self._write()

    def judge(self, found: Iterable[Verdict], generation: int) -> None:
        """Write down some conditions; the rest stays as it is."""
        conditions = updated(self.status, found, generation, self._now())
        changes = {"conditions": conditions, "observed_generation": generation}
        self.status = self.status.model_copy(update=changes)
        self._write()

    def _entry(self) -> dict[str, Any]:
        entry = self.status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=OF_THE_PLATFORM)
        return {key: value for key, value in entry.items() if value not in ((), [])}

    def _write(self) -> None:
        entry = self._entry()
        if entry == self._written:
            return
        metadata = {"name": self._name, "namespace": self._namespace}
        thing = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": entry}
        try:
            self._client.apply_status(thing, manager=MANAGER)
            self._written = entry
        except ClusterError as error:
            # The next step writes it; of an object that was deleted there will be none.
            _log.warning("status of %s/%s: %s", self._namespace, self._name, error)

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds").replace("+00:00", "Z")
