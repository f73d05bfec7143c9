"""``ipa run``: one experiment on one platform."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ipa.cli.kubernetes_options import (
    ContextOption,
    ImageOption,
    KubeconfigOption,
    ModelsClaimOption,
    NamespaceOption,
    PrometheusOption,
    PullPolicyOption,
    ShardsOption,
    given_settings,
)
from ipa.cli.options import (
    DEFAULT_RESULTS,
    DEFAULT_SOLVER,
    AlphaOption,
    BetaOption,
    EditionOption,
    ForceOption,
    GapsOption,
    JsonOption,
    MaxCoresOption,
    MaxReplicasOption,
    MethodOption,
    MetricOption,
    PerMinuteOption,
    PipelineOption,
    ReplicasOption,
    ResultsOption,
    SeedOption,
    SlaOption,
    SolverOption,
    TimestampsOption,
    TraceOption,
    VariantsOption,
    WorkloadOption,
)
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.cli.parse import assignments, cluster_settings, load_format, names, whole_numbers
from ipa.cli.serving_options import (
    CoreLimitOption,
    PayloadOption,
    PayloadSettingOption,
    QueueLimitOption,
    SourceOption,
    StartUpOption,
    TimeoutOption,
)
from ipa.experiments.resolved import resolve
from ipa.experiments.run import RunReport, run_once
from ipa.experiments.spec import RunSpec
from ipa.platforms.registry import PLATFORMS
from ipa.platforms.simulated import SimulatedSettings
from ipa.results.decisions import DecisionRecord
from ipa.results.folder import read_summary
from ipa.simulator import ClusterSettings

SHOWN = {
    "steps": "steps",
    "cost_mean_cores": "cost, cores (mean over steps)",
    "running_mean_cores": "cores really running (mean over time)",
    "pas_mean": "PAS × 100",
    "measured_accuracy_mean": "measured accuracy × 100",
    "rank_sum_mean": "rank-normalised accuracy",
    "requests": "requests",
    "dropped": "dropped",
    "errors": "errors",
    "violation_share": "share of requests not answered within the SLA",
    "violating_seconds_share": "share of seconds whose p99 exceeds the SLA (the paper's violation)",
    "latency_p50_s": "latency p50, s",
    "latency_p99_s": "latency p99, s",
    "plan_changes": "plan changes",
    "changed_steps_share": "share of steps that change the plan",
    "switches_per_hour": "switches per hour",
    "variant_switches_per_hour": "of them of a variant",
    "replica_switches_per_hour": "of them of the replicas",
    "batch_switches_per_hour": "of them of a batch size",
    "held_steps": "steps that held the last plan",
    "pending_steps": "steps whose plan was not in force yet",
    "infeasible_steps": "steps for which no plan was within the limits",
}
"""Measures that the table of ``ipa run`` shows, and how it calls them."""

SHARES_TIMES_100 = ("pas_mean", "measured_accuracy_mean")
RARE = ("measured_accuracy_mean",)
"""Measures that most pipelines do not have, and that are left out then."""

ForecasterOption = Annotated[
    str | None,
    typer.Option(
        help="last, max, mean, linear, ewma-poisson, lstm, mlp, quantile-LEVEL, oracle, near-oracle;"
        " instead of the edition's."
    ),
]
PlatformOption = Annotated[
    str, typer.Option("--platform", help="Where the pipeline runs: " + ", ".join(PLATFORMS) + ".")
]
ArrivalsOption = Annotated[str, typer.Option(help="Arrivals within a second: poisson, uniform, paper-burst.")]
DurationOption = Annotated[
    int | None, typer.Option("--duration", help="Only the first seconds of the workload.")
]
ServiceOption = Annotated[
    Literal["lognormal", "deterministic"], typer.Option("--service", help="How service times vary.")
]
IntervalOption = Annotated[
    float | None, typer.Option("--interval", help="Seconds between decisions, instead of the edition's.")
]
HorizonOption = Annotated[
    int | None, typer.Option("--horizon", help="Seconds that a forecast covers; two intervals by default.")
]
DropOption = Annotated[
    Literal["edition", "none", "sla", "stage-deadline", "admission"],
    typer.Option("--drop", help="When waiting requests are dropped."),
]
DropMultipleOption = Annotated[
    float,
    typer.Option("--drop-multiple", help="SLAs a request may wait, whatever --drop counts."),
]
NetworkOption = Annotated[
    float, typer.Option("--network-delay", help="Seconds into each stage and back to the client.")
]
ClusterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME=VALUE",
        help="What the cluster does, repeatable: " + ", ".join(f.name for f in fields(ClusterSettings)) + ".",
    ),
]


def run_command(
    pipeline: PipelineOption = "video",
    workload: WorkloadOption = "bursty",
    timestamps: TimestampsOption = False,
    per_minute: PerMinuteOption = False,
    gaps: GapsOption = "refuse",
    method: MethodOption = "ipa",
    edition: EditionOption = "corrected",
    trace: TraceOption = "auto",
    seed: SeedOption = 0,
    solver: SolverOption = DEFAULT_SOLVER,
    forecaster: ForecasterOption = None,
    arrivals: ArrivalsOption = "poisson",
    service: ServiceOption = "lognormal",
    duration_s: DurationOption = None,
    interval_s: IntervalOption = None,
    horizon_s: HorizonOption = None,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    drop: DropOption = "edition",
    drop_multiple: DropMultipleOption = 1.0,
    network_delay_s: NetworkOption = 0.0,
    cluster: ClusterOption = None,
    alpha: AlphaOption = None,
    beta: BetaOption = None,
    metric: MetricOption = None,
    sla_s: SlaOption = None,
    replicas: ReplicasOption = None,
    variants: VariantsOption = None,
    platform: PlatformOption = "simulated",
    source: SourceOption = None,
    payload: PayloadOption = None,
    payload_setting: PayloadSettingOption = None,
    queue_limit: QueueLimitOption = None,
    core_limit: CoreLimitOption = None,
    timeout_s: TimeoutOption = None,
    emulate_start_up: StartUpOption = None,
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    models_claim: ModelsClaimOption = None,
    shards: ShardsOption = None,
    prometheus: PrometheusOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one pipeline, workload and method on a platform and write its folder under results/.

    --network-delay and --cluster say what is assumed where it is simulated; --source, --payload,
    --payload-setting, --queue-limit, --core-limit, --timeout and --emulate-start-up how it is really served:
    by processes on this machine (--platform local), or by pods of a cluster (--platform kubernetes).

    \b
    Examples:
      ipa run --pipeline video --workload bursty --method ipa
      ipa run -p sum-qa -w fluctuating --forecaster oracle --alpha 20
      ipa run -p my-pipeline.yaml -w my-load.txt --method fa2-low
      ipa run -w requests.csv.gz --timestamps --duration 600
      ipa run --cluster mean_life_s=600 --cluster switching=stop-start --drop sla
      ipa run --platform local --workload constant-20 --duration 60
      ipa run --platform kubernetes --namespace demo --image ipa:latest --duration 60
    """
    simulated = SimulatedSettings(
        service=service, network_delay_s=network_delay_s, cluster=cluster_settings(cluster)
    )
    served = {
        "source": source,
        "payload": payload,
        "payload_settings": _sorted_pairs(assignments("--payload-setting", payload_setting or ())),
        "queue_limit": queue_limit,
        "core_limit": core_limit,
        "timeout_s": timeout_s,
        "emulate_start_up": emulate_start_up,
    }
    in_cluster = given_settings(
        namespace=namespace,
        image=image,
        pull_policy=pull_policy,
        context=context,
        kubeconfig=kubeconfig,
        models_claim=models_claim,
        shards=shards,
        prometheus=prometheus,
    )
    spec = resolve(
        RunSpec(
            pipeline=pipeline,
            workload=workload,
            method=method,
            edition=edition,
            trace=trace,
            arrivals=arrivals,
            seed=seed,
            solver=solver,
            duration_s=duration_s,
            interval_s=interval_s,
            horizon_s=horizon_s,
            max_replicas=max_replicas,
            max_cores=max_cores,
            drop=drop,
            drop_multiple=drop_multiple,
            load_format=load_format(timestamps, per_minute),
            gaps=gaps,
            forecaster=forecaster,
            alpha=alpha,
            beta=beta,
            metric=metric,
            sla_s=sla_s,
            replicas=whole_numbers(replicas),
            variants=names(variants),
            platform=platform,
        ).with_settings(
            **_given(simulated),
            **{name: value for name, value in served.items() if value is not None},
            **in_cluster,
        )
    )
    if payload is not None:
        from ipa.serving.payloads import PAYLOADS

        # Else it would be known once the pipeline serves.
        PAYLOADS[payload]
    report = _run(spec, results, force=force)
    summary = read_summary(report.folder)
    if as_json:
        print_json({"folder": str(report.folder), "reused": report.reused, **summary})
    else:
        _print_summary(spec, report, summary)


def _run(spec: RunSpec, results: Path, *, force: bool) -> RunReport:
    """Run an experiment, with a bar where it takes its time."""
    if not spec.settings.real_time:
        return run_once(spec, results, force=force)
    duration_s = spec.load().duration_s
    with progress_bar("seconds") as show:

        def watch(record: DecisionRecord) -> None:
            show(int(record.time_s), duration_s, f"step {record.step}: {record.action}")

        show(0, duration_s, "starting")
        return run_once(spec, results, force=force, watch=watch)


def _print_summary(spec: RunSpec, report: RunReport, summary: dict[str, Any]) -> None:
    """Print what a run gave: its measures, then the switches of each stage, then where it lies."""
    shown = {key: label for key, label in SHOWN.items() if summary[key] is not None or key not in RARE}
    print_table([{"measure": label, "value": _shown(key, summary[key])} for key, label in shown.items()])
    by_stage = summary["stage_switches_per_hour"]
    typer.echo("")
    print_table(
        [{"stage": stage, **kinds} for stage, kinds in by_stage.items()],
        title="switches per hour by stage and kind",
    )
    kept = " (complete already and unchanged; --force runs it again)" if report.reused else ""
    typer.echo(f"\n{spec.workload}: {summary['workload_source']} workload, SLA {summary['sla_s']:g} s")
    typer.echo(f"{report.folder}{kept}")


def _given(settings: SimulatedSettings) -> dict[str, object]:
    """Return the settings that differ from their defaults: another platform knows none of them."""
    default = SimulatedSettings()
    return {
        field.name: value
        for field in fields(settings)
        if (value := getattr(settings, field.name)) != getattr(default, field.name)
    }


def _sorted_pairs(given: dict[str, str]) -> tuple[tuple[str, str], ...] | None:
    return tuple(sorted(given.items())) or None


def _shown(measure: str, value: float | None) -> float | None:
    return 100 * value if measure in SHARES_TIMES_100 and value is not None else value
