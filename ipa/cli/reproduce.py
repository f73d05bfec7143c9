"""``ipa reproduce``: every figure and the claims table."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from ipa.cli.kubernetes_options import (
    ContextOption,
    ImageOption,
    KubeconfigOption,
    NamespaceOption,
    PullPolicyOption,
    given_settings,
    settings_of,
)
from ipa.cli.messages import messages
from ipa.cli.options import DEFAULT_RESULTS, JobsOption, ResultsOption, SeedOption, SeedsOption, TraceOption
from ipa.cli.outcome import exit_unless_succeeded, print_outcome
from ipa.cli.output import default_jobs, print_table, progress_bar
from ipa.platforms.kubernetes.settings import KubernetesSettings
from ipa.report import cluster_stages
from ipa.report.claims import read_claims_table
from ipa.report.reproduce import QUICK, TARGETS, required_runs, run_notebooks
from ipa.results.intervals import SEEDS
from ipa.results.run_folders import check_writable


def reproduce_command(
    quick: Annotated[
        bool, typer.Option("--quick", help=f"Only {' and '.join(QUICK)}: one pipeline, every part once.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help=f"Only this: {', '.join(TARGETS)}. May be repeated.", metavar="NAME"),
    ] = None,
    jobs: JobsOption = None,
    trace: TraceOption = "auto",
    seed: SeedOption = 0,
    seeds: SeedsOption = SEEDS,
    results: ResultsOption = DEFAULT_RESULTS,
    force: Annotated[bool, typer.Option("--force", help="Make everything anew.")] = False,
    fresh_timings: Annotated[
        bool, typer.Option("--fresh-timings", help="Measure decision times again instead of keeping them.")
    ] = False,
    platform: Annotated[
        Literal["simulated", "kubernetes"],
        typer.Option(
            "--platform",
            help="kubernetes: first profile, adapt and serve in a cluster, by the same notebooks.",
        ),
    ] = "simulated",
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
) -> None:
    """Run the experiments, execute the notebooks, save the figures and check the claims.

    Ends with a line per claim: expected, found, PASS, FAIL or DIFFERS AS DOCUMENTED; exits with 1 if one
    fails or was not run. What is complete and unchanged is not run again; an interrupted call goes on where
    it stopped.

    With --platform kubernetes the video pipeline is profiled in a cluster, adapted there with that profile,
    served under load and held against its simulation, stage after stage; then come the figures and claims as
    always. With --quick, only a short profile and a short adaptation, and no figures.

    \b
    Examples:
      ipa reproduce
      ipa reproduce --quick
      ipa reproduce --only figure-10 --only claims --jobs 1
      ipa reproduce --platform kubernetes --namespace demo --image ipa:latest
    """
    started_s = time.monotonic()
    in_cluster = given_settings(
        namespace=namespace,
        image=image,
        pull_policy=pull_policy,
        context=context,
        kubeconfig=kubeconfig,
    )
    settings = settings_of(platform, in_cluster)
    check_writable(results)
    if settings is not None:
        _reproduce_in_cluster(settings, in_cluster, results, seed, quick=quick, force=force)
        if quick:
            return
    targets = [TARGETS[name] for name in only or (QUICK if quick else TARGETS)]
    jobs = jobs or default_jobs()
    with progress_bar("experiments") as show:
        report = required_runs(targets, trace, seed, seeds).run(results, jobs, show, force=force)
    messages.print(f"experiments: {report.ran} run, {report.reused} kept", highlight=False)
    with progress_bar("notebooks") as show:
        made = run_notebooks(
            targets,
            results,
            trace=trace,
            seed=seed,
            seeds=seeds,
            jobs=jobs,
            progress=show,
            force=force,
            fresh_timings=fresh_timings,
        )
    messages.print(
        f"notebooks: {len(made.executed)} executed, {len(targets) - len(made.executed)} kept",
        highlight=False,
    )
    print_table(
        [
            {"made": target.name, "notebook": str(path)}
            for target, path in zip(targets, made.notebooks, strict=True)
        ]
    )
    typer.echo(f"\nfigures: {results / 'figures'}")
    table = None
    if any(target.name == "claims" for target in targets):
        table = read_claims_table(results)
        print_outcome(table)
    messages.print(f"took {time.monotonic() - started_s:.0f} s", highlight=False)
    if table is not None:
        exit_unless_succeeded(table)


def _reproduce_in_cluster(
    settings: KubernetesSettings,
    given: dict[str, str],
    results: Path,
    seed: int,
    *,
    quick: bool,
    force: bool,
) -> None:
    """Run the stages that need the cluster, one at a time."""
    version = cluster_stages.check_cluster(settings)
    messages.print(f"cluster: Kubernetes {version}", highlight=False)
    extent = cluster_stages.QUICK if quick else cluster_stages.WHOLE
    targets = cluster_stages.cluster_targets(extent, given, results)
    rows = []
    with progress_bar("stages") as show:
        for number, target in enumerate(targets):
            show(number, len(targets), target.name)
            made = run_notebooks(
                [target],
                results,
                trace="synthetic",
                seed=seed,
                seeds=1,
                jobs=1,
                progress=lambda *_: None,
                force=force,
            )
            rows.append({"made": target.name, "notebook": str(made.notebooks[0])})
        show(len(targets), len(targets), "")
    print_table(rows)
