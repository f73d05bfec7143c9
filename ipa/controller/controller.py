"""One controller of a cluster: stands for election, and adapts all pipelines while it leads."""

import logging
import time
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event, Lock

from ipa.cluster.client import ClusterClient
from ipa.cluster.kinds import PIPELINE, Object
from ipa.cluster.watch import Change, Informer
from ipa.controller.adaptation import Adaptation, platform_conditions, platform_settings
from ipa.controller.cluster_events import Teller
from ipa.controller.door import Answer, Door
from ipa.controller.election import Election
from ipa.controller.keeper import Attach, PipelineKeeper
from ipa.controller.metrics import ControllerMetrics
from ipa.controller.session import AttachedPlatform
from ipa.controller.views import Views

LOOK_EVERY_S = 0.5
"""Time between two looks whether this controller leads."""

LET_END_S = 20.0
"""Time that pipelines have to be let go of."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What one controller has to know.

    Parameters
    ----------
    identity
        Its name, which no other controller of the cluster has.
    namespace
        Where the pipelines are that it adapts; ``EVERYWHERE``, or the name of one namespace.
    image
        Of replicas and gateways of pipelines that name none.
    port
        Of its door; 0 lets the kernel pick one.
    prometheus
        Address of a Prometheus that tells what arrives; empty: the gateways are asked.
    """

    identity: str
    namespace: str
    image: str
    port: int = 8080
    prometheus: str = ""


class Controller:
    """Adapts the pipelines of a cluster while it leads.

    Parameters
    ----------
    client
        Of the cluster.
    settings
        What it has to know.
    election
        Where it is a candidate; None: it leads without being asked.
    platform_of
        Returns the platform of an object; by default it is the cluster.
    """

    def __init__(
        self,
        client: ClusterClient,
        settings: ControllerSettings,
        election: Election | None,
        platform_of: Attach | None = None,
    ) -> None:
        self._client, self._settings, self._election = client, settings, election
        self._platform_of = platform_of
        self.metrics = ControllerMetrics()
        self._leading: _Leading | None = None
        self.door = Door(
            settings.port,
            {
                "/healthz": lambda: (HTTPStatus.OK, b"ok\n"),
                "/readyz": self._readiness,
                "/metrics": self._told,
            },
        )

    @property
    def leads(self) -> bool:
        """Whether it adapts pipelines now."""
        return self._leading is not None

    def run(self, stop: Event) -> None:
        """Work until it is told to stop; pipelines go on with the plans that they have."""
        self.door.open()
        if self._election is not None:
            self._election.start()
        try:
            while not stop.wait(LOOK_EVERY_S):
                self._follow_the_election()
        finally:
            self._let_go()
            if self._election is not None:
                self._election.stop()
            self.door.close()

    def _follow_the_election(self) -> None:
        leads = self._election is None or self._election.leads
        if leads and self._leading is None:
            _log.info("%s leads", self._settings.identity)
            self._leading = _Leading(self._client, self._settings, self.metrics, self._platform_of)
            self._leading.start()
        elif not leads and self._leading is not None:
            _log.warning("%s leads no more", self._settings.identity)
            self._let_go()
        self.metrics.leader.set(leads)

    def _let_go(self) -> None:
        leading, self._leading = self._leading, None
        if leading is not None:
            leading.stop()

    def _readiness(self) -> Answer:
        leading = self._leading
        if leading is not None:
            return (HTTPStatus.OK, b"leads\n") if leading.synced else _unsynced(leading.problem)
        holder = "" if self._election is None else self._election.holder
        if not holder:
            return HTTPStatus.SERVICE_UNAVAILABLE, b"nobody is known to lead\n"
        return HTTPStatus.OK, f"stands by; {holder} leads\n".encode()

    def _told(self) -> Answer:
        return HTTPStatus.OK, self.metrics.text()


def _unsynced(problem: str) -> Answer:
    return HTTPStatus.SERVICE_UNAVAILABLE, f"the pipelines are not known yet {problem}\n".encode()


class _Leading:
    """All pipelines, each with its keeper, from when a controller leads until it does no more."""

    def __init__(
        self,
        client: ClusterClient,
        settings: ControllerSettings,
        metrics: ControllerMetrics,
        platform_of: Attach | None,
    ) -> None:
        self._client, self._settings, self._metrics = client, settings, metrics
        self._teller = Teller(client, settings.identity)
        self._views = Views(client)
        self._keepers: dict[str, PipelineKeeper] = {}
        self._lock, self._ended = Lock(), False
        self._informer = Informer(client, PIPELINE, settings.namespace, changed=self._changed)
        self._platform_of: Attach = platform_of or self._platform

    @property
    def synced(self) -> bool:
        """Whether all pipelines are known."""
        return self._informer.synced

    @property
    def problem(self) -> str:
        """Why they are not, in words."""
        return self._informer.problem

    def start(self) -> None:
        """Begin; pipelines are taken up as they become known."""
        self._informer.start()

    def stop(self) -> None:
        """Let go of all pipelines."""
        with self._lock:
            self._ended = True
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.call_off()
        self._informer.stop()
        deadline_s = time.monotonic() + LET_END_S
        for keeper in keepers:
            if not keeper.join(max(0.1, deadline_s - time.monotonic())):
                _log.warning("%s/%s is still being let go of", *keeper.place)
        self._views.close()

    def _changed(self, change: Change) -> None:
        thing = change.object
        uid = thing["metadata"]["uid"]
        going = change.kind == "deleted" or bool(thing["metadata"].get("deletionTimestamp"))
        with self._lock:
            if self._ended:
                return
            keeper = self._keepers.pop(uid, None) if going else self._keepers.get(uid)
            if keeper is None and not going:
                keeper = self._keepers[uid] = self._keeper(thing)
                keeper.start()
            elif keeper is not None and going:
                keeper.call_off()
            elif keeper is not None:
                keeper.tell(thing)

    def _keeper(self, thing: Object) -> PipelineKeeper:
        return PipelineKeeper(self._client, thing, self._platform_of, self._teller, self._metrics)

    def _platform(self, thing: Object, adaptation: Adaptation) -> AttachedPlatform:
        from ipa.platforms.kubernetes.platform import KubernetesPlatform

        namespace, name = thing["metadata"]["namespace"], thing["metadata"]["name"]
        options = adaptation.options
        return KubernetesPlatform(
            platform_settings(options, namespace, self._settings.image, self._settings.prometheus),
            platform_conditions(options),
            name=name,
            client=self._client,
            view=self._views.of(namespace),
        )
