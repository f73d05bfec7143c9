"""One run and a grid of runs: simulated, measured, written to ``results/``; resumable."""

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ipa.adapter import Adapter, AdapterSettings, DecisionRecord
from ipa.config import pipeline_inputs
from ipa.editions import EDITIONS, RunParameters
from ipa.errors import InvalidValueError, UnknownNameError
from ipa.first_plan import first_plan
from ipa.forecast import FORECASTERS, ForecastContext, make_forecaster
from ipa.measures import Measures, measure
from ipa.optimizer.methods import METHODS as METHOD_REGISTRY
from ipa.optimizer.planner import Planner
from ipa.optimizer.solve import SOLVERS
from ipa.pipeline import Pipeline
from ipa.platforms.simulated import SimulatedPlatform
from ipa.provenance import code_sha256, data_sha256, environment, file_sha256, package_versions
from ipa.results import (
    ALL_FILES,
    DECISIONS,
    PROVENANCE,
    REQUESTS,
    SUMMARY,
    fingerprint_of,
    replacing,
    write_json,
    write_lines,
)
from ipa.simulator import ClusterSettings, RequestRecords, SimulationSettings
from ipa.simulator.settings import IDEAL
from ipa.workload import ARRIVAL_PROCESSES, Workload, arrival_times, load_workload

PIPELINES = ("video", "audio-qa", "audio-sent", "sum-qa", "nlp")
WORKLOADS = ("bursty", "steady-low", "steady-high", "fluctuating")
METHODS = ("ipa", "fa2-low", "fa2-high", "rim")
RESULT_FORMAT = 1
"""Raised when the files of a run change their form, so that older ones are run again."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to run. Optional values override what the edition says.

    Parameters
    ----------
    pipeline
        Name of a pipeline, or the path of a YAML file.
    workload
        Name of a workload, or the path of a file with requests per second.
    method
        ipa, fa2-low, fa2-high, rim, or a registered one.
    edition
        as-published, as-published-v1 or corrected.
    trace
        ``real``, ``synthetic``, or ``auto``: the real trace where it is found.
    arrivals
        How the requests of a second are spread over it: poisson, uniform or paper-burst.
    seed
        Seed of arrivals, service times and synthetic workloads.
    solver
        Name of the solver.
    service
        Service times drawn from a log-normal distribution, or deterministic.
    duration_s
        Use only the first seconds of the workload.
    forecaster
        Name of the load forecaster.
    alpha, beta
        Weights of accuracy and cost.
    sla_s
        End-to-end SLA, both for the decision and for violations; the drop limit of the corrected edition
        follows it.
    replicas
        Fixed replicas of each stage for rim.
    variants
        Fixed variants of each stage for fa2-low and fa2-high.
    interval_s
        Seconds between decisions.
    drop
        When a waiting request is dropped: ``edition`` (the limit of the edition), ``none`` (never), ``sla``
        (older than the SLA), ``stage-deadline`` (older at a stage than the SLA of the pipeline up to there,
        divided in proportion to the SLAs of the stages).
    network_delay_s
        Seconds on the way into each stage and on the way back to the client.
    cluster
        What the cluster does to the pipeline.
    """

    pipeline: str = "video"
    workload: str = "bursty"
    method: str = "ipa"
    edition: str = "corrected"
    trace: Literal["auto", "real", "synthetic"] = "auto"
    arrivals: str = "poisson"
    seed: int = 0
    solver: str = "exact"
    service: Literal["lognormal", "deterministic"] = "lognormal"
    duration_s: int | None = None
    forecaster: str | None = None
    alpha: float | None = None
    beta: float | None = None
    sla_s: float | None = None
    replicas: tuple[int, ...] | None = None
    variants: tuple[str, ...] | None = None
    interval_s: float | None = None
    drop: Literal["edition", "none", "sla", "stage-deadline"] = "edition"
    network_delay_s: float = 0.0
    cluster: ClusterSettings = IDEAL

    def parameters(self) -> RunParameters:
        """Return the edition's parameters with the overrides of this run."""
        base = EDITIONS[self.edition](self.pipeline, self.workload, self.method)
        given = {name: value for name in ("alpha", "beta") if (value := getattr(self, name)) is not None}
        settings = base.method_settings
        if self.sla_s is not None:
            if not 0 < self.sla_s < math.inf:
                raise InvalidValueError(f"the SLA must be finite and above 0 seconds, not {self.sla_s}")
            base = replace(
                base,
                pipeline=replace(base.pipeline, sla_s=self.sla_s),
                constraints=replace(base.constraints, sla_s=self.sla_s),
                drop_after_s=base.drop_limit_sla * self.sla_s if base.drop_limit_sla else base.drop_after_s,
            )
        return replace(
            base,
            objective=replace(base.objective, **given),
            method_settings=replace(
                settings,
                variants=settings.variants if self.variants is None else self.variants,
                replicas=settings.replicas if self.replicas is None else self.replicas,
            ),
            forecaster=self.forecaster or base.forecaster,
            interval_s=base.interval_s if self.interval_s is None else self.interval_s,
        )

    def simulation_settings(self) -> SimulationSettings:
        """Return what the simulator assumes in this run."""
        parameters = self.parameters()
        sla_s = parameters.pipeline.sla_s
        limits_s = {
            "edition": (parameters.drop_after_s, ()),
            "none": (math.inf, ()),
            "sla": (sla_s, ()),
            "stage-deadline": (sla_s, stage_deadlines_s(parameters.pipeline)),
        }
        if self.drop not in limits_s:
            raise UnknownNameError("drop policy", self.drop, limits_s)
        drop_after_s, by_stage_s = limits_s[self.drop]
        return SimulationSettings(
            seed=self.seed,
            service=self.service,
            drop_after_s=drop_after_s,
            network_delay_s=self.network_delay_s,
            stage_drop_after_s=by_stage_s,
            cluster=self.cluster,
        )

    @property
    def experiment(self) -> str:
        """Name of the folder that holds this run and its siblings."""
        return f"{self.edition}-{self.trace}"

    @property
    def run(self) -> str:
        """Name of the run's own folder: what was run, then whatever differs from the defaults."""
        shown = {"pipeline", "workload", "method", "edition", "trace"}
        default = RunSpec()
        overrides = [
            f"{field.name}={_brief(value)}"
            for field in fields(self)
            if field.name not in shown
            and (value := getattr(self, field.name)) != getattr(default, field.name)
        ]
        return "-".join([_named(self.pipeline), _named(self.workload), self.method, *overrides])


def _named(name_or_path: str) -> str:
    """Return a name as it is; of a user's file the stem and a hash of where it lies, since stems repeat."""
    path = Path(name_or_path)
    if not path.suffix:
        return name_or_path
    return f"{path.stem}~{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:6]}"


def stage_deadlines_s(pipeline: Pipeline) -> tuple[float, ...]:
    """Return the age by which a request should have left each stage, so that it meets the SLA at the last.

    Examples
    --------
    >>> from ipa.config import load_pipeline
    >>> stage_deadlines_s(load_pipeline("video"))
    (4.62, 6.89)
    """
    shares = [stage.sla_s or 1.0 for stage in pipeline.stages]
    return tuple(round(pipeline.sla_s * float(sum_) / sum(shares), 9) for sum_ in np.cumsum(shares))


def _brief(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


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
    workload = workload or load_workload(
        spec.workload, trace=spec.trace, seed=spec.seed, duration_s=spec.duration_s
    )
    rng = np.random.default_rng([spec.seed, 1])
    arrivals_s = arrival_times(workload.rates_rps, spec.arrivals, rng)
    platform = SimulatedPlatform(arrivals_s, spec.simulation_settings())
    planner = planner_for(spec)
    # A solver that never answers (not installed, no licence) is an error; the adapter would hold every step.
    planner.decide(workload.mean_rps)
    decisions: list[DecisionRecord] = []
    adapter = Adapter(
        platform,
        planner,
        make_forecaster(parameters.forecaster, ForecastContext(true_rates_rps=workload.rates_rps)),
        AdapterSettings(parameters.interval_s, parameters.forecast_margin, parameters.whole_rates),
        decisions.append,
    )
    adapter.deploy(first_plan(parameters, planner, workload))
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


def resolve(spec: RunSpec) -> RunSpec:
    """Return the spec with ``trace`` saying which workload will be used; checks all values on the way."""
    _check(spec)
    source = load_workload(spec.workload, trace=spec.trace, seed=spec.seed, duration_s=spec.duration_s).source
    return replace(spec, trace="real" if source == "real" else "synthetic")


def _check(spec: RunSpec) -> None:
    """Raise what the adapter would otherwise take for a failing step, and hold the plan for."""
    SOLVERS[spec.solver]
    ARRIVAL_PROCESSES[spec.arrivals]
    parameters = spec.parameters()
    FORECASTERS[parameters.forecaster]
    if parameters.pipeline.edges:
        raise InvalidValueError(
            f"pipeline {parameters.pipeline.name} is a graph; runs take chains only. Decide with `ipa solve`"
            " or `ipa frontier`, and simulate a plan with ipa.simulator.graph.simulate_graph"
        )
    spec.simulation_settings()
    if not 0 < parameters.interval_s < math.inf:
        raise InvalidValueError(f"the interval must be finite and above 0 s, not {parameters.interval_s}")
    if any(replicas < 1 for replicas in spec.replicas or ()):
        raise InvalidValueError(f"a stage needs at least 1 replica, not {spec.replicas}")
    check_fixed(spec)
    planner_for(spec).problem(rate_rps=1.0)


def check_fixed(spec: RunSpec) -> None:
    """Raise if a spec fixes what its method chooses itself."""
    parameters = spec.parameters()
    fixed = METHOD_REGISTRY[spec.method](parameters.pipeline, parameters.method_settings)
    for what in ("variants", "replicas"):
        if getattr(spec, what) not in (None, getattr(fixed, what)):
            raise InvalidValueError(f"method {spec.method} chooses the {what} itself; leave {what} out")


def fingerprint(spec: RunSpec) -> str:
    """Return a hash of everything that determines the result of a resolved spec."""
    workload = load_workload(spec.workload, trace=spec.trace, seed=spec.seed, duration_s=spec.duration_s)
    content = {
        "format": RESULT_FORMAT,
        "spec": asdict(spec),
        "code": code_sha256(),
        "data": data_sha256(),
        "packages": package_versions(),
        "rates": hashlib.sha256(workload.rates_rps.tobytes()).hexdigest(),
        "pipeline": [file_sha256(file) for file in pipeline_inputs(spec.pipeline)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def run_folder(results_dir: Path, spec: RunSpec) -> Path:
    """Return the folder of a resolved spec."""
    return results_dir / spec.experiment / spec.run


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
    """
    spec = resolve(spec)
    started, started_s = datetime.now(UTC), time.perf_counter()
    outcome = simulate(spec)
    folder = run_folder(results_dir, spec)
    with replacing(folder) as draft:
        write_lines(draft / DECISIONS, (record.as_dict() for record in outcome.decisions))
        if REQUESTS in kept:
            outcome.requests.to_frame().to_parquet(draft / REQUESTS, compression="zstd", index=False)
        write_json(draft / SUMMARY, outcome.summary())
        write_json(
            draft / PROVENANCE,
            {
                "fingerprint": fingerprint(spec),
                **environment(),
                "seed": spec.seed,
                "solver": spec.solver,
                "started": started.isoformat(timespec="seconds"),
                "wall_s": round(time.perf_counter() - started_s, 3),
                "files_sha256": {name: file_sha256(draft / name) for name in kept},
            },
        )
    return folder


def grid_specs(
    editions: Sequence[str],
    pipelines: Sequence[str] = PIPELINES,
    workloads: Sequence[str] = WORKLOADS,
    methods: Sequence[str] = METHODS,
    **common: Any,
) -> list[RunSpec]:
    """Return the resolved specs of a grid, every combination of the four lists."""
    combinations: Iterator[tuple[str, str, str, str]] = product(editions, pipelines, workloads, methods)
    return [
        resolve(RunSpec(pipeline=pipeline, workload=workload, method=method, edition=edition, **common))
        for edition, pipeline, workload, method in combinations
    ]
