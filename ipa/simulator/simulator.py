"""The discrete-event simulator of a pipeline."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ipa.errors import InvalidValueError
from ipa.limits import CLOCK_S
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.results.requests import IN_FLIGHT, RequestRecords
from ipa.simulator.graph_route import GraphRoute
from ipa.simulator.log import RequestLog
from ipa.simulator.records import StageNames, request_records
from ipa.simulator.route import ChainRoute, Route
from ipa.simulator.running import Reconfiguration, RunningPlan
from ipa.simulator.settings import DEFAULTS, SimulationSettings
from ipa.simulator.stage import SimulatedStage
from ipa.simulator.transit import Transit
from ipa.simulator.visits import StageVisits


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the requests are that have arrived before now.

    Parameters
    ----------
    arrived, done, dropped
        Requests so far.
    entering
        Requests on the way into the first stage.
    waiting
        Visits in the queue of each stage; in a chain a request is one visit.
    serving
        Visits in service at each stage, or on the way from it.
    in_flight
        Requests that have not ended: in a chain as many as are entering, waiting or in service.
    """

    arrived: int
    done: int
    dropped: int
    entering: int
    waiting: tuple[int, ...]
    serving: tuple[int, ...]
    in_flight: int


class PipelineSimulator:
    """A pipeline under load, in simulated time.

    What is due before ``now_s`` has happened; what is due at ``now_s`` itself has not, except that replicas
    are ready.

    Parameters
    ----------
    pipeline
        What can run.
    plan
        What runs from time 0, with all its replicas ready.
    settings
        Assumptions of the simulation.

    Examples
    --------
    >>> from ipa.pipeline.pipeline import Stage, Variant
    >>> from ipa.pipeline.plan import StagePlan
    >>> from ipa.pipeline.profiles import Profile, ProfilePoint
    >>> variant = Variant("small", 0.7, 1, (Profile(1, (ProfilePoint(1, 0.5, 0.25, 4.0),)),))
    >>> pipeline = Pipeline("toy", (Stage("only", (variant,)),), sla_s=1.0)
    >>> plan = Plan((StagePlan("only", "small", batch=1, replicas=1, cores=1),))
    >>> simulator = PipelineSimulator(pipeline, plan, SimulationSettings(service="deterministic"))
    >>> simulator.offer([0.0, 0.1, 3.0])
    >>> simulator.drain()
    >>> simulator.records().latency_s.round(3).tolist(), simulator.running_core_seconds()
    ([0.25, 0.4, 0.25], 3.25)
    """

    def __init__(self, pipeline: Pipeline, plan: Plan, settings: SimulationSettings = DEFAULTS) -> None:
        self.pipeline, self.settings = pipeline, settings
        self.now_s = 0.0
        self._check(plan)
        self._log = RequestLog()
        self._route: Route = (
            GraphRoute(pipeline, self._log, settings.seed)
            if pipeline.edges
            else ChainRoute(self._log, len(pipeline.stages))
        )
        self._stages = [
            SimulatedStage(stage, chosen, i, settings, log)
            for i, (stage, chosen, log) in enumerate(
                zip(pipeline.stages, plan.stages, self._route.logs, strict=True)
            )
        ]
        # The first one leads into the first stage, each other one away from a stage.
        self._transits = [Transit() for _ in range(len(self._stages) + 1)]
        self._done = self._dropped = self._forgotten = 0
        self._last_end_s = self._last_arrival_s = 0.0
        self._waiting_plan: Plan | None = None
        if not self._fits(plan):
            raise InvalidValueError(
                f"the first plan takes {plan.cost_cores} cores; the cluster has {settings.cluster.core_limit}"
            )

    def offer(self, arrivals_s: ArrayLike) -> None:
        """Announce requests.

        Parameters
        ----------
        arrivals_s
            Arrival times at the pipeline in seconds, ascending, none before ``now_s`` or before one that was
            announced earlier, shape (n,).

        Raises
        ------
        InvalidValueError
            If they are not.
        """
        arrival_s = np.asarray(arrivals_s, dtype=np.float64)
        if arrival_s.ndim != 1 or not np.all(np.isfinite(arrival_s)) or np.any(np.diff(arrival_s) < 0):
            raise InvalidValueError("arrival times must be one ascending sequence of finite numbers")
        if not len(arrival_s):
            return
        if arrival_s[0] < self.now_s:
            raise InvalidValueError(
                f"the first request arrives at {arrival_s[0]} s; it is {self.now_s} s already"
            )
        if arrival_s[0] < self._last_arrival_s:
            raise InvalidValueError(
                f"the first request arrives at {arrival_s[0]} s; requests up to {self._last_arrival_s} s were"
                " offered before: offer them in the order of arrival"
            )
        CLOCK_S.check("an arrival time", float(arrival_s[-1]))
        self._last_arrival_s = float(arrival_s[-1])
        entry_s = arrival_s + self.settings.network_delay_s
        if self.settings.cluster.router_delay_s:
            entry_s = entry_s + self.settings.cluster.router_delay_s
        request = self._log.add(arrival_s)
        self._route.offer(request)
        self._transits[0].put(request, entry_s)

    def advance(self, until_s: float) -> None:
        """Simulate everything that is due before a time.

        Parameters
        ----------
        until_s
            The new ``now_s``, in seconds.

        Raises
        ------
        InvalidValueError
            If it lies in the past or is not finite.
        """
        if not self.now_s <= until_s < math.inf:
            raise InvalidValueError(f"cannot advance from {self.now_s} s to {until_s} s")
        self._make_room(until_s)
        self._run(until_s)
        self._set_now(float(until_s))
        self._retry()

    def drain(self) -> None:
        """Simulate until every offered request has ended, and stop at that instant.

        Visits of a graph that go on though their request was dropped are waited for too.
        """
        self._make_room(math.inf)
        self._run(math.inf)
        self._set_now(max(self.now_s, float(self._last_end_s)))

    def reconfigure(self, plan: Plan) -> Reconfiguration:
        """Move towards another plan, from now on; see the package for what that takes.

        Parameters
        ----------
        plan
            What shall run.

        Raises
        ------
        InvalidValueError
            If the pipeline cannot run it; nothing has changed then.
        """
        self._check(plan)
        self._waiting_plan = None
        wanted = [stage.configuration(new) for stage, new in zip(self._stages, plan.stages, strict=True)]
        if not self._fits(plan):
            self._waiting_plan = plan
            return Reconfiguration(0, 0, pending=True)
        changes = [
            stage.reconfigure(new, self.now_s) for stage, new in zip(self._stages, wanted, strict=True)
        ]
        switching = tuple(
            chosen.stage for stage, chosen in zip(self._stages, plan.stages, strict=True) if stage.switching
        )
        return Reconfiguration(
            sum(started for started, _ in changes), sum(stopped for _, stopped in changes), switching
        )

    @property
    def waiting_plan(self) -> Plan | None:
        """The plan that waits for room in the cluster, if one does."""
        return self._waiting_plan

    def running_plan(self) -> RunningPlan:
        """Return which replicas serve now and which start."""
        return RunningPlan(tuple(stage.running(self.now_s) for stage in self._stages))

    def running_core_seconds(self) -> float:
        """Return the cores of all replicas, integrated from 0 to now: starting and stopping ones included."""
        return sum(stage.core_seconds(self.now_s) for stage in self._stages)

    def counts(self) -> Counts:
        """Return where the requests are that have arrived before now."""
        n, log = self._log.requests, self._log
        # A request may be dropped in the instant of its arrival, at which draining then stops.
        arrived = (log.arrival_s[:n] < self.now_s) | (log.outcome[:n] != IN_FLIGHT)
        entering = log.arrival_s[self._transits[0].visit] < self.now_s
        return Counts(
            int(np.count_nonzero(arrived)) + self._forgotten,
            self._done,
            self._dropped,
            int(np.count_nonzero(entering)),
            tuple(stage.waiting for stage in self._stages),
            tuple(len(transit) for transit in self._transits[1:]),
            int(np.count_nonzero(arrived & (log.outcome[:n] == IN_FLIGHT))),
        )

    def records(self) -> RequestRecords:
        """Return the account of every offered request that was not collected, as it is known now."""
        return self._records(self._log.requests)

    def visits(self) -> tuple[StageVisits, ...]:
        """Return the account of every visit to each stage, of the requests that were not collected."""
        return self._route.visits(self._names())

    def collect(self) -> RequestRecords:
        """Return the account of the earliest requests and forget them, so that memory stays bounded.

        Returns
        -------
        RequestRecords
            All requests that arrived in the whole seconds before the first one that is still in the pipeline;
            no later call returns them again.
        """
        log, present = self._log, self._route.present()
        first_s = log.arrival_s[present.argmax()] if present.any() else self.now_s
        count = int(np.searchsorted(log.arrival_s[: log.requests], math.floor(first_s), side="left"))
        records = self._records(count)
        self._transits[0].renumber(lambda request: request - count)
        for stage, transit, new in zip(
            self._stages, self._transits[1:], self._route.forget(count), strict=True
        ):
            stage.renumber(new)
            transit.renumber(new)
        log.forget(count)
        self._forgotten += count
        return records

    def _records(self, count: int) -> RequestRecords:
        return request_records(self._log, count, self._route.records(self._names(), self.now_s, count))

    def _names(self) -> StageNames:
        return tuple((stage.name, tuple(v.name for v in stage.variants)) for stage in self.pipeline.stages)

    def cores_with(self, plan: Plan) -> int:
        """Return the cores held while the pipeline moves to a plan, those about to stop left aside."""
        return sum(stage.cores_with(new) for stage, new in zip(self._stages, plan.stages, strict=True))

    def _fits(self, plan: Plan) -> bool:
        limit = self.settings.cluster.core_limit
        return limit is None or self.cores_with(plan) <= limit

    def _in_flight(self) -> bool:
        return any(map(len, self._transits)) or any(stage.waiting for stage in self._stages)

    def _make_room(self, until_s: float) -> None:
        """Run up to each switch before a time, after which a plan that waits may fit."""
        while self._waiting_plan:
            switch_s = min(stage.switch_s for stage in self._stages)
            if not switch_s < until_s:
                return
            self._run(switch_s)
            # Draining ends with the last request, which may come before the switch.
            if until_s == math.inf and not self._in_flight():
                return
            self._set_now(max(self.now_s, switch_s))
            self._retry()

    def _retry(self) -> None:
        if self._waiting_plan:
            self.reconfigure(self._waiting_plan)

    def _run(self, until_s: float) -> None:
        # Nothing flows back, so each stage can be finished up to until_s before the next one begins.
        route, delay_s = self._route, self.settings.network_delay_s
        route.arrive(*self._transits[0].take(until_s))
        for i, (stage, away) in enumerate(zip(self._stages, self._transits[1:], strict=True)):
            visit, request, entered_s = route.enter(i)
            if len(visit):
                stage.accept(visit, entered_s, self._log.arrival_s[request])
            for left in stage.advance(until_s):
                away.put(left.visit, left.end_s + delay_s)
                self._dropped += route.drop(i, left.dropped, left.dropped_s)
                self._last_end_s = max(self._last_end_s, left.dropped_s.max(initial=0.0))
            route.leave(i, *away.take(until_s))
        done, last_s = route.finish()
        self._done += done
        self._last_end_s = max(self._last_end_s, last_s)

    def _set_now(self, now_s: float) -> None:
        self.now_s = now_s
        for stage in self._stages:
            stage.settle(now_s)

    def _check(self, plan: Plan) -> None:
        names, given = [s.name for s in self.pipeline.stages], [s.stage for s in plan.stages]
        limits = self.settings.stage_drop_after_s
        if limits and len(limits) != len(names):
            raise InvalidValueError(
                f"stage_drop_after_s has {len(limits)} limits; pipeline {self.pipeline.name} has"
                f" {len(names)} stages"
            )
        if given != names:
            raise InvalidValueError(
                f"the plan is for stages {given}; pipeline {self.pipeline.name} has {names}"
            )
