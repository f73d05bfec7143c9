"""What a live pipeline consists of from its start to its end, for those who do not run an event loop."""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ipa.errors import GatewayError, LivePipelineError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Conditions, Observation
from ipa.platforms.local.async_host import AsyncHost
from ipa.platforms.local.events import Event
from ipa.platforms.local.folder import LiveFolder
from ipa.platforms.local.live_pipeline import LivePipeline
from ipa.platforms.local.load_process import NAME, LoadProcess
from ipa.platforms.local.loop_thread import LoopThread
from ipa.platforms.local.processes import PRELOADED, Process, ProcessHost
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.results.requests import RequestRecords
from ipa.serving.gateway import GatewaySettings, GatewayState, StageAssignment
from ipa.serving.load_generator import LoadAccount, LoadReport, LoadSettings, read_account, request_records
from ipa.serving.model_server import ServerReady
from ipa.serving.runtimes.catalogue import libraries_of

if TYPE_CHECKING:
    import pyarrow as pa

REMEMBERED = 20_000
"""Ended requests that are remembered of a pipeline whose load others send."""

_log = logging.getLogger(__name__)


class Deployment:
    """A live pipeline with its processes, its event loop and its folder; every call returns when it is done.

    Parameters
    ----------
    pipeline
        What is served.
    settings
        Of the platform.
    conditions
        What the experiment asks for.
    folder
        Claimed for it; removed at the end.
    window_s
        Seconds of history that an observation shows.
    arrivals_s
        When every request of its load is due; empty if others send it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ServingSettings,
        conditions: Conditions,
        folder: LiveFolder,
        window_s: int,
        arrivals_s: NDArray[np.float64],
    ) -> None:
        self.pipeline, self.folder = pipeline, folder
        self._settings, self._seed, self._arrivals_s = settings, conditions.seed, arrivals_s
        libraries = libraries_of((stage.task for stage in pipeline.stages), settings.source)
        self._processes = ProcessHost(folder.path, (*PRELOADED, *libraries))
        self._processes.warm_up()
        self._loop, self._host = LoopThread(), AsyncHost(self._processes)
        self._load: LoadProcess | None = None
        self.load_report: LoadReport | None = None

        async def make() -> LivePipeline:
            gateway = gateway_settings(pipeline, settings, conditions, folder)
            limit = max(len(arrivals_s), REMEMBERED)
            return LivePipeline(pipeline, settings, gateway, folder, self._host, window_s, limit)

        self._live = self._loop.call(make())

    @property
    def endpoint(self) -> ServerReady:
        """Where the gateway answers.

        Raises
        ------
        GatewayError
            If it is down just now.
        """
        if self._live.gateway.ready is None:
            raise GatewayError("the gateway is down; it is being started anew")
        return self._live.gateway.ready

    @property
    def zero_ns(self) -> int:
        """When the clock showed 0, on the machine's monotonic clock."""
        return self._live.zero_ns

    def now(self) -> float:
        """Return the seconds since the clock's zero."""
        return self._live.now()

    def start(self, plan: Plan) -> None:
        """Start the pipeline and, if there is a load, its generator; return once both wait for the clock."""
        self._loop.call(self._live.start(plan))
        if len(self._arrivals_s):
            self._load = LoadProcess(self._host, self.folder.log_file(NAME))
            with self._noting_trouble(NAME):
                self._loop.call(self._load.start(self._load_settings()))

    def set_clock(self, zero_ns: int) -> None:
        """Let all clocks show 0 at an instant of the machine's monotonic clock, when the load begins."""
        self._loop.call(self._live.set_clock(zero_ns))
        if self._load is not None:
            self._load.begin(zero_ns)

    def observe(self) -> Observation:
        """Return what is known now."""
        return self._loop.call(self._live.observe())

    def pending(self) -> str:
        """Return what is still to come before the plan serves, in words; empty if nothing."""
        return self._loop.call(self._pending())

    async def _pending(self) -> str:
        return self._live.pending()

    def apply(self, plan: Plan) -> ApplyReport:
        """Move towards a plan."""
        return self._loop.call(self._live.apply(plan))

    def latencies_s(self, seconds: float) -> NDArray[np.float64]:
        """Return how long the requests took that were answered in the past seconds."""
        return self._live.journal.latencies_s(time.monotonic_ns() - round(seconds * 1e9))

    def state(self) -> GatewayState:
        """Return what the gateway is doing."""
        return self._loop.call(self._live.gateway.call(lambda control: control.state()))

    def serving(self) -> tuple[StageAssignment, ...]:
        """Return what the gateway was told last, stage by stage; empty while it is down."""
        return self._live.in_force

    def core_seconds(self) -> float:
        """Return what the replicas held since the clock's zero."""
        return self._live.cores.core_seconds()

    @property
    def cores(self) -> int:
        """Cores that the replicas hold now."""
        return self._live.cores.held

    def processes(self) -> tuple[Process, ...]:
        """Return the processes that run."""
        return self._processes.processes

    def events(self) -> tuple[Event, ...]:
        """Return what happened to the processes."""
        return self._live.events.events()

    def finish_load(self) -> None:
        """Return once every request of the load has ended."""
        if self._load is not None:
            with self._noting_trouble(NAME):
                self.load_report = self._loop.call(self._load.report())
            self._loop.call(self._fetch_journal())

    def records(self) -> RequestRecords:
        """Return the account of every request of the load."""
        nothing = LoadAccount(np.empty(0, dtype=np.int64), self.zero_ns, "none")
        account = nothing if self._load is None else read_account(self.folder.account)
        return request_records(self.pipeline, account, self.journal())

    def journal(self) -> "pa.Table | None":
        """Return what the gateways wrote down of ended requests; None if nothing."""
        return self._live.journal.table()

    def drain(self, timeout_s: float) -> bool:
        """Refuse new requests; return whether all others ended in time."""
        return self._loop.call(self._live.drain(timeout_s))

    def stop(self) -> None:
        """End all processes and remove the folder; an interrupt meanwhile only makes it quicker."""
        try:
            self._loop.call(self._stop())
        finally:
            self._processes.kill()
            self._loop.close()
            self._processes.close()
            self.folder.remove()

    def kill(self) -> None:
        """End all processes by force, at once; ``stop`` comes after it."""
        self._processes.kill()

    @contextmanager
    def _noting_trouble(self, name: str) -> Iterator[None]:
        """Write down that a process failed, so that its log is kept."""
        try:
            yield
        except LivePipelineError as error:
            self._live.events.add("died", name, str(error))
            raise

    async def _stop(self) -> None:
        if self._load is not None:
            await self._load.stop()
        await self._live.stop()
        await self._host.close()

    async def _fetch_journal(self) -> None:
        try:
            await self._live.journal.fetch()
        except GatewayError as error:
            _log.warning("the end of the gateway's journal is not known: %s", error)

    def _load_settings(self) -> LoadSettings:
        return LoadSettings(
            address=f"127.0.0.1:{self.endpoint.grpc_port}",
            model=self.pipeline.name,
            arrivals_s=self._arrivals_s,
            output=self.folder.account,
            timeout_s=self._settings.timeout_s,
            payload=self._settings.payload,
            payload_settings=dict(self._settings.payload_settings),
            seed=self._seed,
        )


def gateway_settings(
    pipeline: Pipeline, settings: ServingSettings, conditions: Conditions, folder: LiveFolder
) -> GatewaySettings:
    """Return the settings of the gateway."""
    limits_s = conditions.stage_drop_after_s or (conditions.drop_after_s,) * len(pipeline.stages)
    return GatewaySettings(
        # Emulated variants answer with digests, which no task would take.
        pipeline=pipeline.without_tasks() if settings.source == "emulated" else pipeline,
        model=pipeline.name,
        control_socket=folder.gateway_socket,
        control_token=secrets.token_urlsafe(32),
        drop_after_s=limits_s,
        queue_limit=settings.queue_limit,
        hang_after_s=settings.hang_after_s,
        seed=conditions.seed,
    )
