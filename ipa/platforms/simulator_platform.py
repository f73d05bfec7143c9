"""What platforms on the simulator have in common."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import ApplyReport, Observation
from ipa.simulator import PipelineSimulator, SimulationSettings
from ipa.simulator.running import RunningStage


class SimulatorPlatform(ABC):
    """A pipeline in the discrete-event simulator, on the simulator's clock.

    Parameters
    ----------
    settings
        Of the simulator.
    window_s
        Seconds of history that an observation shows.
    """

    def __init__(self, settings: SimulationSettings, window_s: int) -> None:
        self._settings = settings
        self._window_s = window_s
        self._now_s = 0.0
        self._simulator: PipelineSimulator | None = None

    @property
    def simulator(self) -> PipelineSimulator:
        """The engine; there is one once a pipeline is deployed."""
        if self._simulator is None:
            raise RuntimeError("deploy() a pipeline first")
        return self._simulator

    def now(self) -> float:
        """Return the simulated time in seconds."""
        return self._now_s

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        """Start with all replicas of the plan ready."""
        self._simulator = PipelineSimulator(pipeline, plan, self._settings)

    def observe(self) -> Observation:
        """Return the requests of the past full seconds and what runs."""
        running, end = self.simulator.running_plan(), int(self._now_s)
        seen = self._requests_per_second(max(0, end - self._window_s), end)
        ready = tuple(stage.ready for stage in running.stages)
        pending = self._waiting() or ", ".join(filter(None, map(_still_to_come, running.stages)))
        return Observation(self._now_s, seen, running.target, ready, pending)

    @abstractmethod
    def _requests_per_second(self, first: int, end: int) -> NDArray[np.int64]:
        """Return the requests that arrived in the seconds from ``first`` up to ``end``."""

    def apply(self, plan: Plan) -> ApplyReport:
        """Reconfigure; new replicas serve after their start-up delay."""
        simulator = self.simulator
        if simulator.waiting_plan is None and plan == simulator.running_plan().target:
            return ApplyReport(started=0, stopped=0)
        report = simulator.reconfigure(plan)
        return ApplyReport(report.started, report.stopped, report.pending, self._waiting())

    def teardown(self) -> None:
        """Stop: nothing goes on where the clock does not."""
        return

    def _waiting(self) -> str:
        plan, limit = self.simulator.waiting_plan, self._settings.cluster.core_limit
        if plan is None:
            return ""
        return (
            f"the plan waits for room in the cluster: with what it replaces it takes"
            f" {self.simulator.cores_with(plan)} cores of {limit}"
        )


def _still_to_come(stage: RunningStage) -> str:
    serving, target = stage.serving, stage.target
    if (serving.variant, serving.cores) != (target.variant, target.cores):
        return f"{target.stage}: {target.variant} starts, {serving.variant} serves"
    if serving.replicas != target.replicas:
        return f"{target.stage}: {serving.replicas} of {target.replicas} replicas serve"
    return ""
