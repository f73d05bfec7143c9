"""Simulates a plan of a graph of stages under constant configuration.

A request becomes *visits*: one to the first stage, and from every visit that ends as many to each following
stage as the edge's rate factor says (its whole part always, one more with the probability of the rest). Each
stage is the queue, batching and service of the chain simulator (``ipa.simulator.stage``); since there is no
feedback, the stages are simulated one after the other in topological order.

A request is answered when its last visit ends, at the latest stage or wherever an edge thinned it to nothing.
It is dropped if any of its visits is; its age counts from its arrival at the pipeline in every stage. Where
two branches meet, visits are served one by one as they come; nothing waits for the other branch.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ipa.errors import InvalidValueError
from ipa.pipeline import Edge, Pipeline
from ipa.plan import Plan
from ipa.simulator.log import Floats, Ints, StageLog
from ipa.simulator.settings import DEFAULTS, SimulationSettings
from ipa.simulator.stage import SimulatedStage

_COPIES = 1000
"""Marks the stream of random numbers that multiplies visits; stages use their own numbers."""


@dataclass(frozen=True, slots=True)
class StageVisits:
    """What happened in one stage.

    Parameters
    ----------
    stage
        Name of the stage.
    request
        Number of the request of each visit, shape (v,).
    enter_s, start_s, end_s
        When it entered the queue, and when its service began and ended, in seconds, shape (v,); NaN for a
        visit that was dropped.
    batch
        Visits served together with it, shape (v,); 0 if dropped.
    """

    stage: str
    request: Ints
    enter_s: Floats
    start_s: Floats
    end_s: Floats
    batch: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class GraphRecords:
    """The account of every request.

    Parameters
    ----------
    arrival_s
        Arrival at the pipeline in seconds, shape (n,).
    latency_s
        Arrival to the end of the last visit in seconds, shape (n,); NaN for requests that were dropped.
    stages
        One account per stage, in the pipeline's order.
    """

    arrival_s: Floats
    latency_s: Floats
    stages: tuple[StageVisits, ...]

    @property
    def dropped(self) -> int:
        """Requests of which a visit was dropped."""
        return int(np.isnan(self.latency_s).sum())

    def stage_table(self) -> pd.DataFrame:
        """Return one row per stage: visits per request, and mean wait and p99 service time in seconds."""
        count = max(1, len(self.arrival_s))
        return pd.DataFrame(
            [
                {
                    "stage": visits.stage,
                    "visits": len(visits.request),
                    "visits_per_request": len(visits.request) / count,
                    **_service_of(visits),
                }
                for visits in self.stages
            ]
        )

    def violation_share(self, sla_s: float) -> float:
        """Return the share of requests that were not answered within the SLA; 0 if there are none."""
        late = ~(self.latency_s <= sla_s)
        return float(late.mean()) if len(late) else 0.0


def _service_of(visits: StageVisits) -> dict[str, float]:
    served = visits.batch > 0
    if not served.any():
        return dict.fromkeys(("wait_mean_s", "service_p99_s", "batch_mean"), float("nan"))
    return {
        "wait_mean_s": float((visits.start_s - visits.enter_s)[served].mean()),
        "service_p99_s": float(np.quantile((visits.end_s - visits.start_s)[served], 0.99)),
        "batch_mean": float(visits.batch[served].mean()),
    }


def simulate_graph(
    pipeline: Pipeline, plan: Plan, arrivals_s: ArrayLike, settings: SimulationSettings = DEFAULTS
) -> GraphRecords:
    """Serve requests with a plan until all have been answered or dropped.

    Parameters
    ----------
    pipeline
        What can run: a graph, or a chain.
    plan
        What runs, with all its replicas ready.
    arrivals_s
        Arrival times at the pipeline in seconds, ascending, shape (n,).
    settings
        Assumptions of the simulation.

    Returns
    -------
    GraphRecords
        The account of every request; the same bytes for the same arguments.

    Raises
    ------
    InvalidValueError
        If the plan is for other stages, or the arrival times do not ascend.

    Notes
    -----
    The plan holds from beginning to end, so nothing of the cluster's switching and core limit applies.
    """
    arrival_s = np.asarray(arrivals_s, dtype=np.float64)
    names = [stage.name for stage in pipeline.stages]
    if [chosen.stage for chosen in plan.stages] != names:
        raise InvalidValueError(
            f"the plan is for stages {[s.stage for s in plan.stages]}; pipeline {pipeline.name} has {names}"
        )
    if arrival_s.ndim != 1 or not np.all(np.isfinite(arrival_s)) or np.any(np.diff(arrival_s) < 0):
        raise InvalidValueError("arrival times must be one ascending sequence of finite numbers")
    run = _Run(pipeline, arrival_s, settings)
    stages = tuple(run.serve(place, plan) for place in range(len(names)))
    latency_s = np.where(run.dropped, np.nan, run.last_end_s + settings.network_delay_s - arrival_s)
    return GraphRecords(arrival_s, latency_s, stages)


class _Run:
    """A simulation under way: visits that wait to enter each stage, and what is known of each request."""

    def __init__(self, pipeline: Pipeline, arrival_s: Floats, settings: SimulationSettings) -> None:
        self._pipeline, self._settings, self._arrival_s = pipeline, settings, arrival_s
        self._edges = pipeline.edges or tuple(
            Edge(source, name) for name, before in pipeline.predecessors().items() for source in before
        )
        self._entering: dict[str, list[tuple[Ints, Floats]]] = {s.name: [] for s in pipeline.stages}
        everyone = np.arange(len(arrival_s))
        # Added in the order of the simulator of chains, so that not even the last bit differs.
        entered_s = arrival_s + settings.network_delay_s + settings.cluster.router_delay_s
        self._entering[pipeline.stages[0].name].append((everyone, entered_s))
        self.last_end_s = arrival_s.copy()
        self.dropped = np.zeros(len(arrival_s), dtype=bool)

    def serve(self, place: int, plan: Plan) -> StageVisits:
        """Serve all visits to a stage and send on those that leave it."""
        stage = self._pipeline.stages[place]
        request, enter_s = (np.concatenate(parts) for parts in zip(*self._entering[stage.name], strict=True))
        order = np.argsort(enter_s, kind="stable")
        request, enter_s = request[order], enter_s[order]
        log = StageLog()
        log.grow(len(request))
        queue = SimulatedStage(stage, plan.stages[place], place, self._settings, log)
        visits = np.arange(len(request))
        queue.accept(visits, enter_s, self._arrival_s[request])
        for left in queue.advance(np.inf):
            self.dropped[request[left.dropped]] = True
            self._send_on(stage.name, request[left.request], left.end_s)
        return StageVisits(stage.name, request, enter_s, log.start_s, log.end_s, log.batch)

    def _send_on(self, stage: str, request: Ints, end_s: Floats) -> None:
        np.maximum.at(self.last_end_s, request, end_s)
        for number, edge in enumerate(self._edges):
            if edge.source == stage:
                copies = self._copies(number, edge.factor, len(request))
                self._entering[edge.target].append(
                    (np.repeat(request, copies), np.repeat(end_s + self._settings.network_delay_s, copies))
                )

    def _copies(self, edge: int, factor: float, count: int) -> NDArray[np.int64]:
        """Draw how many visits follow each of ``count`` visits."""
        whole = int(factor)
        seed = np.random.SeedSequence(self._settings.seed, spawn_key=(_COPIES, edge))
        more = np.random.Generator(np.random.PCG64(seed)).random(count) < factor - whole
        return whole + more.astype(np.int64)
