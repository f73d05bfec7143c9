"""``ipa up``: a live pipeline on this machine."""

import re
from pathlib import Path
from typing import Annotated

import typer

from ipa import limits
from ipa.cli.adapt_loop import check_live
from ipa.cli.how_to_call import described_inputs, with_client, with_curl
from ipa.cli.live_session import LiveSession
from ipa.cli.messages import tell
from ipa.cli.options import (
    DEFAULT_SOLVER,
    NAMED_PIPELINES,
    AlphaOption,
    BetaOption,
    EditionOption,
    MaxCoresOption,
    MaxReplicasOption,
    MethodOption,
    MetricOption,
    ReplicasOption,
    SeedOption,
    SlaOption,
    SolverOption,
    VariantsOption,
    within,
)
from ipa.cli.output import print_table
from ipa.cli.parse import names, whole_numbers
from ipa.cli.plan_file import read_plan
from ipa.cli.run import DropMultipleOption, DropOption, ForecasterOption, IntervalOption, ServiceOption
from ipa.cli.serving_options import CoreLimitOption, QueueLimitOption, SourceOption, StartUpOption
from ipa.errors import InvalidValueError, LivePipelineError
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.local.folder import LiveFolder, find_folder, live_root, running_names
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.remote import RemotePlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.platforms.local.wire import About

PipelineArgument = Annotated[
    str | None,
    typer.Argument(metavar="PIPELINE", help=f"{NAMED_PIPELINES}, or a YAML file of your own."),
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Name of this live pipeline; that of the pipeline by default.")
]
RateOption = Annotated[
    float,
    typer.Option("--rate", "-r", callback=within(limits.LOAD_RATE_RPS), help="Requests/s to start for."),
]
PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", help="Plan to start with instead, as ipa solve --json prints it.", metavar="FILE"),
]
AdaptOption = Annotated[bool, typer.Option("--adapt", help="Adapt it to its load from the start.")]
ListOption = Annotated[bool, typer.Option("--list", help="List the live pipelines that run, and end.")]
StopOption = Annotated[
    str | None, typer.Option("--stop", help="Let a live pipeline drain and stop, and end.", metavar="NAME")
]


def up_command(
    pipeline: PipelineArgument = None,
    rate_rps: RateOption = 10.0,
    plan: PlanOption = None,
    adapt: AdaptOption = False,
    name: NameOption = None,
    list_running: ListOption = False,
    stop: StopOption = None,
    source: SourceOption = None,
    service: ServiceOption = "lognormal",
    emulate_start_up: StartUpOption = None,
    queue_limit: QueueLimitOption = None,
    core_limit: CoreLimitOption = None,
    method: MethodOption = "ipa",
    edition: EditionOption = "corrected",
    solver: SolverOption = DEFAULT_SOLVER,
    forecaster: ForecasterOption = None,
    interval_s: IntervalOption = None,
    alpha: AlphaOption = None,
    beta: BetaOption = None,
    metric: MetricOption = None,
    sla_s: SlaOption = None,
    max_replicas: MaxReplicasOption = None,
    max_cores: MaxCoresOption = None,
    replicas: ReplicasOption = None,
    variants: VariantsOption = None,
    drop: DropOption = "edition",
    drop_multiple: DropMultipleOption = 1.0,
    seed: SeedOption = 0,
) -> None:
    """Serve a pipeline by processes on this machine until Ctrl-C, and say how to call it.

    The first Ctrl-C lets the requests in flight end, a second one ends everything at once. `ipa adapt` in
    another terminal adapts it to its load, as --adapt does here.

    \b
    Examples:
      ipa up video
      ipa up video --adapt --rate 20
      ipa up my-pipeline.yaml --plan plan.json --name mine
      ipa up --list
      ipa up --stop video
    """
    if list_running:
        _list()
    elif stop is not None:
        RemotePlatform(find_folder(stop)).stop()
        typer.echo(f"{stop} drains and stops")
    elif pipeline is None:
        raise InvalidValueError("name a pipeline: ipa up PIPELINE, for example ipa up video")
    else:
        asked = {
            "source": source,
            "service": service,
            "emulate_start_up": emulate_start_up,
            "queue_limit": queue_limit,
            "core_limit": core_limit,
        }
        settings = LocalSettings(**{key: value for key, value in asked.items() if value is not None})  # type: ignore[arg-type]
        spec = RunSpec(
            pipeline=pipeline,
            method=method,
            edition=edition,
            solver=solver,
            forecaster=forecaster,
            interval_s=interval_s,
            alpha=alpha,
            beta=beta,
            metric=metric,
            sla_s=sla_s,
            max_replicas=max_replicas,
            max_cores=max_cores,
            replicas=whole_numbers(replicas),
            variants=names(variants),
            drop=drop,
            drop_multiple=drop_multiple,
            seed=seed,
            platform="local",
            platform_settings=settings,
        )
        check_live(spec)
        _serve(spec, settings, _first_plan(spec, plan, rate_rps), name, adapts=adapt)


def _serve(spec: RunSpec, settings: LocalSettings, plan: Plan, name: str | None, *, adapts: bool) -> None:
    if name == "":
        raise InvalidValueError("--name is empty; leave it out for the name of the pipeline")
    parameters = spec.parameters()
    own_name = re.sub(r"[^A-Za-z0-9._-]+", "-", parameters.pipeline.name)[:40]
    platform = LocalPlatform(settings, spec.conditions(parameters), name=name or own_name)
    LiveSession(spec, platform, adapts=adapts).serve(
        plan, lambda about, served: _announce(about, served, platform)
    )


def _first_plan(spec: RunSpec, file: Path | None, rate_rps: float) -> Plan:
    if file is not None:
        return read_plan(file)
    decision = planner_for(spec).decide(rate_rps)
    if decision.why:
        tell(f"note: {decision.why}")
    return decision.plan


def _announce(about: About, pipeline: Pipeline, platform: LocalPlatform) -> None:
    model, grpc = pipeline.name, f"127.0.0.1:{about.grpc_port}"
    inputs = described_inputs(about, model)
    typer.echo(
        f"{about.name} is up: gRPC {grpc}, REST http://127.0.0.1:{about.http_port}, {about.source} weights;"
        f" logs in {platform.deployment.folder.logs}\n\n"
        f"With curl:\n\n{with_curl(about, model, inputs)}\n\n"
        f"With a V2 client (pip install 'tritonclient[grpc]'):\n\n{with_client(about, model, inputs)}\n\n"
        "With a load of real payloads, and with an adapter, from another terminal:\n\n"
        f"ipa load {grpc} --model {model} --rate 10 --duration 30\nipa adapt {about.name}\n"
    )


def _list() -> None:
    found = [_listed(name) for name in running_names()]
    if found:
        print_table(found)
    else:
        typer.echo("no live pipeline runs")


def _listed(name: str) -> dict[str, str]:
    try:
        about = RemotePlatform(LiveFolder(live_root() / name, name)).about
    except LivePipelineError as error:
        # One that is starting, or hangs, does not hide the others.
        return dict.fromkeys(("name", "pipeline", "weights", "gRPC", "REST", "adapts itself"), "") | {
            "name": name,
            "pipeline": str(error),
        }
    return {
        "name": about.name,
        "pipeline": about.pipeline,
        "weights": about.source,
        "gRPC": f"127.0.0.1:{about.grpc_port}",
        "REST": f"http://127.0.0.1:{about.http_port}",
        "adapts itself": "yes" if about.adapts else "no",
    }
