"""One generation of an object under adaptation: every step is written down where people look."""

import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Event
from typing import Protocol

import numpy as np

from ipa.adapter import Adapter
from ipa.cluster.kinds import Object
from ipa.controller.adaptation import Adaptation
from ipa.controller.cluster_events import Teller, happening_of
from ipa.controller.conditions import Facts
from ipa.controller.fitting import FittingCores, fitting_planner
from ipa.controller.latency import LatencyWatch
from ipa.controller.metrics import ControllerMetrics
from ipa.controller.status_report import Load, StatusReport
from ipa.controller.stoppable import StoppablePlatform
from ipa.errors import IpaError
from ipa.forecast.window import clean_window
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Observation, Platform
from ipa.results.decisions import DecisionRecord

KNOWN_SOON_S = 0.25
"""Between two looks whether the gateways have told how many requests came."""


class AttachedPlatform(Platform, Protocol):
    """A platform that goes on with a pipeline that is there, and leaves it there."""

    def attach(self, pipeline: Pipeline, plan: Plan) -> None:
        """Go on with the plan of the object's status, or with this one; return at once."""
        ...

    def detach(self) -> None:
        """End what was begun here; the pipeline goes on."""
        ...

    def gateway_metrics(self) -> Mapping[str, str]:
        """Return the metrics of every pod of the gateway that answers, by its name."""
        ...

    def fitting_cores(self) -> int | None:
        """Return how many cores its replicas can hold together; None if no limit is known."""
        ...


class Session:
    """Adapts one pipeline, and tells of it.

    Parameters
    ----------
    thing
        The object.
    adaptation
        What decides.
    platform
        Where it runs; attached.
    report
        Of the status of the object.
    teller
        Tells of what happens.
    metrics
        Of the controller.
    """

    def __init__(
        self,
        thing: Object,
        adaptation: Adaptation,
        platform: AttachedPlatform,
        report: StatusReport,
        teller: Teller,
        metrics: ControllerMetrics,
    ) -> None:
        self._thing, self._adaptation, self._platform = thing, adaptation, platform
        self._report, self._teller, self._metrics = report, teller, metrics
        self._planner = fitting_planner(adaptation.planner, FittingCores(platform.fitting_cores))
        about = thing["metadata"]
        self._place = (str(about["namespace"]), str(about["name"]))
        self._generation = int(about["generation"])
        self._latency = LatencyWatch()
        self._before: DecisionRecord | None = None
        self._pending_since_s: float | None = None
        self._ready = False

    def run(self, called_off: Event, *, at_once: bool) -> None:
        """Adapt until it is called off, which is a SystemExit.

        Parameters
        ----------
        called_off
            Ends it.
        at_once
            Decide now and not only after the first interval: the load is known, and what is asked for is new.
        """
        self._latency.look(self._platform.gateway_metrics())
        stoppable = StoppablePlatform(self._platform, called_off, self._look)

        def take(record: DecisionRecord) -> None:
            self._take(record, stoppable.seen)

        adaptation = self._adaptation
        adapter = Adapter(stoppable, self._planner, adaptation.forecaster, adaptation.settings, take)
        if at_once:
            self._await_load(stoppable)
            adapter.step()
        adapter.run(until_s=float("inf"))

    def _await_load(self, platform: StoppablePlatform) -> None:
        """Return once it is known how many requests came, or an interval is over, or nothing can be seen."""
        until_s = platform.now() + self._adaptation.settings.interval_s
        with suppress(IpaError):
            while not len(clean_window(platform.observe().rates_rps)[0]) and platform.now() < until_s:
                platform.sleep_until(min(platform.now() + KNOWN_SOON_S, until_s))

    def _look(self) -> None:
        """Tell that the pipeline serves as soon as it does, and not only with the next decision."""
        if not self._ready:
            self._tell_readiness(self._platform.observe())

    def _tell_readiness(self, seen: Observation) -> None:
        facts = self._facts(seen, self._before)
        if facts.ready or self._before is None:
            self._report.update(facts, Load(), self._generation)
        self._metrics.ready(self._place, facts)
        self._ready = facts.ready

    def _take(self, record: DecisionRecord, seen: Observation | None) -> None:
        """Write down what a step has decided."""
        counts = self._latency.look(self._platform.gateway_metrics())
        sla_s = self._adaptation.planner.pipeline.sla_s
        rate_rps = None if seen is None else self._mean_rps(seen)
        load = Load(rate_rps, counts.quantile_s(), counts.missed(sla_s))
        facts = self._facts(seen, record, load.missed)
        self._report.update(facts, load, self._generation)
        self._metrics.step(self._place, record, facts, load)
        self._metrics.limit(self._place, self._planner.most_cores)
        if happening := happening_of(record, self._before):
            self._teller.tell(self._thing, happening)
        self._before, self._ready = record, facts.ready

    def _facts(
        self, seen: Observation | None, record: DecisionRecord | None, missed: float | None = None
    ) -> Facts:
        pending = "" if seen is None else seen.pending
        now_s = time.monotonic()
        self._pending_since_s = (self._pending_since_s or now_s) if pending else None
        plan = record.plan if record is not None and record.plan.stages else None
        return Facts(
            sla_s=self._adaptation.planner.pipeline.sla_s,
            interval_s=self._adaptation.options.interval_s,
            plan=plan or (Plan(()) if seen is None else seen.plan),
            ready_replicas=() if seen is None else seen.ready_replicas,
            pending=pending,
            record=record,
            missed=missed,
            pending_for_s=now_s - (self._pending_since_s or now_s),
        )

    def _mean_rps(self, seen: Observation) -> float | None:
        """Return the mean rate of the last interval, of the seconds that were measured."""
        latest = np.asarray(seen.rates_rps, dtype=float)[
            -max(1, round(self._adaptation.options.interval_s)) :
        ]
        measured = latest[np.isfinite(latest)]
        return float(measured.mean()) if len(measured) else None
