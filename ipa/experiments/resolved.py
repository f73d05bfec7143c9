"""A run whose inputs are read and whose parameters are worked out, once, and what follows from them."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ipa import limits
from ipa.adapter import AdapterSettings
from ipa.errors import InvalidValueError
from ipa.experiments.editions import RunParameters
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, ForecastContext, Forecaster, make_forecaster
from ipa.forecast.base import horizon_of
from ipa.optimizer.memory import RememberingPlanner
from ipa.optimizer.methods import METHODS
from ipa.optimizer.planner import Planner
from ipa.optimizer.solve import SOLVERS
from ipa.pipeline.pipeline import Pipeline
from ipa.platforms.base import Conditions
from ipa.workload import ARRIVAL_PROCESSES, Workload, arrival_times


@dataclass(frozen=True, slots=True)
class ResolvedRun:
    """A run with everything that it reads.

    Parameters
    ----------
    spec
        What to run; ``trace`` says which workload is used.
    parameters
        Everything that it decides with.
    workload
        The load.
    """

    spec: RunSpec
    parameters: RunParameters
    workload: Workload

    def planner(self) -> Planner:
        """Return what decides in the run."""
        return _planner(self.parameters, self.spec.solver, RememberingPlanner)

    def forecaster(self) -> Forecaster:
        """Return what predicts in the run, with the future for those that look ahead."""
        return _forecaster(self.spec, self.parameters, self.workload.rates_rps)

    def adapter_settings(self) -> AdapterSettings:
        """Return interval, margins, and what to do above capacity."""
        return adapter_settings(self.parameters)

    def conditions(self) -> Conditions:
        """Return what the run asks of its platform."""
        return self.spec.conditions(self.parameters)

    def arrivals_s(self) -> NDArray[np.float64]:
        """Return when every request is due."""
        rng = np.random.default_rng([self.spec.seed, 1])
        arrivals_s = arrival_times(self.workload.rates_rps, self.spec.arrivals, rng)
        _check_visits(self.parameters.pipeline, len(arrivals_s))
        return arrivals_s


def resolve_run(spec: RunSpec, workload: Workload | None = None) -> ResolvedRun:
    """Read everything that a run needs and check all values on the way.

    Parameters
    ----------
    spec
        What to run.
    workload
        A load to use instead of the one that the spec names.

    Raises
    ------
    IpaError
        If a value is not allowed: what the adapter would otherwise take for a failing step, and hold the plan
        for.
    """
    SOLVERS[spec.solver]
    ARRIVAL_PROCESSES[spec.arrivals]
    parameters = spec.parameters()
    FORECASTERS[parameters.forecaster]
    if spec.horizon_s is not None:
        limits.HORIZON_S.check("horizon_s", spec.horizon_s)
    spec.settings.platform(spec.conditions(parameters))
    _check_fixed(spec, parameters)
    _planner(parameters, spec.solver).problem(rate_rps=1.0)
    load = workload or spec.load()
    limits.DECISIONS.check("seconds / interval", math.ceil(load.duration_s / parameters.interval_s))
    return ResolvedRun(
        replace(spec, trace="real" if load.source == "real" else "synthetic"), parameters, load
    )


def resolve(spec: RunSpec) -> RunSpec:
    """Return the spec with ``trace`` saying which workload will be used; checks all values on the way."""
    return resolve_run(spec).spec


def adapter_settings(parameters: RunParameters) -> AdapterSettings:
    """Return interval, margins, and what to do above capacity."""
    return AdapterSettings(
        parameters.interval_s,
        parameters.forecast_margin,
        parameters.round_rates,
        parameters.on_infeasible,
    )


def planner_for(spec: RunSpec) -> Planner:
    """Return what decides in a run, solving anew each time."""
    return _planner(spec.parameters(), spec.solver)


def forecaster_for(spec: RunSpec, true_rates_rps: NDArray[np.int64]) -> Forecaster:
    """Return what predicts in a run, with the future for those that look ahead."""
    return _forecaster(spec, spec.parameters(), true_rates_rps)


def check_fixed(spec: RunSpec) -> None:
    """Raise if a spec fixes what its method chooses itself."""
    _check_fixed(spec, spec.parameters())


def _planner(parameters: RunParameters, solver: str, kind: type[Planner] = Planner) -> Planner:
    return kind(
        parameters.pipeline,
        parameters.objective,
        parameters.constraints,
        parameters.method,
        parameters.method_settings,
        solver,
    )


def _forecaster(spec: RunSpec, parameters: RunParameters, true_rates_rps: NDArray[np.int64]) -> Forecaster:
    horizon_s = horizon_of(parameters.interval_s) if spec.horizon_s is None else spec.horizon_s
    return make_forecaster(parameters.forecaster, ForecastContext(true_rates_rps, horizon_s))


def _check_fixed(spec: RunSpec, parameters: RunParameters) -> None:
    fixed = METHODS[spec.method](parameters.pipeline, parameters.method_settings)
    for what in ("variants", "replicas"):
        if getattr(spec, what) not in (None, getattr(fixed, what)):
            raise InvalidValueError(f"method {spec.method} chooses the {what} itself; leave {what} out")


def _check_visits(pipeline: Pipeline, requests: int) -> None:
    """Refuse a graph whose edges multiply the requests beyond what memory holds."""
    visits = requests * sum(pipeline.rate_factors().values())
    if pipeline.edges and not limits.VISITS.holds(visits):
        raise InvalidValueError(
            f"{requests:,} requests to pipeline {pipeline.name} make {visits:,.0f} visits to its stages; a"
            f" run takes at most {limits.VISITS.high:,}: shorten the load, or lower the rate factors"
        )
