"""Tables for choosing: the frontier, what the methods pick on it, and choices over rate and SLA."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ipa.errors import InvalidValueError
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.frontier import Frontier
from ipa.optimizer.methods import METHODS
from ipa.optimizer.planner import Planner
from ipa.optimizer.solve import solve
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.simulator import SimulationSettings
from ipa.simulator.graph import simulate_graph


def plan_line(plan: Plan) -> str:
    """Return a plan in one line: variant, replicas x cores and, above 1, the batch size of each stage."""
    return ", ".join(
        f"{s.variant} {s.replicas}x{s.cores}{f' b{s.batch}' if s.batch > 1 else ''}" for s in plan.stages
    )


def frontier_table(found: Frontier, pipeline: Pipeline) -> pd.DataFrame:
    """Return the frontier, the cheapest plan first.

    Parameters
    ----------
    found
        The frontier.
    pipeline
        The pipeline it belongs to.

    Returns
    -------
    pandas.DataFrame
        Cost in cores, accuracy under the metric of the problem, PAS in 0..1, latency in seconds, whether some
        weights choose the plan, the smallest and largest α/β that do (NaN if none, infinity without a
        largest), and the plan.
    """
    nothing = (math.nan, math.nan)
    return pd.DataFrame(
        [
            {
                "cost_cores": point.cost_cores,
                "accuracy": point.accuracy,
                "pas": point.plan.accuracy(pipeline),
                "latency_s": point.latency_s,
                "supported": point.supported,
                "ratio_from": (point.ratios or nothing)[0],
                "ratio_to": (point.ratios or nothing)[1],
                "plan": plan_line(point.plan),
            }
            for point in found.points
        ],
        columns=[
            "cost_cores", "accuracy", "pas", "latency_s", "supported", "ratio_from", "ratio_to", "plan",
        ],
    )  # fmt: skip


def method_decisions(
    spec: RunSpec, rate_rps: float, methods: Iterable[str] = METHODS
) -> dict[str, tuple[Planner, Decision]]:
    """Decide with every method that the pipeline has settings for.

    Parameters
    ----------
    spec
        Pipeline, edition and workload; its method and what a method fixes are replaced.
    rate_rps
        Arrival rate.
    methods
        Names of methods; rim is left out where no replicas are known for it.
    """
    found = {}
    for method in methods:
        try:
            planner = planner_for(replace(spec, method=method, variants=None, replicas=None))
            found[method] = (planner, planner.decide(rate_rps))
        except InvalidValueError:
            if method != "rim":
                raise
    return found


def method_table(found: Frontier, decisions: dict[str, tuple[Planner, Decision]]) -> pd.DataFrame:
    """Return what each method picks beside the frontier.

    Returns
    -------
    pandas.DataFrame
        Method, status, cost in cores, accuracy under the metric of the frontier, PAS in 0..1, latency in
        seconds, the cost of the cheapest plan on the frontier that is at least as accurate (NaN if none is),
        and the plan. A best effort (status ``infeasible``) breaks the SLA or does not carry the rate.
    """
    rows = []
    for method, (planner, decision) in decisions.items():
        plan = decision.plan
        accuracy = plan.accuracy(planner.pipeline, found.problem.objective.metric)
        cheapest = found.cheapest_with(accuracy)
        rows.append(
            {
                "method": method,
                "status": decision.status.value,
                "cost_cores": plan.cost_cores,
                "accuracy": accuracy,
                "pas": plan.accuracy(planner.pipeline),
                "latency_s": plan.latency_s(planner.pipeline),
                "cheapest_as_accurate_cores": cheapest.cost_cores if cheapest else math.nan,
                "plan": plan_line(plan),
            }
        )
    return pd.DataFrame(rows)


def choice_map(planner: Planner, rates_rps: Sequence[float], slas_s: Sequence[float]) -> pd.DataFrame:
    """Decide for every combination of arrival rate and SLA.

    Parameters
    ----------
    planner
        Decides; its own SLA is replaced.
    rates_rps
        Arrival rates in requests per second.
    slas_s
        End-to-end SLAs in seconds.

    Returns
    -------
    pandas.DataFrame
        One row per rate, SLA and stage: whether a plan exists, cost in cores and PAS in 0..1 of the plan
        (NaN if there is none), and variant, batch size and replicas of the stage (empty and 0 if none).
    """
    rows = []
    for rate_rps in rates_rps:
        problem = planner.problem(rate_rps)
        for sla_s in slas_s:
            decision = solve(replace(problem, sla_s=sla_s), planner.solver, planner.deadline_s)
            feasible = decision.status is not Status.INFEASIBLE
            plan = decision.plan
            pas = plan.accuracy(planner.pipeline)
            rows += [
                {
                    "rate_rps": rate_rps,
                    "sla_s": sla_s,
                    "stage": chosen.stage,
                    "feasible": feasible,
                    "cost_cores": plan.cost_cores if feasible else math.nan,
                    "pas": pas if feasible else math.nan,
                    "variant": chosen.variant if feasible else "",
                    "batch": chosen.batch if feasible else 0,
                    "replicas": chosen.replicas if feasible else 0,
                }
                for chosen in plan.stages
            ]
    return pd.DataFrame(rows)


def simulated_frontier(
    found: Frontier, pipeline: Pipeline, arrivals_s: ArrayLike, settings: SimulationSettings
) -> pd.DataFrame:
    """Simulate every plan of a frontier that some weights choose, each under the same requests.

    Parameters
    ----------
    found
        The frontier.
    pipeline
        The pipeline it belongs to, a chain or a graph.
    arrivals_s
        Arrival times in seconds, ascending, shape (n,).
    settings
        Assumptions of the simulation.

    Returns
    -------
    pandas.DataFrame
        Per plan: cost in cores, PAS in 0..1, the latency that the decision budgeted, mean and p99 of the
        simulated latency in seconds, the share of requests not answered within the SLA, and the plan.
    """
    rows = []
    for point in found.supported:
        records = simulate_graph(pipeline, point.plan, arrivals_s, settings)
        rows.append(
            {
                "cost_cores": point.cost_cores,
                "pas": point.plan.accuracy(pipeline),
                "budgeted_s": point.latency_s,
                "mean_s": float(np.nanmean(records.latency_s)),
                "p99_s": float(np.nanquantile(records.latency_s, 0.99)),
                "violation_share": records.violation_share(found.problem.sla_s),
                "plan": plan_line(point.plan),
            }
        )
    return pd.DataFrame(rows)


def rate_bands(choices: pd.DataFrame) -> pd.DataFrame:
    """Return the ranges of arrival rates within which the variants stay the same, at one SLA.

    Parameters
    ----------
    choices
        Rows of ``choice_map`` for a single SLA.

    Returns
    -------
    pandas.DataFrame
        Per range, in ascending order: first and last rate, variants (``none`` where no plan exists), least
        and largest cost in cores, and PAS times 100.
    """
    plans = choices.groupby("rate_rps").agg(
        variants=("variant", " + ".join), cost_cores=("cost_cores", "first"), pas=("pas", "first"),
        feasible=("feasible", "first"),
    ).reset_index()  # fmt: skip
    plans["variants"] = plans["variants"].where(plans["feasible"], "none")
    band = (plans["variants"] != plans["variants"].shift()).cumsum()
    table = plans.groupby(band).agg(
        from_rps=("rate_rps", "first"), to_rps=("rate_rps", "last"), variants=("variants", "first"),
        least_cores=("cost_cores", "min"), most_cores=("cost_cores", "max"), pas=("pas", "first"),
    )  # fmt: skip
    return table.assign(pas=(100 * table["pas"]).round(2)).reset_index(drop=True)


def sla_range_s(pipeline: Pipeline, count: int, headroom: float = 1.5) -> list[float]:
    """Return SLAs in equal ratios around what decides: from below the fastest plan to above the own SLA.

    Parameters
    ----------
    pipeline
        Its fastest variants at batch size 1 give the lower end.
    count
        How many.
    headroom
        The upper end as a multiple of the pipeline's own SLA.
    """
    fastest = pipeline.slowest_path_s(
        {s.name: min(v.profile.at(1).latency_p99_s for v in s.choices) for s in pipeline.stages}
    )
    return [float(s) for s in np.geomspace(0.8 * fastest, max(headroom * pipeline.sla_s, 2 * fastest), count)]
