"""``ipa frontier``: the whole trade-off of accuracy and cost at an arrival rate."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ipa.cli.messages import messages
from ipa.cli.options import (
    DEFAULT_RESULTS,
    EXIT_INFEASIBLE,
    EditionOption,
    JsonOption,
    MaxCoresOption,
    MaxReplicasOption,
    MetricOption,
    PipelineOption,
    RateOption,
    ResultsOption,
    SlaOption,
    WorkloadOption,
)
from ipa.cli.output import print_json, print_table
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.optimizer.decision import Decision
from ipa.optimizer.frontier import Frontier, frontier
from ipa.optimizer.planner import Planner
from ipa.optimizer.reasons import why_infeasible
from ipa.pipeline.accuracy import MEASURED
from ipa.studies.tradeoffs import frontier_table, method_decisions, method_table
from ipa.workload import check_workload


def frontier_command(
    rate_rps: RateOption,
    pipeline: PipelineOption = "video",
    edition: EditionOption = "corrected",
    workload: WorkloadOption = "bursty",
    metric: MetricOption = None,
    sla_s: SlaOption = None,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    figure: Annotated[
        bool, typer.Option("--figure", help="Also draw it, into figures/ of the results folder.")
    ] = False,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """List every plan within the limits that no cheaper plan matches in accuracy, and who chooses it.

    The weights alpha and beta of a decision matter only through alpha/beta: each plan is chosen by one
    interval of it, or by none. Methods are shown beside it; in the as-published editions they had settings
    of their own, which also differ between workloads, and may lie off the frontier. Exits with 1 if no plan
    carries the rate within the SLA and the other limits.

    \b
    Examples:
      ipa frontier --pipeline video --rate 20
      ipa frontier --pipeline nlp --rate 12 --sla 3 --figure
      ipa frontier --pipeline my-pipeline.yaml --rate 5 --json
    """
    check_workload(workload)
    spec = RunSpec(
        pipeline=pipeline,
        workload=workload,
        edition=edition,
        metric=metric,
        sla_s=sla_s,
        max_replicas=max_replicas,
        max_cores=max_cores,
    )
    planner = planner_for(spec)
    problem = planner.problem(rate_rps)
    started = time.perf_counter()
    found = frontier(problem)
    solve_ms = 1000 * (time.perf_counter() - started)
    decisions = method_decisions(spec, rate_rps)
    if as_json:
        print_json(frontier_report(planner, found, decisions) | {"solve_ms": round(solve_ms, 3)})
    else:
        _print(planner, found, decisions, solve_ms)
    if figure and found.points:
        for file in _drawn(planner, found, decisions, spec, results):
            messages.print(f"figure: {file}", highlight=False, soft_wrap=True)
    if not found.points:
        raise typer.Exit(EXIT_INFEASIBLE)


def frontier_report(
    planner: Planner, found: Frontier, decisions: dict[str, tuple[Planner, Decision]]
) -> dict[str, Any]:
    """Return a frontier as plain values; the keys are those of ``ipa frontier --json``.

    ``alpha_per_beta`` is the interval of α/β that chooses a plan: null if none does; an upper end of null is
    infinity.
    """
    return {
        "pipeline": planner.pipeline.name,
        "rate_rps": found.problem.rate_rps,
        "sla_s": found.problem.sla_s,
        "max_cores": found.problem.max_cores,
        "accuracy_metric": found.problem.objective.metric.name,
        "why": "" if found.points else why_infeasible(found.problem),
        "points": [
            {
                "cost_cores": point.cost_cores,
                "accuracy": point.accuracy,
                "pas": point.plan.accuracy(planner.pipeline),
                "latency_s": round(point.latency_s, 6),
                "alpha_per_beta": list(point.ratios) if point.ratios else None,
                "stages": [asdict(stage) for stage in point.plan.stages],
            }
            for point in found.points
        ],
        "methods": method_table(found, decisions).to_dict("records"),
    }


def _print(
    planner: Planner,
    found: Frontier,
    decisions: dict[str, tuple[Planner, Decision]],
    solve_ms: float,
) -> None:
    problem = found.problem
    if found.points:
        table = frontier_table(found, planner.pipeline)
        print_table(_readable(table.to_dict("records"), problem.objective.metric.name))
        typer.echo("")
    print_table(_readable(method_table(found, decisions).to_dict("records"), problem.objective.metric.name))
    typer.echo(
        f"\n{len(found.points)} plans on the frontier, {len(found.supported)} of them chosen by some"
        f" alpha/beta; {problem.rate_rps:g} requests/s within {problem.sla_s:g} s ({solve_ms:.1f} ms)"
    )
    weights = problem.objective
    if found.points and weights.beta > 0:
        chosen = found.at(weights.alpha, weights.beta)
        typer.echo(
            f"the edition's weights {weights.alpha:g}/{weights.beta:g} choose the plan of"
            f" {chosen.cost_cores} cores"
        )
    if not found.points:
        why = why_infeasible(problem)
        messages.print(
            f"{why[0].upper()}{why[1:]}.\nThe methods show their best effort.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _readable(rows: list[dict[Any, Any]], metric: str) -> list[dict[str, Any]]:
    """Return rows as people read them: PAS times 100, one column for α/β, no second accuracy under PAS."""
    shown = []
    for row in rows:
        new = dict(row)
        accuracy = new.pop("accuracy")
        new["PAS × 100"] = round(100 * new.pop("pas"), 2)
        if metric == MEASURED.name:
            new["measured × 100"] = round(100 * accuracy, 2)
        elif metric != "pas":
            new[metric.replace("-", "_")] = accuracy
        if "supported" in new:
            low, high, supported = new.pop("ratio_from"), new.pop("ratio_to"), new.pop("supported")
            new["alpha/beta"] = f"{low:.4g} to {high:.4g}" if supported else "none"
        new["plan"] = new.pop("plan")
        shown.append(new)
    return shown


def _drawn(
    planner: Planner,
    found: Frontier,
    decisions: dict[str, tuple[Planner, Decision]],
    spec: RunSpec,
    results: Path,
) -> list[Path]:
    from ipa import figures

    name = Path(spec.pipeline).stem
    asked = found.problem
    caption = f"edition {spec.edition}  ·  {asked.rate_rps:g} requests/s  ·  SLA {asked.sla_s:.2f} s"
    for limit, value in (("replicas", spec.max_replicas), ("cores", spec.max_cores)):
        if value is not None:
            caption += f"  ·  at most {value} {limit}"
    if spec.edition != "corrected":
        caption += "  ·  the other methods had settings of their own and may lie off the frontier"
    drawn = figures.draw_frontier(
        frontier_table(found, planner.pipeline),
        method_table(found, decisions),
        f"{planner.pipeline.title or name}: the frontier",
        found.problem.objective.metric.name,
        caption,
    )
    given: dict[str, object] = {
        "sla_s": spec.sla_s,
        "max_replicas": spec.max_replicas,
        "max_cores": spec.max_cores,
    }
    changed: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if spec.edition != "corrected":
        changed = {"workload": spec.workload, **changed}
    subject = f"frontier-{figures.safe_name(spec.pipeline)}-{spec.edition}-{asked.rate_rps:g}rps"
    return figures.save_figure(drawn, results, figures.file_name(subject, None, changed))
