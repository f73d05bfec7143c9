"""``ipa profile``: measure the variants of a pipeline on this machine, or in a cluster."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ipa.cli.kubernetes_options import (
    ContextOption,
    ImageOption,
    KubeconfigOption,
    ModelsClaimOption,
    NamespaceOption,
    PullPolicyOption,
    given_settings,
    settings_of,
)
from ipa.cli.messages import tell
from ipa.cli.options import NAMED_PIPELINES, ForceOption, JsonOption, SeedOption
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.cli.parse import seconds, share, whole_numbers
from ipa.profiler.hosts import HOSTS
from ipa.profiler.precision import StoppingRule
from ipa.profiler.profile import ProfileReport, profile_pipeline
from ipa.profiler.summary import allocation_rows, point_rows
from ipa.profiler.target import BATCHES, EMULATED, LOCAL, Wanted
from ipa.serving.replica import Source

EXIT_FAILED = 1

DEFAULT_OUT = Path("results") / "profiles"


def profile_command(
    pipeline: Annotated[
        str,
        typer.Argument(help=f"{NAMED_PIPELINES}, or a YAML file, whose profiles need not exist yet."),
    ],
    platform: Annotated[
        str, typer.Option("--platform", help="Where the replicas run: " + ", ".join(HOSTS) + ".")
    ] = "local",
    source: Annotated[Source, typer.Option(help="Where the weights come from.")] = EMULATED,
    stage: Annotated[list[str] | None, typer.Option("--stage", help="All by default; repeatable.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="All by default; repeatable.")
    ] = None,
    cores: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Cores of a replica; the base allocations by default."),
    ] = None,
    batches: Annotated[str, typer.Option(metavar="N,N,...", help="Batch sizes, 1 among them.")] = ",".join(
        map(str, BATCHES)
    ),
    budget: Annotated[
        str, typer.Option(help="Time after which a point is finished, for example 90s or 10m.")
    ] = "1m",
    precision: Annotated[
        str,
        typer.Option(help="Half the width of the p99's interval over the p99 at which a point is finished."),
    ] = "5%",
    threshold: Annotated[
        float, typer.Option(help="Requests per second that a base allocation has to sustain (Eq. 1).")
    ] = 1.0,
    payload: Annotated[
        str,
        typer.Option(help="What requests carry; what fits the model of the first stage by default."),
    ] = "",
    seed: SeedOption = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder for the files; {DEFAULT_OUT}/PIPELINE-SOURCE by default."),
    ] = None,
    force: ForceOption = False,
    redo_disturbed: Annotated[
        bool, typer.Option("--redo-disturbed", help="Measure points again that other load disturbed.")
    ] = False,
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    models_claim: ModelsClaimOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the variants of a pipeline, one replica at a time, and write a profile and a pipeline file.

    A batch follows the other until the 95 % interval of its p99 (order statistics) is tight enough or the
    budget of the point is spent. A profiling that was interrupted goes on where it stopped. On Kubernetes
    every replica is a pod with as many cores, all on one node, called directly.

    \b
    Examples:
      ipa profile video --stage object-detection --variant yolov5n
      ipa profile my-pipeline.yaml --source pretrained --cores 1,2,4 --batches 1,2,4,8,16
      ipa profile video --platform kubernetes --namespace demo --image ipa:latest --budget 20s
      ipa run -p results/profiles/video-emulated/video.yaml
    """
    in_cluster = given_settings(
        namespace=namespace,
        image=image,
        pull_policy=pull_policy,
        context=context,
        kubeconfig=kubeconfig,
        models_claim=models_claim,
    )
    wanted = Wanted(
        pipeline,
        source=source,
        stages=tuple(stage or ()),
        variants=tuple(variant or ()),
        cores=whole_numbers(cores) or (),
        batches=whole_numbers(batches) or (),
        rule=StoppingRule(precision=share(precision), budget_s=seconds(budget)),
        threshold_rps=threshold,
        payload=payload,
        seed=seed,
        platform=platform,
        serving=settings_of(platform, in_cluster),
    )
    folder = out or _default_folder(wanted)
    with progress_bar("profile") as show:
        host = HOSTS[platform](wanted, folder)
        report = profile_pipeline(wanted, host, folder, show, force=force, redo_disturbed=redo_disturbed)
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report)
    if report.failures:
        raise typer.Exit(EXIT_FAILED)


def _default_folder(wanted: Wanted) -> Path:
    """Return where the files of a profile go; a cluster is another machine than this one."""
    where = "" if wanted.platform == LOCAL else f"-{wanted.platform}"
    return DEFAULT_OUT / f"{Path(wanted.pipeline).stem}-{wanted.source}{where}"


def _print(report: ProfileReport) -> None:
    if report.points:
        print_table(point_rows(report.points), title="measured, 95 % intervals of the p99")
        typer.echo("")
    if report.allocations:
        print_table(allocation_rows(report), title="p99 = αb² + βb + γ (ms), base allocations, SLAs")
        typer.echo("")
    for name, problem in report.failures.items():
        tell(f"failed: {name}: {problem}")
    for missing in report.missing:
        tell(f"no pipeline file yet: {missing}")
    if disturbed := sum(bool(point.notes) for point in report.points):
        tell(
            f"{disturbed} of {len(report.points)} points were disturbed, their column says by what; measure"
            " them again with --redo-disturbed"
        )
    typer.echo(f"{len(report.measured)} points measured, {len(report.points) - len(report.measured)} kept")
    if report.points:
        typer.echo(str(report.files.table if report.missing else report.files.pipeline))


def _as_json(report: ProfileReport) -> dict[str, Any]:
    return {
        "folder": str(report.files.folder),
        "pipeline_file": None if report.missing else str(report.files.pipeline),
        "measured": len(report.measured),
        "kept": len(report.points) - len(report.measured),
        "stages": {
            stage: {"sla_s": found.sla_s, "base_cores": dict(found.cores)}
            for stage, found in report.allocations.items()
        },
        "points": [asdict(point) for point in report.points],
        "failures": dict(report.failures),
        "missing": [str(missing) for missing in report.missing],
    }
