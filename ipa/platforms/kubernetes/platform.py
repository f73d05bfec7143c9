"""A pipeline in a Kubernetes cluster, as an experiment, or a controller, sees it."""

import os
import re
import socket
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ipa.cluster.client import ClusterClient, connect
from ipa.cluster.kinds import EVERYWHERE, NODE, PIPELINE, POD, RESOURCE_QUOTA, SERVICE, Object
from ipa.cluster.names import dns_name, gateway_name, label_value
from ipa.cluster.port_forward import forwarded
from ipa.cluster.resource import to_object
from ipa.cluster.resource_spec import Drop, Emulation, Gateway, Models, PipelineOptions
from ipa.errors import ClusterError, LivePipelineError, MissingExtraError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Conditions, Observation
from ipa.platforms.kubernetes.access import ensure_gateway_account
from ipa.platforms.kubernetes.capacity import fitting_cores
from ipa.platforms.kubernetes.containers import GRPC_PORT
from ipa.platforms.kubernetes.journal import on_clock
from ipa.platforms.kubernetes.load import ClusterLoad
from ipa.platforms.kubernetes.objects import Owner, PipelineObjects
from ipa.platforms.kubernetes.running import RunningPipeline
from ipa.platforms.kubernetes.serving_settings import ClusterServing
from ipa.platforms.kubernetes.view import NamespaceView
from ipa.results.requests import RequestRecords
from ipa.serving.load_generator import LoadAccount, LoadReport, request_records
from ipa.serving.load_generator.settings import MOST_CONNECTIONS

if TYPE_CHECKING:
    import pyarrow as pa

ZERO_IN_S = 0.2
"""Time that everybody has to learn when the clock shows 0."""

HOPELESS_AFTER_S = 30.0
"""Time for which the same trouble has to last before a first plan is given up."""

REACH_TIMEOUT_S = 2.0

CONNECTIONS_PER_SHARD = 4

POLL_S = 0.1

REMEMBERED = 20_000
"""Ended requests that are remembered of a pipeline whose load others send."""

FORBIDDEN = 403

_NUMBERS = count(1)


class KubernetesPlatform:
    """Runs a pipeline as an object InferencePipeline and what belongs to it.

    ``deploy`` makes the object, or goes on with the one that is there; ``teardown`` deletes what ``deploy``
    made. Whoever only adapts a pipeline that others made and keep calls ``attach`` and ``detach``.

    Parameters
    ----------
    settings
        How it is served, and where.
    conditions
        What the experiment asks for.
    window_s
        Seconds of history that an observation shows.
    name
        Name of the object; by default one is made up.
    client
        Of the cluster; by default it is connected to as the settings say.
    view
        What there is in the namespace, where several pipelines share one; by default it is watched for this
        one alone.
    """

    def __init__(
        self,
        settings: ClusterServing,
        conditions: Conditions,
        window_s: int = 120,
        name: str = "",
        client: ClusterClient | None = None,
        view: NamespaceView | None = None,
    ) -> None:
        self._settings, self._conditions, self._window_s = settings, conditions, window_s
        self._name, self._client, self._view = name, client, view
        self._own_client, self._own_view = client is None, view is None
        self._arrivals_s: NDArray[np.float64] = np.empty(0)
        self._load: ClusterLoad | None = None
        self._ways = ExitStack()
        self._running: RunningPipeline | None = None
        self._made: Owner | None = None
        self._pipeline: Pipeline | None = None

    @property
    def running(self) -> RunningPipeline:
        """What runs; there is one from ``deploy`` to ``teardown``."""
        if self._running is None:
            raise RuntimeError("deploy() a pipeline first")
        return self._running

    @property
    def client(self) -> ClusterClient:
        """The client of the cluster."""
        if self._client is None:
            given = self._settings
            self._client = connect(given.kubeconfig or None, given.context or None)
        return self._client

    @property
    def namespace(self) -> str:
        """Where the objects are."""
        return self._settings.namespace or self.client.namespace

    @property
    def name(self) -> str:
        """Name of the object; empty before there is one."""
        return self._name

    def now(self) -> float:
        """Return the seconds since the clock's zero; 0 before a pipeline is deployed."""
        return 0.0 if self._running is None else self._running.now()

    def sleep_until(self, time_s: float) -> None:
        """Return once the clock shows ``time_s``."""
        while (left_s := time_s - self.now()) > 0:
            time.sleep(left_s)

    def offer(self, arrivals_s: NDArray[np.float64]) -> None:
        """Take a load: when every request is due, ascending, in seconds; shape (n,)."""
        self._arrivals_s = arrivals_s

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Make the object, or go on with one that is there, and return once it serves.

        Raises
        ------
        ClusterError
            If the cluster cannot be reached, or refuses.
        LivePipelineError
            If the plan does not come to serve; says what to do.
        """
        if self._running is not None:
            raise RuntimeError("a pipeline is deployed already; teardown() comes first")
        if len(self._arrivals_s) and find_spec("grpc") is None:
            raise MissingExtraError("gRPC, which sends the load,", "serving")
        self._name = self._name or _made_up_name(pipeline)
        ensure_gateway_account(self.client, self.namespace)
        remembered = max(len(self._arrivals_s), REMEMBERED)
        self._start(pipeline, plan, self._find_or_make(pipeline), remembered)
        self._until_served()
        if len(self._arrivals_s):
            self._start_load(pipeline)
        self.running.set_clock(ZERO_IN_S)
        if self._load is not None:
            self._load.begin(ZERO_IN_S)
        self.sleep_until(0.0)

    def attach(self, pipeline: Pipeline, plan: Plan) -> None:
        """Go on with the pipeline of an object that is there; return at once, ``detach`` ends it.

        Parameters
        ----------
        pipeline
            What the object describes.
        plan
            What shall run if the status of the object does not say it yet.

        Raises
        ------
        ClusterError
            If there is no such object, or the cluster refuses.
        """
        found = self.client.get(PIPELINE, self._name, self.namespace)
        if found is None:
            raise ClusterError(f"there is no inferencepipeline {self.namespace}/{self._name}", 404)
        self._start(pipeline, plan, found, remembered=0)
        # What arrived before is known to the gateways: who is restarted needs no new history.
        self.running.set_clock(-float(self._window_s))

    def detach(self) -> None:
        """End what was begun here; the pipeline runs on."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
        if self._own_view and self._view is not None:
            self._view.stop()
            self._view = None
        if self._own_client and self._client is not None:
            self._client.close()
            self._client = None

    def observe(self) -> Observation:
        """Return the requests of the past full seconds and what runs."""
        return self.running.observe()

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure; returns at once, new replicas serve when they are ready."""
        return self.running.apply(plan)

    def gateway_metrics(self) -> dict[str, str]:
        """Return the metrics of every pod of the gateway that answers, by its name."""
        return self.running.shards.metrics()

    def pending(self) -> str:
        """Return what is still to come before the plan serves, and why; empty if nothing."""
        return self.running.pending()

    def core_seconds(self) -> float:
        """Return what the replicas held so far, cores times seconds."""
        return self.running.core_seconds()

    def drain(self) -> None:
        """Return once the load is over and every request has ended."""
        if self._load is not None:
            self._load.finish()
            self.running.shards.look()

    def records(self) -> RequestRecords:
        """Return the account of every request."""
        if self._pipeline is None:
            raise RuntimeError("deploy() a pipeline first")
        nothing = LoadAccount(np.empty(0, dtype=np.int64), 0, "none")
        account = nothing if self._load is None else self._load.finish()
        if (journal := self.journal()) is not None:
            journal = on_clock(journal, account.zero_ns - self.running.zero_unix_ns)
        return request_records(self._pipeline, account, journal)

    def journal(self) -> "pa.Table | None":
        """Return what the gateways wrote down of ended requests, times since the epoch; None if nothing."""
        return self.running.shards.journal()

    @property
    def load_report(self) -> LoadReport | None:
        """What came of the load; None before it is over."""
        return None if self._load is None else self._load.report

    def fitting_cores(self) -> int | None:
        """Return how many cores the replicas can hold together now.

        None where they are emulated, for these only wait, or where the account may not see it.
        """
        if self._settings.source == "emulated":
            return None
        try:
            nodes = self.client.list(NODE).items
            pods = self.client.list(POD, EVERYWHERE).items
            quotas = self.client.list(RESOURCE_QUOTA, self.namespace).items
        except ClusterError as error:
            if error.status != FORBIDDEN:
                raise
            return None
        return fitting_cores(nodes, pods, quotas, label_value(self._name))

    def teardown(self) -> None:
        """Delete the object that was made, with all that belongs to it, and end what was begun here."""
        try:
            if self._load is not None:
                self._load.stop()
            if self._running is not None:
                self._running.stop()
            if self._made is not None:
                self._delete(self._made)
        finally:
            self._load, self._made = None, None
            self._ways.close()
            self.detach()

    def _find_or_make(self, pipeline: Pipeline) -> Object:
        found = self.client.get(PIPELINE, self._name, self.namespace)
        if found is not None:
            return found
        thing = to_object(pipeline, self._options(), name=self._name, namespace=self.namespace)
        made = self.client.create(thing)
        self._made = _owner(made)
        return made

    def _options(self) -> PipelineOptions:
        """Return how the pipeline is served, for the object; no controller is to adapt it too."""
        settings, conditions = self._settings, self._conditions
        limit_s = conditions.drop_after_s
        return PipelineOptions(
            source=settings.source,
            image=settings.image,
            gateway=Gateway(
                shards=settings.gateway_shards,
                queue_limit=settings.queue_limit,
                hang_after_s=settings.hang_after_s,
            ),
            drop=Drop(
                after_s=None if limit_s == float("inf") else limit_s,
                stage_after_s=()
                if float("inf") in conditions.stage_drop_after_s
                else conditions.stage_drop_after_s,
            ),
            emulation=Emulation(
                service=settings.service, start_up=settings.emulate_start_up, seed=conditions.seed
            ),
            models=Models(claim=settings.models_claim) if settings.models_claim else None,
            paused=True,
        )

    def _start(self, pipeline: Pipeline, plan: Plan, thing: Object, remembered: int) -> None:
        self._pipeline = pipeline
        objects = PipelineObjects(_owner(thing), pipeline, self._settings, self._conditions)
        if self._view is None:
            self._view = NamespaceView(self.client, self.namespace).start()
        self._view.note(thing)
        running = RunningPipeline(self.client, self._view, objects, self._window_s, remembered)
        running.start(plan)
        self._running = running

    def _until_served(self) -> None:
        """Return once the plan serves, or raise if the same trouble lasts."""
        since_s = time.monotonic()
        deadline_s = since_s + self._settings.start_timeout_s
        while pending := self.running.pending():
            now_s = time.monotonic()
            if not self.running.trouble():
                since_s = now_s
            if now_s > deadline_s or now_s - since_s > HOPELESS_AFTER_S:
                raise LivePipelineError(f"pipeline {self.namespace}/{self._name} does not serve: {pending}")
            time.sleep(POLL_S)

    def _start_load(self, pipeline: Pipeline) -> None:
        self._load = ClusterLoad(self._name)
        self._load.start(
            self._gateway_address(),
            pipeline.name,
            self._arrivals_s,
            timeout_s=self._settings.timeout_s,
            payload=self._settings.payload,
            payload_settings=dict(self._settings.payload_settings),
            seed=self._conditions.seed,
            connections=_connections(self._settings.gateway_shards),
        )

    def _gateway_address(self) -> str:
        service = self.client.get(SERVICE, gateway_name(self._name), self.namespace)
        if service is None:
            raise ClusterError(f"the service {gateway_name(self._name)} is gone", 404)
        address = str(service["spec"]["clusterIP"])
        if _reaches(address):
            return f"{address}:{GRPC_PORT}"
        # From outside the cluster the way leads through its API server, to one shard.
        pod = self.running.gateway_pods()[0]
        return self._ways.enter_context(forwarded(self.client, pod, GRPC_PORT, self.namespace))

    def _delete(self, owner: Owner) -> None:
        try:
            self.client.delete(PIPELINE, owner.name, owner.namespace, uid=owner.uid)
        except ClusterError as error:
            left = f"the pipeline is left there: kubectl delete ipl {owner.name} -n {owner.namespace}"
            raise ClusterError(f"{error}; {left}", error.status) from error


def _connections(shards: int) -> int:
    """Return over how many connections a load goes, each to a shard by chance: none is left out for long."""
    return 1 if shards == 1 else min(MOST_CONNECTIONS, CONNECTIONS_PER_SHARD * shards)


def _reaches(address: str) -> bool:
    """Whether the gateway's Service can be called from here."""
    with suppress(OSError), socket.create_connection((address, GRPC_PORT), REACH_TIMEOUT_S):
        return True
    return False


def _owner(thing: Object) -> Owner:
    about = thing["metadata"]
    return Owner(str(about["name"]), str(about["namespace"]), str(about["uid"]))


def _made_up_name(pipeline: Pipeline) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", pipeline.name.lower()).strip("-")[:20]
    return dns_name(f"{plain or 'pipeline'}-{os.getpid()}-{next(_NUMBERS)}")
