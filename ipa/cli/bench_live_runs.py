"""The commands of ``ipa bench`` that make the live runs which notebooks show."""

from typing import Annotated, Any, Literal

import typer

from ipa import limits
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
from ipa.cli.options import DEFAULT_RESULTS, ForceOption, JsonOption, ResultsOption, SeedOption, within
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.paths import stored_results_dir
from ipa.platforms.kubernetes.serving_settings import PullPolicy
from ipa.results.provenance import environment
from ipa.studies import live_against_simulated, live_runs, live_switch

StoreOption = Annotated[
    bool, typer.Option("--store", help="Keep the runs in results/stored/live, where notebooks read them.")
]
LivePlatformOption = Annotated[
    Literal["local", "kubernetes"],
    typer.Option("--platform", help="Where the pipeline runs: processes of this machine, or a cluster."),
]


def live_command(
    runs: Annotated[int, typer.Option(callback=within(limits.REPETITIONS), help="Runs, a seed each.")] = 5,
    seconds: Annotated[int, typer.Option(min=20, max=live_runs.EXCERPT[2], help="Length of each.")] = (
        live_runs.EXCERPT[2]
    ),
    seed: SeedOption = 0,
    store: StoreOption = False,
    results: ResultsOption = DEFAULT_RESULTS,
    platform: LivePlatformOption = "local",
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the video pipeline live under the rise of the burst, and compare each run with its simulation.

    Runs are kept one by one, and those that are there already are not made again: an interrupted command goes
    on where it stopped. One run takes its length and about 15 s, in a cluster half a minute. Exits with 1 if
    a measure is off.

    \b
    Examples:
      ipa bench live --runs 1 --seconds 30
      ipa bench live --store --force
      ipa bench live --platform kubernetes --namespace demo --image ipa:latest --store
    """
    settings = _checked(platform, namespace, image, pull_policy, context, kubeconfig)
    folder = live_runs.kept_in(stored_results_dir() if store else results, platform)
    seeds = range(seed, seed + runs)
    with progress_bar("live runs") as show:
        pairs = live_runs.keep_runs(
            folder, seeds, seconds, platform=platform, force=force, progress=show, **settings
        )
    table = live_against_simulated.verdicts(live_against_simulated.compare(pairs))
    overheads = live_runs.overheads_table(pairs).reset_index()
    if as_json:
        rows = {"overheads": overheads.to_dict("records"), "rows": table.to_dict("records")}
        print_json({"environment": environment(), "folder": str(folder), **rows})
    else:
        print_table(overheads, title="what the simulator was told")
        typer.echo("")
        print_table(table)
        messages.print(f"{len(pairs)} live runs in {folder}", highlight=False)
    if (table["verdict"] == "off").any():
        raise typer.Exit(1)


def switch_command(
    seed: SeedOption = 0,
    store: StoreOption = False,
    results: ResultsOption = DEFAULT_RESULTS,
    platform: LivePlatformOption = "local",
    namespace: NamespaceOption = None,
    image: ImageOption = None,
    pull_policy: PullPolicyOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the plan of a live pipeline twice under load, and tell how long each change took.

    It takes half a minute, in a cluster a minute and a half.

    \b
    Examples:
      ipa bench switch
      ipa bench switch --store
      ipa bench switch --platform kubernetes --namespace demo --image ipa:latest
    """
    settings = _checked(platform, namespace, image, pull_policy, context, kubeconfig)
    folder = live_switch.kept_in(stored_results_dir() if store else results, platform)
    with messages.status("a pipeline is brought up and loaded"):
        run = live_switch.run_on(platform, seed, **settings)
    live_switch.store(run, folder)
    changes, ends = live_switch.change_table(run).reset_index(), live_switch.summary(run).reset_index()
    if as_json:
        rows = {"changes": changes.to_dict("records"), "ends": ends.to_dict("records")}
        print_json({"environment": environment(), "folder": str(folder), **rows})
        return
    print_table(changes)
    typer.echo("")
    print_table(ends)
    messages.print(f"kept in {folder}", highlight=False)


def _checked(
    platform: str,
    namespace: str | None,
    image: str | None,
    pull_policy: PullPolicy | None,
    context: str | None,
    kubeconfig: str | None,
) -> dict[str, Any]:
    """Return the settings of the cluster that were given, if there is to be one."""
    given = given_settings(
        namespace=namespace,
        image=image,
        pull_policy=pull_policy,
        context=context,
        kubeconfig=kubeconfig,
    )
    settings_of(platform, given)
    return given
