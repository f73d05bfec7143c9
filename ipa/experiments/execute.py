"""One experiment from its first plan to its measures, on whatever platform it names; nothing is written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ipa.adapter import Adapter
from ipa.experiments.initial_plan import initial_plan
from ipa.experiments.resolved import ResolvedRun
from ipa.experiments.spec import RunSpec
from ipa.platforms.base import ExperimentPlatform
from ipa.results.decisions import DecisionRecord
from ipa.results.measures import Measures, measure
from ipa.results.requests import RequestRecords
from ipa.workload import Workload

Record = Callable[[DecisionRecord], None]
"""Takes the record of every step as soon as the step is done."""


@dataclass(frozen=True)
class RunOutcome:
    """What a run gave.

    Parameters
    ----------
    spec
        What was run; ``trace`` says which workload was really used.
    workload
        The load.
    decisions
        Record of every step.
    requests
        Account of every request.
    measures
        The figures of the run.
    sla_s
        SLA that violations are counted against.
    """

    spec: RunSpec
    workload: Workload
    decisions: list[DecisionRecord]
    requests: RequestRecords
    measures: Measures
    sla_s: float

    def summary(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        return {
            **self.spec.as_dict(),
            "workload_source": self.workload.source,
            "duration_s": self.workload.duration_s,
            "sla_s": self.sla_s,
            **asdict(self.measures),
        }


def execute(
    run: ResolvedRun, record: Record | None = None, platform: ExperimentPlatform | None = None
) -> RunOutcome:
    """Run an experiment on its platform.

    Parameters
    ----------
    run
        What to run.
    record
        Called with the record of every step. One that fails for some steps is not the end of the run: the
        outcome holds all records.
    platform
        A platform of the caller's that nothing was deployed on yet, for one who looks at more of it than an
        experiment does; None: the one that the run names.

    Returns
    -------
    RunOutcome
        Decisions, requests and measures.

    Notes
    -----
    The platform is torn down whatever happens.
    """
    platform = platform or run.spec.settings.platform(run.conditions())
    try:
        decisions, core_seconds = _adapt(run, platform, record)
        platform.drain()
        requests = platform.records()
    finally:
        platform.teardown()
    sla_s, duration_s = run.parameters.pipeline.sla_s, run.workload.duration_s
    measures = measure(
        decisions, requests, sla_s=sla_s, duration_s=duration_s, running_core_seconds=core_seconds
    )
    return RunOutcome(run.spec, run.workload, decisions, requests, measures, sla_s)


def _adapt(
    run: ResolvedRun, platform: ExperimentPlatform, record: Record | None
) -> tuple[list[DecisionRecord], float]:
    """Keep the pipeline adapted while the load lasts; return the decisions and what the replicas held."""
    planner, duration_s = run.planner(), run.workload.duration_s
    # A solver that never answers (not installed, no licence) is an error; the adapter would hold every step.
    planner.decide(run.workload.mean_rps)
    decisions: list[DecisionRecord] = []

    def keep(decision: DecisionRecord) -> None:
        decisions.append(decision)
        if record is not None:
            record(decision)

    adapter = Adapter(platform, planner, run.forecaster(), run.adapter_settings(), keep)
    platform.offer(run.arrivals_s())
    adapter.deploy(initial_plan(run.parameters, planner, run.workload))
    adapter.run(until_s=duration_s)
    platform.sleep_until(duration_s)
    return decisions, platform.core_seconds()
