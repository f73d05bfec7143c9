"""The discrete-event simulator: a pipeline under load, per request, in simulated time."""

from ipa.simulator.records import RequestRecords, StageRecords
from ipa.simulator.running import Reconfiguration, RunningPlan, RunningStage
from ipa.simulator.settings import SimulationSettings
from ipa.simulator.simulator import Counts, PipelineSimulator

__all__ = [
    "Counts",
    "PipelineSimulator",
    "Reconfiguration",
    "RequestRecords",
    "RunningPlan",
    "RunningStage",
    "SimulationSettings",
    "StageRecords",
]
