"""Keeps one pipeline adapted for as long as its object is there and this controller leads."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import CONFIG_MAP, Object
from ipa.cluster.resource import read_object
from ipa.controller.adaptation import Adaptation, adaptation_of
from ipa.controller.cluster_events import Happening, Teller, plan_in_words
from ipa.controller.conditions import Verdict, invalid, out_of_reach, paused
from ipa.controller.metrics import ControllerMetrics
from ipa.controller.session import AttachedPlatform, Session
from ipa.controller.status_report import StatusReport
from ipa.errors import ClusterError, InvalidValueError, IpaError

RETRY_S = 10.0
"""Time after which it is tried again to serve a pipeline that could not be served."""

_log = logging.getLogger(__name__)


Attach = Callable[[Object, Adaptation], AttachedPlatform]
"""Returns the platform of an object; nothing is begun yet."""


class PipelineKeeper:
    """Adapts the pipeline of one object, in a thread of its own, until it is stopped.

    Parameters
    ----------
    client
        Of the cluster.
    thing
        The object.
    platform_of
        Returns the platform on which it runs.
    teller
        Tells of what happens.
    metrics
        Of the controller.
    """

    def __init__(
        self,
        client: ClusterClient,
        thing: Object,
        platform_of: Attach,
        teller: Teller,
        metrics: ControllerMetrics,
    ) -> None:
        self._client, self._platform_of = client, platform_of
        self._teller, self._metrics = teller, metrics
        about = thing["metadata"]
        self.place: tuple[str, str] = (about["namespace"], about["name"])
        self._thing, self._lock = thing, Lock()
        self._called_off, self._stopped = Event(), Event()
        self._report = StatusReport(client, thing)
        self._paused = False
        self._thread = Thread(target=self._run, name=f"keep {'/'.join(self.place)}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell(self, thing: Object) -> None:
        """Take in the object as it is now; what another generation of it asks for is obeyed at once."""
        with self._lock:
            before, self._thing = self._thing, thing
        if thing["metadata"].get("generation") != before["metadata"].get("generation"):
            self._called_off.set()

    def call_off(self) -> None:
        """Let it end soon."""
        self._stopped.set()
        self._called_off.set()

    def join(self, timeout_s: float) -> bool:
        """Return once it has ended, or the time is over; return whether it has."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._called_off.clear()
            if self._stopped.is_set():
                break
            with self._lock:
                thing = self._thing
            try:
                self._keep(thing)
            except SystemExit:
                continue
            except ClusterError as error:
                self._judge(thing, out_of_reach(str(error)))
                self._called_off.wait(RETRY_S)
            except IpaError as error:
                self._refuse(thing, str(error))
            except Exception as error:
                _log.exception("%s/%s cannot be kept", *self.place)
                self._judge(thing, out_of_reach(f"{type(error).__name__}: {error}"))
                self._called_off.wait(RETRY_S)
        self._metrics.forget(self.place)

    def _keep(self, thing: Object) -> None:
        if (thing.get("spec") or {}).get("paused"):
            self._rest(thing)
            return
        if self._paused:
            self._paused = False
            self._teller.tell(thing, Happening("Normal", "Resumed", "spec.paused was taken back"))
        adaptation = adaptation_of(read_object(thing, self._read_config_map))
        platform = self._platform_of(thing, adaptation)
        status = self._report.status
        plan, known = adaptation.first_plan(status), bool(status.plan)
        changed = known and status.observed_generation != thing["metadata"].get("generation")
        platform.attach(adaptation.pipeline, plan)
        try:
            if not known:
                self._teller.tell(thing, Happening("Normal", "Deployed", plan_in_words(plan)))
            session = Session(thing, adaptation, platform, self._report, self._teller, self._metrics)
            session.run(self._called_off, at_once=changed)
        finally:
            platform.detach()

    def _rest(self, thing: Object) -> None:
        if not self._paused:
            self._paused = True
            self._teller.tell(thing, Happening("Normal", "Paused", "spec.paused: it is left alone"))
        self._metrics.forget(self.place)
        self._judge(thing, paused())
        self._called_off.wait()

    def _refuse(self, thing: Object, problem: str) -> None:
        """Say what is wrong with an object, and wait for another one, or for the ConfigMap that it names."""
        known = self._report.status.condition("Adapting")
        if known is None or (known.reason, known.message) != ("InvalidSpec", problem):
            self._teller.tell(thing, Happening("Warning", "InvalidSpec", problem))
        self._judge(thing, invalid(problem))
        self._called_off.wait(RETRY_S)

    def _judge(self, thing: Object, found: list[Verdict]) -> None:
        self._report.judge(found, int(thing["metadata"]["generation"]))

    def _read_config_map(self, name: str, key: str) -> str:
        found = self._client.get(CONFIG_MAP, name, self.place[0])
        if found is None:
            raise InvalidValueError(f"there is no ConfigMap {name} in namespace {self.place[0]}")
        texts: dict[str, str] = found.get("data") or {}
        if key not in texts:
            raise InvalidValueError(f"ConfigMap {name} has no key {key}; it has: {', '.join(sorted(texts))}")
        return texts[key]
