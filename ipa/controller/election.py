"""Which of several controllers acts: the one that holds a Lease and renews it.

The official client elects by ConfigMaps only; this is the algorithm of Kubernetes' own components. Clocks of
different machines are never compared: a candidate takes over a Lease that it saw unchanged for as long as the
Lease is good for, by its own clock.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import LEASE, Object
from ipa.errors import ClusterError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a Lease is good for.

    Parameters
    ----------
    duration_s
        Seconds after which others may take it over if it was not renewed.
    renew_within_s
        Seconds after which its holder must not act any more if it could not renew it; less than that.
    retry_s
        Seconds between two attempts to renew it, or to get it.
    """

    duration_s: int = 15
    renew_within_s: float = 10.0
    retry_s: float = 2.0


class Election:
    """A candidate for a Lease.

    Parameters
    ----------
    client
        Of the cluster.
    namespace, name
        Of the Lease.
    identity
        Name of the candidate, which no other one has.
    timing
        How long the Lease is good for.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self,
        client: ClusterClient,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self.identity, self._timing, self._clock = identity, timing or Timing(), clock
        self._seen: object = None
        self._seen_at_s = 0.0
        self._held_until_s = 0.0
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="election", daemon=True)
        self.holder = ""

    @property
    def leads(self) -> bool:
        """Whether this candidate may act, now."""
        return self._clock() < self._held_until_s

    def start(self) -> None:
        """Stand for it from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stand back; a Lease that is held is given up, so that another one can have it at once."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.leads:
            self._held_until_s = 0.0
            self._give_up()

    def step(self) -> bool:
        """Get the Lease or renew it, if that is possible now; return whether this candidate may act."""
        began_s = self._clock()
        try:
            lease = self._client.get(LEASE, self._name, self._namespace)
            if lease is None or self._is_free(lease):
                claimed = self._claimed(lease, datetime.now(UTC))
                self._client.create(claimed) if lease is None else self._client.replace(claimed)
                self.holder = self.identity
                # From when it was asked for: the answer may have taken its time.
                self._held_until_s = began_s + self._timing.renew_within_s
            else:
                # Somebody else holds it, whatever was believed.
                self._held_until_s = 0.0
        except ClusterError as error:
            # Somebody else was faster, or the API server is away: what was renewed still holds for a while.
            _log.info("lease %s: %s", self._name, error)
        return self.leads

    def _is_free(self, lease: Object) -> bool:
        spec = lease.get("spec") or {}
        self.holder = str(spec.get("holderIdentity") or "")
        state = self.holder, spec.get("renewTime"), spec.get("leaseTransitions")
        if state != self._seen:
            self._seen, self._seen_at_s = state, self._clock()
        good_for_s = float(spec.get("leaseDurationSeconds") or 0)
        return self.holder in ("", self.identity) or self._clock() >= self._seen_at_s + good_for_s

    def _claimed(self, lease: Object | None, now: datetime) -> Object:
        before = (lease or {}).get("spec") or {}
        stays = before.get("holderIdentity") == self.identity
        stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        metadata = dict(lease["metadata"]) if lease else {"name": self._name, "namespace": self._namespace}
        metadata.pop("managedFields", None)
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self._timing.duration_s,
                "acquireTime": before.get("acquireTime", stamp) if stays else stamp,
                "renewTime": stamp,
                "leaseTransitions": int(before.get("leaseTransitions") or 0)
                + (0 if stays or not lease else 1),
            },
        }

    def _give_up(self) -> None:
        try:
            lease = self._client.get(LEASE, self._name, self._namespace)
            if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
                spec = lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
                self._client.replace({**lease, "spec": spec})
        except ClusterError as error:
            _log.warning("lease %s could not be given up; it runs out by itself: %s", self._name, error)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.step()
            self._stopped.wait(self._timing.retry_s)
