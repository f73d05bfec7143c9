"""One run and a grid of runs: simulated, measured, written to ``results/``; resumable."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa import limits
from ipa.adapter import Adapter, AdapterSettings
from ipa.errors import InvalidValueError, IpaError, ReplicasNeededError
from ipa.experiments.fingerprint import fingerprint, inputs_digest
from ipa.experiments.initial_plan import initial_plan
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, ForecastContext, Forecaster, make_forecaster
from ipa.forecast.base import horizon_of
from ipa.optimizer.methods import METHODS
from ipa.optimizer.planner import Planner
from ipa.optimizer.solve import SOLVERS
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES, PAPER_WORKLOADS
from ipa.pipeline.pipeline import Pipeline
from ipa.platforms.simulated import SimulatedPlatform
from ipa.results.decisions import DecisionRecord
from ipa.results.folder import (
    ALL_FILES,
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    fingerprint_of,
    write_lines,
    write_requests,
)
from ipa.results.json_files import write_json
from ipa.results.measures import Measures, measure
from ipa.results.provenance import environment, file_sha256
from ipa.results.run_folders import check_replaceable, check_writable, locked, replacing
from ipa.results.source_files import code_has_changed
from ipa.simulator import RequestRecords
from ipa.workload import ARRIVAL_PROCESSES, Workload, arrival_times

_log = logging.getLogger(__name__)


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
            **asdict(self.spec),
            "workload_source": self.workload.source,
            "duration_s": self.workload.duration_s,
            "sla_s": self.sla_s,
            **asdict(self.measures),
        }


def simulate(spec: RunSpec, workload: Workload | None = None) -> RunOutcome:
    """Run an experiment in the simulator without touching the disk.

    Parameters
    ----------
    spec
        What to run.
    workload
        A load to use instead of the one that the spec names.

    Returns
    -------
    RunOutcome
        Decisions, requests and measures.

    Examples
    --------
    >>> outcome = simulate(RunSpec(workload="steady-low", trace="synthetic", duration_s=60))
    >>> len(outcome.decisions), outcome.measures.dropped
    (7, 0)
    """
    _check(spec)
    parameters = spec.parameters()
    workload = workload or spec.load()
    rng = np.random.default_rng([spec.seed, 1])
    arrivals_s = arrival_times(workload.rates_rps, spec.arrivals, rng)
    _check_visits(parameters.pipeline, len(arrivals_s))
    platform = SimulatedPlatform(arrivals_s, spec.simulation_settings())
    planner = planner_for(spec)
    # A solver that never answers (not installed, no licence) is an error; the adapter would hold every step.
    planner.decide(workload.mean_rps)
    decisions: list[DecisionRecord] = []
    adapter = Adapter(
        platform,
        planner,
        forecaster_for(spec, workload.rates_rps),
        AdapterSettings(
            parameters.interval_s,
            parameters.forecast_margin,
            parameters.round_rates,
            parameters.on_infeasible,
        ),
        decisions.append,
    )
    adapter.deploy(initial_plan(parameters, planner, workload))
    adapter.run(until_s=workload.duration_s)
    platform.sleep_until(workload.duration_s)
    running_core_seconds = platform.simulator.running_core_seconds()
    platform.teardown()
    requests = platform.records()
    measures = measure(
        decisions,
        requests,
        sla_s=parameters.pipeline.sla_s,
        duration_s=workload.duration_s,
        running_core_seconds=running_core_seconds,
    )
    used = replace(spec, trace="real" if workload.source == "real" else "synthetic")
    return RunOutcome(used, workload, decisions, requests, measures, parameters.pipeline.sla_s)


def _check_visits(pipeline: Pipeline, requests: int) -> None:
    """Refuse a graph whose edges multiply the requests beyond what memory holds."""
    visits = requests * sum(pipeline.rate_factors().values())
    if pipeline.edges and not limits.VISITS.holds(visits):
        raise InvalidValueError(
            f"{requests:,} requests to pipeline {pipeline.name} make {visits:,.0f} visits to its stages; a"
            f" run takes at most {limits.VISITS.high:,}: shorten the load, or lower the rate factors"
        )


def planner_for(spec: RunSpec) -> Planner:
    """Return what decides in a run."""
    parameters = spec.parameters()
    return Planner(
        parameters.pipeline,
        parameters.objective,
        parameters.constraints,
        parameters.method,
        parameters.method_settings,
        spec.solver,
    )


def forecaster_for(spec: RunSpec, true_rates_rps: NDArray[np.int64]) -> Forecaster:
    """Return what predicts in a run, with the future for those that look ahead."""
    parameters = spec.parameters()
    horizon_s = horizon_of(parameters.interval_s) if spec.horizon_s is None else spec.horizon_s
    return make_forecaster(parameters.forecaster, ForecastContext(true_rates_rps, horizon_s))


def resolve(spec: RunSpec) -> RunSpec:
    """Return the spec with ``trace`` saying which workload will be used; checks all values on the way."""
    _check(spec)
    workload = spec.load()
    limits.DECISIONS.check(
        "seconds / interval", math.ceil(workload.duration_s / spec.parameters().interval_s)
    )
    source = workload.source
    return replace(spec, trace="real" if source == "real" else "synthetic")


def _check(spec: RunSpec) -> None:
    """Raise what the adapter would otherwise take for a failing step, and hold the plan for."""
    SOLVERS[spec.solver]
    ARRIVAL_PROCESSES[spec.arrivals]
    parameters = spec.parameters()
    FORECASTERS[parameters.forecaster]
    if spec.horizon_s is not None:
        limits.HORIZON_S.check("horizon_s", spec.horizon_s)
    spec.simulation_settings()
    check_fixed(spec)
    planner_for(spec).problem(rate_rps=1.0)


def check_fixed(spec: RunSpec) -> None:
    """Raise if a spec fixes what its method chooses itself."""
    parameters = spec.parameters()
    fixed = METHODS[spec.method](parameters.pipeline, parameters.method_settings)
    for what in ("variants", "replicas"):
        if getattr(spec, what) not in (None, getattr(fixed, what)):
            raise InvalidValueError(f"method {spec.method} chooses the {what} itself; leave {what} out")


def run_folder(results_dir: Path, spec: RunSpec) -> Path:
    """Return the folder of a resolved spec."""
    return results_dir / spec.folder_name / spec.run_name


def is_complete(results_dir: Path, spec: RunSpec, needed: Sequence[str] = ALL_FILES) -> bool:
    """Whether a resolved spec was run already and nothing that determines its result has changed since.

    Parameters
    ----------
    results_dir
        Where the results lie.
    spec
        What was run.
    needed
        Files that the run has to have left.
    """
    return fingerprint_of(run_folder(results_dir, spec), needed) == fingerprint(spec)


def run(spec: RunSpec, results_dir: Path, kept: Sequence[str] = ALL_FILES) -> Path:
    """Run an experiment and write its folder, replacing an earlier one whole.

    Parameters
    ----------
    spec
        What to run.
    results_dir
        The run's folder is ``<results_dir>/<experiment>/<run>``.
    kept
        Files to leave in it besides ``provenance.json``.

    Returns
    -------
    Path
        The folder, with ``decisions.jsonl``, ``requests.parquet``, ``summary.json`` and ``provenance.json``.

    Raises
    ------
    ResultsError
        If nothing can be written there, or the folder holds what no run has written.
    """
    return run_once(spec, results_dir, kept, force=True).folder


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of asking for a run.

    Parameters
    ----------
    folder
        Where the run lies.
    reused
        Whether it was complete and unchanged already.
    """

    folder: Path
    reused: bool


def run_once(
    spec: RunSpec, results_dir: Path, kept: Sequence[str] = ALL_FILES, *, force: bool = False
) -> RunReport:
    """Run an experiment unless it is complete and unchanged; the rest is as for ``run``.

    Another process that is running the same experiment is waited for, and its result is taken.

    Parameters
    ----------
    spec, results_dir, kept
        As for ``run``.
    force
        Run it in any case.
    """
    spec = resolve(spec)
    folder = run_folder(results_dir, spec)
    if not force and is_complete(results_dir, spec, kept):
        return RunReport(folder, reused=True)
    check_writable(results_dir)
    with locked(folder, results_dir):
        if not force and is_complete(results_dir, spec, kept):
            return RunReport(folder, reused=True)
        check_replaceable(folder)
        _run(spec, folder, results_dir, kept)
    return RunReport(folder, reused=False)


def _run(spec: RunSpec, folder: Path, results_dir: Path, kept: Sequence[str]) -> None:
    started, started_s = datetime.now(UTC), time.perf_counter()
    depends_on, inputs = fingerprint(spec), inputs_digest(spec)
    outcome = simulate(spec)
    changed = _changed(spec, inputs)
    if changed:
        _log.warning("%s/%s: %s; it will be run again", spec.folder_name, spec.run_name, changed)
    with replacing(folder, results_dir) as draft:
        write_lines(draft / DECISIONS, (record.as_dict() for record in outcome.decisions))
        if REQUESTS in kept:
            write_requests(draft / REQUESTS, outcome.requests.to_frame())
        write_json(draft / SUMMARY, outcome.summary())
        write_json(
            draft / PROVENANCE,
            {
                "fingerprint": "" if changed else depends_on,
                "incomplete": changed,
                **environment(),
                "seed": spec.seed,
                "solver": spec.solver,
                "started": started.isoformat(timespec="seconds"),
                "wall_s": round(time.perf_counter() - started_s, 3),
                "files_sha256": {name: file_sha256(draft / name) for name in kept},
            },
        )


def _changed(spec: RunSpec, inputs: str) -> str:
    """Say what a run depends on that has changed since it began; empty if nothing has."""
    if code_has_changed():
        return "the code of IPA was edited after this process began"
    try:
        now = inputs_digest(spec)
    except IpaError as error:
        return f"an input changed while it was under way: {error}"
    return "" if now == inputs else "an input changed while it was under way"


def grid_specs(
    editions: Sequence[str],
    pipelines: Sequence[str] = PAPER_PIPELINES,
    workloads: Sequence[str] = PAPER_WORKLOADS,
    methods: Sequence[str] | None = None,
    *,
    replicas: tuple[int, ...] | None = None,
    **common: Any,
) -> list[RunSpec]:
    """Return the resolved specs of a grid, every combination of the four lists.

    Parameters
    ----------
    editions, pipelines, workloads
        Names, or files of one's own.
    methods
        Names. None: the paper's four; one that needs fixed replicas is left out where there are none, as
        for a pipeline of one's own (``left_out_note`` says so).
    replicas
        Fixed replicas of each stage, for the methods that keep them.
    common
        Further fields of every ``RunSpec``.

    Raises
    ------
    ReplicasNeededError
        If a method was named that needs fixed replicas.
    """
    combinations: Iterator[tuple[str, str, str, str]] = product(
        editions, pipelines, workloads, PAPER_METHODS if methods is None else methods
    )
    specs = []
    for edition, pipeline, workload, method in combinations:
        spec = RunSpec(pipeline=pipeline, workload=workload, method=method, edition=edition, **common)
        try:
            specs.append(resolve(_with_replicas(spec, replicas)))
        except ReplicasNeededError:
            if methods is not None:
                raise
    return specs


def _with_replicas(spec: RunSpec, replicas: tuple[int, ...] | None) -> RunSpec:
    """Give a spec the replicas if its method keeps them fixed."""
    if replicas is None:
        return spec
    given = replace(spec, replicas=replicas)
    parameters = given.parameters()
    fixed = METHODS[spec.method](parameters.pipeline, parameters.method_settings)
    return spec if fixed.replicas is None else given


def left_out_note(specs: Sequence[RunSpec]) -> str:
    """Say which of the paper's methods ``grid_specs`` left out of a grid; empty if none."""
    by_pipeline: dict[str, set[str]] = {}
    for spec in specs:
        by_pipeline.setdefault(spec.pipeline, set()).add(spec.method)
    return "; ".join(
        f"{', '.join(missing)} left out for {pipeline}: give the fixed replicas of each stage"
        for pipeline, present in by_pipeline.items()
        if (missing := [method for method in PAPER_METHODS if method not in present])
    )
