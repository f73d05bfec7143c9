"""The configuration that a run starts with."""

from itertools import product

from ipa.experiments.editions import RunParameters
from ipa.optimizer.planner import Planner
from ipa.pipeline.plan import Plan, StagePlan
from ipa.workload import Workload

MOST_ADDED = 12
"""Replicas tried beyond the known ones to meet a published start cost."""


def initial_plan(parameters: RunParameters, planner: Planner, workload: Workload) -> Plan:
    """Return the plan of step 0.

    Parameters
    ----------
    parameters
        Of the run. A published run names its first variants and what they cost; any other run, and one whose
        cores are limited to less, starts provisioned for the mean load of the first interval.
    planner
        Decides for the run.
    workload
        The load to come.
    """
    started = None if parameters.initial_variants is None else _published_start(parameters)
    most = parameters.constraints.max_cores
    if started is not None and (most is None or started.cost_cores <= most):
        return started
    first = workload.rates_rps[: max(1, int(parameters.interval_s))]
    return planner.decide(float(first.mean())).plan


def _published_start(parameters: RunParameters) -> Plan:
    stages, variants = parameters.pipeline.stages, parameters.initial_variants or ()
    cores = [stage.variant(name).base_cores for stage, name in zip(stages, variants, strict=True)]
    least = parameters.initial_replicas or (1,) * len(stages)
    replicas = replicas_costing(cores, least, parameters.initial_cost_cores)
    return Plan(
        tuple(
            StagePlan(stage.name, name, batch=1, replicas=n, cores=c)
            for stage, name, n, c in zip(stages, variants, replicas, cores, strict=True)
        )
    )


def replicas_costing(cores: list[int], least: tuple[int, ...], cost_cores: int | None) -> tuple[int, ...]:
    """Return the fewest replicas, at least those given, that cost exactly what was published.

    Parameters
    ----------
    cores
        Cores of a replica of each stage.
    least
        Known replicas of each stage.
    cost_cores
        Published start cost. Where no number of replicas meets it (the published start configuration is not
        known in full, paper/runs.csv), the known replicas are returned.

    Examples
    --------
    >>> replicas_costing([1, 4, 1], (4, 15, 8), 80)
    (4, 17, 8)
    """
    missing = (cost_cores or 0) - sum(n * c for n, c in zip(least, cores, strict=True))
    if missing <= 0:
        return least
    for added in range(1, MOST_ADDED + 1):
        for extra in product(range(added + 1), repeat=len(cores)):
            if sum(extra) == added and sum(n * c for n, c in zip(extra, cores, strict=True)) == missing:
                return tuple(n + more for n, more in zip(least, extra, strict=True))
    return least
