"""Simulates a plan under constant configuration and tells of every visit to every stage."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ipa.arrays import Floats
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.simulator.settings import DEFAULTS, SimulationSettings
from ipa.simulator.simulator import PipelineSimulator
from ipa.simulator.visits import StageVisits

if TYPE_CHECKING:
    import pandas as pd


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

    def stage_table(self) -> "pd.DataFrame":
        """Return one row per stage: visits per request, and mean wait and p99 service time in seconds."""
        import pandas as pd

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
    """
    simulator = PipelineSimulator(pipeline, plan, settings)
    simulator.offer(arrivals_s)
    simulator.drain()
    records = simulator.records()
    return GraphRecords(records.arrival_s, records.latency_s, simulator.visits())
