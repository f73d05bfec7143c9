"""A pipeline in the discrete-event simulator, on the simulator's clock."""

import numpy as np
from numpy.typing import NDArray

from ipa.pipeline import Pipeline
from ipa.plan import Plan
from ipa.platforms.base import ApplyReport, Observation
from ipa.simulator import PipelineSimulator, RequestRecords, SimulationSettings


class SimulatedPlatform:
    """Runs a pipeline against arrivals that are known in advance.

    Parameters
    ----------
    arrivals_s
        When every request arrives, ascending, in seconds; shape (n,).
    settings
        Of the simulator.
    window_s
        Seconds of history that an observation shows.
    """

    def __init__(
        self, arrivals_s: NDArray[np.float64], settings: SimulationSettings, window_s: int = 120
    ) -> None:
        self._arrivals_s = arrivals_s
        self._per_second = (
            np.bincount(arrivals_s.astype(np.int64)) if len(arrivals_s) else np.zeros(1, np.int64)
        )
        self._settings = settings
        self._window_s = window_s
        self._offered = 0
        self._now_s = 0.0
        self._simulator: PipelineSimulator | None = None
        self._plan: Plan | None = None

    @property
    def simulator(self) -> PipelineSimulator:
        """The engine; there is one once a pipeline is deployed."""
        if self._simulator is None:
            raise RuntimeError("deploy() a pipeline first")
        return self._simulator

    def now(self) -> float:
        """Return the simulated time in seconds."""
        return self._now_s

    def sleep_until(self, time_s: float) -> None:
        """Simulate up to ``time_s``."""
        end = int(np.searchsorted(self._arrivals_s, time_s, side="left"))
        self.simulator.offer(self._arrivals_s[self._offered : end])
        self.simulator.advance(time_s)
        self._offered, self._now_s = end, time_s

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start with all replicas of the plan ready."""
        self._simulator = PipelineSimulator(pipeline, plan, self._settings)
        self._plan = plan

    def observe(self) -> Observation:
        """Return the requests of the past full seconds and what runs."""
        if self._plan is None:
            raise RuntimeError("deploy() a pipeline first")
        end = int(self._now_s)
        seen = np.zeros(min(end, self._window_s), dtype=np.int64)
        counted = self._per_second[max(0, end - self._window_s) : end]
        seen[: len(counted)] = counted
        ready = tuple(stage.ready for stage in self.simulator.running_plan().stages)
        return Observation(self._now_s, seen, self._plan, ready)

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure; new replicas serve after their start-up delay."""
        if plan == self._plan:
            return ApplyReport(started=0, stopped=0)
        report = self.simulator.reconfigure(plan)
        self._plan = plan
        return ApplyReport(report.started, report.stopped)

    def teardown(self) -> None:
        """Take the requests that are still to arrive and let all in flight finish."""
        self.simulator.offer(self._arrivals_s[self._offered :])
        self._offered = len(self._arrivals_s)
        self.simulator.drain()

    def records(self) -> RequestRecords:
        """Return the account of every request."""
        return self.simulator.records()
