"""Claims that are checked by solving the decision problem again."""

from collections.abc import Iterator
from dataclasses import replace

from ipa.experiments.editions import RunParameters
from ipa.experiments.spec import RunSpec
from ipa.optimizer.build import build_problem
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.optimizer.random_problems import ALPHA, random_problem, scaled_pipeline
from ipa.optimizer.solve import solve
from ipa.paper import PAPER_PIPELINES
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.plan import Plan
from ipa.report.claims.check import CHECKS, Finding, own
from ipa.report.claims.compare import grade
from ipa.report.claims.evidence import Evidence

LOADS_RPS = range(1, 60)
"""Loads that all published decisions lie within (data/paper/README.md, trap 2)."""


def _planner(parameters: RunParameters) -> Planner:
    return Planner(
        parameters.pipeline,
        parameters.objective,
        parameters.constraints,
        parameters.method,
        parameters.method_settings,
    )


def _shape(plan: Plan) -> tuple[tuple[str, int, int], ...]:
    return tuple((stage.variant, stage.batch, stage.replicas) for stage in plan.stages)


def _changes(one: Planner, other: Planner, loads_rps: range) -> int:
    """Count the loads at which two planners decide differently."""
    return sum(_shape(one.decide(rate).plan) != _shape(other.decide(rate).plan) for rate in loads_rps)


def _distinct_runs(evidence: Evidence) -> Iterator[RunParameters]:
    """Yield the parameters of every published v3 run, once per distinct set."""
    runs = evidence.table("runs")
    seen = set()
    for row in runs[runs["edition"] == "v3"].itertuples():
        parameters = RunSpec(
            str(row.pipeline), str(row.workload), str(row.method), edition="as-published"
        ).parameters()
        key = (parameters.pipeline, parameters.objective, parameters.constraints, parameters.method_settings)
        if key not in seen:
            seen.add(key)
            yield parameters


@CHECKS.named("C11")
def decides_ten_by_ten(evidence: Evidence) -> Finding:
    """Solve 10 stages with 10 variants each: clones as in the paper at 10 rates, and 10 random problems."""
    cloned = scaled_pipeline(load_pipeline("video"), stages=10, variants=10)
    objective = Objective(METRICS["rank-sum"], alpha=ALPHA)
    problems = [build_problem(cloned, rate, objective, Constraints()) for rate in range(4, 44, 4)]
    problems += [random_problem(seed, stages=10, variants=10, batches=7) for seed in range(10)]
    times_s = [solve(problem, "exact").solve_s for problem in problems]
    limit_s = evidence.claim("C11").claimed["seconds"]
    fast = max(times_s) <= limit_s
    return own(
        f"the exact solver needs less than {limit_s:g} s for each of 20 problems of 10 × 10 variants"
        if fast
        else f"slowest of 20 problems: {max(times_s):.1f} s",
        seconds=max(times_s),
    )


@CHECKS.named("C12")
def decides_within_a_second(evidence: Evidence) -> Finding:
    """Solve the five pipelines with all batch sizes."""
    slowest_s = max(
        _planner(RunSpec(pipeline).parameters()).decide(rate).solve_s
        for pipeline in PAPER_PIPELINES
        for rate in (1, 10, 30)
    )
    limit_s = evidence.claim("C12").claimed["seconds"]
    fast = slowest_s <= limit_s
    return own(
        f"the exact solver decides all five pipelines in less than {limit_s:g} s"
        if fast
        else f"slowest: {slowest_s:.1f} s",
        seconds=slowest_s,
    )


@CHECKS.named("C27")
def sla_binds(evidence: Evidence) -> Finding:
    """Solve every published run at every load with and without the SLA."""
    changed = total = 0
    for parameters in _distinct_runs(evidence):
        planner = _planner(parameters)
        free = _planner(replace(parameters, constraints=replace(parameters.constraints, sla_s=1e9)))
        total += len(LOADS_RPS)
        changed += _changes(planner, free, LOADS_RPS)
    return Finding(
        grade(changed > 0),
        f"without the SLA, {changed} of {total} decisions (loads 1 to 59 rps) change",
        {"changed": changed},
    )


@CHECKS.named("C30")
def batching_matters(evidence: Evidence) -> Finding:
    """Solve the video pipeline with and without batches above 1."""
    parameters = RunSpec("video", "bursty", "ipa", edition="as-published").parameters()
    single = _planner(replace(parameters, constraints=replace(parameters.constraints, batch_sizes=(1,))))
    batched = _planner(parameters)
    loads = range(1, 41)
    changed = _changes(single, batched, loads)
    caps = evidence.table("runs").groupby("pipeline")["batching_cap"].unique()
    unbatched = [name for name in PAPER_PIPELINES if list(caps[name]) == ["1"]]
    return Finding(
        grade(changed > 0 and not unbatched, partly=changed > 0),
        f"video: batch sizes 2 and 8 change the plan at {changed} of {len(loads)} loads;"
        f" run with batch size 1 only: {', '.join(unbatched) or 'no pipeline'}",
        {"changed_share": changed / len(loads), "unbatched_pipelines": len(unbatched)},
    )


@CHECKS.named("C31")
def pas_is_the_objective(evidence: Evidence) -> Finding:
    """Solve the runs that maximised a product of ranks with PAS instead."""
    changed = total = 0
    others = set()
    for parameters in _distinct_runs(evidence):
        if parameters.objective.metric.name == "pas":
            continue
        others.add(parameters.pipeline.name)
        ranked = _planner(parameters)
        raw = _planner(replace(parameters, objective=replace(parameters.objective, metric=METRICS["pas"])))
        total += len(LOADS_RPS)
        changed += _changes(ranked, raw, LOADS_RPS)
    return Finding(
        grade(changed == 0, partly=len(others) < len(PAPER_PIPELINES) / 2),
        f"{len(others)} pipelines maximise a product of ranks; maximising PAS instead changes"
        f" {changed} of {total} decisions",
        {"pipelines_with_another_objective": len(others)},
    )


@CHECKS.named("C33")
def decisions_are_optimal(evidence: Evidence) -> Finding:
    """Solve every published run at every third load exactly and by trying every combination."""
    same = total = 0
    for parameters in _distinct_runs(evidence):
        planner = _planner(parameters)
        for rate in LOADS_RPS[::3]:
            problem = planner.problem(rate)
            total += 1
            same += solve(problem, "exact").plan == solve(problem, "brute-force").plan
    return own(
        f"the exact solver and brute force choose the same plan in {same} of {total} published problems",
        different_plans=total - same,
    )
