"""All pods of a gateway: asked again and again what arrived, what they serve, and what became of requests."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import Object, name_of
from ipa.cluster.names import GATEWAY
from ipa.errors import ClusterError
from ipa.platforms.kubernetes.arrivals import Counts, ShardArrivals
from ipa.platforms.kubernetes.journal import ShardJournal
from ipa.platforms.kubernetes.pods import LONGEST_REASON, address, component
from ipa.platforms.kubernetes.shard import Shard

if TYPE_CHECKING:
    import pyarrow as pa

EVERY_S, SOON_S = 1.0, 0.2
"""Time between two looks at the shards, and while something is about to change."""

JOURNAL_EVERY_S = 0.2
"""Time between two looks into journals: what a shard wrote down since is lost where its pod is deleted."""

HURRY_S = 60.0
"""Time for which it looks so often; what takes longer need not be known to the fraction of a second."""

NS = 1_000_000_000

_log = logging.getLogger(__name__)


class GatewayShards:
    """The shards of one gateway.

    Parameters
    ----------
    client
        Of the cluster.
    pods
        Returns the pods of the pipeline as they are now.
    zero_unix_ns
        When the clock by whose seconds arrivals are counted showed 0, since the epoch.
    journal_limit
        Ended requests that are remembered, about; 0: gateways are not asked for them.
    looked
        Called after every look; returns whether more is about to change.
    """

    def __init__(
        self,
        client: ClusterClient,
        pods: Callable[[], Iterable[Object]],
        zero_unix_ns: int,
        journal_limit: int,
        looked: Callable[[], bool],
    ) -> None:
        self._client, self._pods, self._looked = client, pods, looked
        self._zero_unix_ns, self._journal_limit = zero_unix_ns, journal_limit
        self._arrivals, self._journal = ShardArrivals(), ShardJournal(journal_limit)
        self._shards: dict[str, Shard] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._lock, self._stopped, self._called = Lock(), Event(), Event()
        self._hurry_until_s = 0.0
        self._thread = Thread(target=self._run, name="gateway shards", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._called.set()
        self._thread.join(timeout=10.0)
        for shard in self._shards.values():
            shard.close()

    def set_clock(self, zero_unix_ns: int) -> None:
        """Count arrivals by a clock that showed 0 at an instant since the epoch."""
        with self._lock:
            self._zero_unix_ns, self._arrivals = zero_unix_ns, ShardArrivals()

    def hurry(self) -> None:
        """Look at once, and often: something has been told that they have to take in."""
        self._hurry_until_s = time.monotonic() + HURRY_S
        self._called.set()

    @property
    def in_hurry(self) -> bool:
        """Whether it looks often while something is about to change."""
        return time.monotonic() < self._hurry_until_s

    def look(self) -> None:
        """Ask all shards what there is to know, now."""
        with self._lock:
            self._find()
            told: dict[str, Counts | None] = {}
            first, end = self._arrivals.known_s, int((time.time_ns() - self._zero_unix_ns) // NS)
            for name, shard in self._shards.items():
                told[name] = self._ask(shard, first, max(first, end))
            self._arrivals.add(first, end, told)

    def metrics(self) -> dict[str, str]:
        """Return the metrics of every shard that answers, by its name."""
        found: dict[str, str] = {}
        with self._lock:
            shards = dict(self._shards)
        for name, shard in shards.items():
            try:
                found[name] = shard.metrics()
            except (ClusterError, OSError) as error:
                _log.info("metrics of shard %s: %s", name, error)
        return found

    def rates_rps(self, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the requests that arrived in each second."""
        with self._lock:
            return self._arrivals.rates_rps(first_s, end_s)

    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what each shard told of itself last, by its name."""
        return dict(self._states)

    def obey(self, serving: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all shards serve as the status of the pipeline says."""
        wanted = {stage["stage"]: stage for stage in serving}
        return all(
            name in self._states
            and {stage["stage"]: stage for stage in self._states[name].get("serving") or ()} == wanted
            for name in self._shards
        )

    def services(self) -> frozenset[str]:
        """Return the names of the Services whose replicas any shard serves with, as far as they tell."""
        told = [state.get("serving") or () for state in tuple(self._states.values())]
        return frozenset(stage["service"] for serving in told for stage in serving)

    def unreachable(self) -> str:
        """Return which replicas cannot be connected by a shard, and why; empty if there are none."""
        found: dict[str, str] = {}
        for state in tuple(self._states.values()):
            found |= state.get("unreachable") or {}
        return "; ".join(f"replica {name} {why}" for name, why in sorted(found.items()))[:LONGEST_REASON]

    def latencies_s(self, seconds: float) -> NDArray[np.float64]:
        """Return how long the requests took that were answered in the past seconds."""
        with self._lock:
            return self._journal.latencies_s(time.time_ns() - round(seconds * 1e9))

    def journal(self) -> "pa.Table | None":
        """Return what is remembered of ended requests, by times since the epoch; None if nothing."""
        with self._lock:
            return self._journal.table()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._called.clear()
            began_s, more = time.monotonic(), False
            try:
                self.look()
                more = self._looked()
            except Exception:
                _log.exception("the gateway could not be looked at")
            spent_s = time.monotonic() - began_s
            self._pause(max(SOON_S / 4, (SOON_S if more else EVERY_S) - spent_s))

    def _pause(self, seconds: float) -> None:
        """Return after a time, or when it is called; read journals meanwhile."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if self._called.wait(min(left_s, JOURNAL_EVERY_S) if self._journal_limit else left_s):
                return
            if self._journal_limit:
                self.read_journals()

    def read_journals(self) -> None:
        """Take in what shards wrote down since they were asked last."""
        with self._lock:
            for shard in self._shards.values():
                # One that does not answer is told of at the next look.
                with suppress(ClusterError, ValueError, KeyError, OSError):
                    self._read_journal(shard)

    def _read_journal(self, shard: Shard) -> None:
        self._journal.add(shard.name, shard.journal(self._journal.next(shard.name)))

    def _find(self) -> None:
        """Learn which shards there are."""
        there = {name_of(pod): pod for pod in self._pods() if component(pod) == GATEWAY and address(pod)}
        running = {name: pod for name, pod in there.items() if pod["status"].get("phase") == "Running"}
        # A pod in a new sandbox has its name still, and another address.
        gone = [
            name
            for name, one in self._shards.items()
            if name not in running or one.address != address(running[name])
        ]
        for name in gone:
            self._shards.pop(name).close()
            self._states.pop(name, None)
        for name, pod in running.items():
            if name not in self._shards:
                where = str(pod["metadata"]["namespace"])
                self._shards[name] = Shard(self._client, name, where, address(pod))

    def _ask(self, shard: Shard, first_s: int, end_s: int) -> Counts | None:
        """Take in what one shard tells, and return what arrived; None if it does not answer."""
        try:
            self._states[shard.name] = shard.state()
            if self._journal_limit:
                self._read_journal(shard)
            return shard.arrivals(self._zero_unix_ns, first_s, end_s)
        except (ClusterError, ValueError, KeyError, OSError) as error:
            self._states.pop(shard.name, None)
            _log.info("shard %s: %s", shard.name, error)
            return None
