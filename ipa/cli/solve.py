"""``ipa solve``: one decision."""

import math
from typing import Any

import typer

from ipa.cli.messages import tell
from ipa.cli.options import (
    DEFAULT_SOLVER,
    EXIT_INFEASIBLE,
    AlphaOption,
    BetaOption,
    EditionOption,
    JsonOption,
    MaxCoresOption,
    MaxReplicasOption,
    MethodOption,
    MetricOption,
    PipelineOption,
    RateOption,
    ReplicasOption,
    SlaOption,
    SolverOption,
    VariantsOption,
    WorkloadOption,
)
from ipa.cli.output import measured_text, print_json, print_table
from ipa.cli.parse import names, whole_numbers
from ipa.experiments.resolved import check_fixed, planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import solve
from ipa.optimizer.tolerance import REPLICA_SHARE
from ipa.pipeline.pipeline import Pipeline
from ipa.workload import check_workload


def solve_command(
    rate_rps: RateOption,
    pipeline: PipelineOption = "video",
    method: MethodOption = "ipa",
    solver: SolverOption = DEFAULT_SOLVER,
    edition: EditionOption = "corrected",
    workload: WorkloadOption = "bursty",
    alpha: AlphaOption = None,
    beta: BetaOption = None,
    metric: MetricOption = None,
    sla_s: SlaOption = None,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    replicas: ReplicasOption = None,
    variants: VariantsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide once: the variant, batch size and replicas of every stage at an arrival rate.

    Exits with 1 if no plan carries the rate within the SLA and the other limits; the reason and the best
    effort are shown then. The workload matters only for the as-published editions, whose parameters differ
    between workloads.

    \b
    Examples:
      ipa solve --pipeline video --rate 20
      ipa solve --pipeline nlp --rate 12 --method fa2-high --solver pulp
      ipa solve --pipeline my-pipeline.yaml --rate 5 --sla 2.5 --max-cores 16 --json
    """
    check_workload(workload)
    spec = RunSpec(
        pipeline=pipeline,
        workload=workload,
        method=method,
        edition=edition,
        solver=solver,
        alpha=alpha,
        beta=beta,
        metric=metric,
        sla_s=sla_s,
        max_replicas=max_replicas,
        max_cores=max_cores,
        replicas=whole_numbers(replicas),
        variants=names(variants),
    )
    check_fixed(spec)
    planner = planner_for(spec)
    problem = planner.problem(rate_rps)
    decision = solve(problem, solver)
    report = decision_report(planner.pipeline, problem, decision)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if decision.status is Status.INFEASIBLE:
        raise typer.Exit(EXIT_INFEASIBLE)


def decision_report(pipeline: Pipeline, problem: Problem, decision: Decision) -> dict[str, Any]:
    """Return a decision as plain values; the keys are those that ``ipa solve --json`` documents."""
    plan = decision.plan
    return {
        "pipeline": pipeline.name,
        "rate_rps": problem.rate_rps,
        "status": decision.status.value,
        "solver": decision.solver,
        "solve_ms": round(decision.solve_s * 1000, 3),
        "note": decision.note,
        "why": decision.why,
        "objective": decision.objective,
        "bound": decision.bound,
        "gap": decision.gap,
        "cost_cores": plan.cost_cores,
        "pas": plan.accuracy(pipeline),
        "measured_accuracy": plan.measured_accuracy(pipeline),
        "accuracy_metric": problem.objective.metric.name,
        "latency_s": round(plan.latency_s(pipeline), 6),
        "sla_s": problem.sla_s,
        "max_cores": problem.max_cores,
        "throughput_rps": round(plan.throughput_rps(pipeline), 3),
        "stages": [
            {
                "stage": chosen.stage,
                "variant": chosen.variant,
                "batch": chosen.batch,
                "replicas": chosen.replicas,
                "cores_per_replica": chosen.cores,
                "cost_cores": chosen.cost_cores,
                "batch_wait_s": round(chosen.batch_wait_s, 6),
            }
            for chosen in plan.stages
        ],
    }


def _print_report(report: dict[str, Any]) -> None:
    print_table(report["stages"])
    objective = f", objective {report['objective']:.6g}" if math.isfinite(report["objective"]) else ""
    typer.echo(
        f"\n{report['cost_cores']} cores, PAS × 100 = {100 * report['pas']:.2f}"
        f"{measured_text(report['measured_accuracy'])},"
        f" latency {report['latency_s']:.3f} s of {report['sla_s']:g} s SLA,"
        f" carries {report['throughput_rps']:g} of {report['rate_rps']:g} requests/s"
        f"{objective}\n{_proof(report)} ({report['solver']}, {report['solve_ms']:.2f} ms)"
    )
    for line in (f"note: {report['note']}" if report["note"] else "", _why_infeasible(report)):
        if line:
            tell(line)


def _proof(report: dict[str, Any]) -> str:
    """Return the status and, of a plan that is not proven to be the best, how far it may be from that."""
    if report["status"] == Status.FEASIBLE.value and math.isfinite(report["gap"]):
        return f"{report['status']}: the objective of no plan exceeds {report['bound']:.6g}"
    return str(report["status"])


def _why_infeasible(report: dict[str, Any]) -> str:
    if not report["why"]:
        return ""
    carries = report["throughput_rps"] >= report["rate_rps"] * (1 - REPLICA_SHARE)
    shown = "fastest plan that carries it" if carries else "largest throughput that the limits allow"
    return f"{report['why'][0].upper()}{report['why'][1:]}.\nShown is the {shown}."
