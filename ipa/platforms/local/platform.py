"""A pipeline of real model servers on this machine, as an experiment sees it."""

import os
import re
import time
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ipa.errors import MissingExtraError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Conditions, Observation
from ipa.platforms.local.deployment import Deployment
from ipa.platforms.local.events import TROUBLE, Event
from ipa.platforms.local.folder import claim_folder
from ipa.platforms.local.serving_settings import ServingSettings
from ipa.results.requests import RequestRecords
from ipa.serving.load_generator import LoadReport
from ipa.serving.runtimes.servable import check_servable

if TYPE_CHECKING:
    import pyarrow as pa

ZERO_IN_NS = 200_000_000
"""Time that gateway and load generator have to learn when the clock shows 0."""

_NUMBERS = count(1)


class LocalPlatform:
    """Runs a pipeline in processes on this machine: model servers, a gateway, a load generator.

    Nothing is started before ``deploy``; ``teardown`` ends everything, as does the end of this program.

    Parameters
    ----------
    settings
        How it is served.
    conditions
        What the experiment asks for.
    window_s
        Seconds of history that an observation shows.
    name
        Name of the live pipeline, which nobody else may have; by default one is made up.
    """

    def __init__(
        self, settings: ServingSettings, conditions: Conditions, window_s: int = 120, name: str = ""
    ) -> None:
        self._settings, self._conditions, self._window_s = settings, conditions, window_s
        self._name = name
        self._arrivals_s: NDArray[np.float64] = np.empty(0)
        self._deployment: Deployment | None = None
        self._events: tuple[Event, ...] = ()

    @property
    def deployment(self) -> Deployment:
        """What runs; there is one from ``deploy`` to ``teardown``."""
        if self._deployment is None:
            raise RuntimeError("deploy() a pipeline first")
        return self._deployment

    def now(self) -> float:
        """Return the seconds since the clock's zero; 0 before a pipeline is deployed."""
        return 0.0 if self._deployment is None else self._deployment.now()

    def sleep_until(self, time_s: float) -> None:
        """Return once the clock shows ``time_s``."""
        while (left_s := time_s - self.now()) > 0:
            time.sleep(left_s)

    def offer(self, arrivals_s: NDArray[np.float64]) -> None:
        """Take a load: when every request is due, ascending, in seconds; shape (n,)."""
        self._arrivals_s = arrivals_s

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start the pipeline, with its load if there is one, and return once it serves.

        Raises
        ------
        LivePipelineError
            If weights are missing, or a process does not start; ``teardown`` ends the others.
        """
        if self._deployment is not None:
            raise RuntimeError("a pipeline is deployed already; teardown() comes first")
        if find_spec("mlserver") is None:
            raise MissingExtraError("MLServer", "serving")
        check_servable(pipeline, self._settings.source)
        folder = claim_folder(self._name or _made_up_name(pipeline))
        self._deployment = Deployment(
            pipeline, self._settings, self._conditions, folder, self._window_s, self._arrivals_s
        )
        self._deployment.start(plan)
        self._deployment.set_clock(time.monotonic_ns() + ZERO_IN_NS)
        self.sleep_until(0.0)

    def observe(self) -> Observation:
        """Return the requests of the past full seconds and what runs."""
        return self.deployment.observe()

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure; returns at once, new replicas serve when they are ready."""
        return self.deployment.apply(plan)

    def core_seconds(self) -> float:
        """Return what the replicas held so far, cores times seconds."""
        return self.deployment.core_seconds()

    def drain(self) -> None:
        """Return once the load is over and every request has ended."""
        self.deployment.finish_load()

    def records(self) -> RequestRecords:
        """Return the account of every request."""
        return self.deployment.records()

    def pending(self) -> str:
        """Return what is still to come before the plan serves, in words; empty if nothing."""
        return self.deployment.pending()

    def journal(self) -> "pa.Table | None":
        """Return what the gateways wrote down of ended requests; None if nothing."""
        return self.deployment.journal()

    @property
    def load_report(self) -> LoadReport | None:
        """What came of the load; None before it is over."""
        return self.deployment.load_report

    def events(self) -> tuple[Event, ...]:
        """Return what happened to the processes, also after the teardown."""
        return self._events if self._deployment is None else self._deployment.events()

    def teardown(self) -> None:
        """End everything that was started."""
        if self._deployment is not None:
            self._events = self._deployment.events()
            deployment, self._deployment = self._deployment, None
            deployment.stop()
            if not self._name and not any(event.kind in TROUBLE for event in deployment.events()):
                # Nobody would look for them under a name that was made up.
                deployment.folder.remove_logs()


def _made_up_name(pipeline: Pipeline) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", pipeline.name).strip("-")[:20]
    return f"{plain or 'pipeline'}-{os.getpid()}-{next(_NUMBERS)}"
