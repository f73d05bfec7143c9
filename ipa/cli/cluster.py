"""``ipa cluster``: IPA in a Kubernetes cluster."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from ipa.cli.messages import tell
from ipa.cli.options import JsonOption
from ipa.cli.output import print_json, print_table
from ipa.cluster.client import connect
from ipa.cluster.installation.install import Change, install, shown, wait_until_ready
from ipa.cluster.installation.manifests import (
    PIPELINES_NAMESPACE,
    SYSTEM_NAMESPACE,
    Placement,
    read_manifests,
)
from ipa.cluster.installation.status import installed_parts, pipeline_rows
from ipa.cluster.installation.uninstall import (
    delete_pipelines,
    installed_objects,
    installed_pipelines,
    uninstall,
)
from ipa.errors import InvalidValueError

EXIT_NO = 1

app = typer.Typer(
    help="Install IPA into a Kubernetes cluster, look at it there, remove it.", no_args_is_help=True
)

KubeconfigOption = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig", help="File with clusters; $KUBECONFIG or ~/.kube/config by default.", metavar="FILE"
    ),
]
ContextOption = Annotated[
    str | None, typer.Option("--context", help="Which of its contexts; the current one by default.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1, max=3600, help="Seconds to wait until all of it is done.")
]


@app.command("install")
def install_command(
    overlay: Annotated[
        str, typer.Option("--overlay", help="For which cluster: cluster, kind or testcluster.")
    ] = "cluster",
    image: Annotated[
        str, typer.Option("--image", help="Image of IPA that the nodes can pull.", metavar="NAME:TAG")
    ] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Where the controller goes; made if need be.")
    ] = SYSTEM_NAMESPACE,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(
            "--pipelines",
            help="A namespace that takes pipelines; default: default. Can be repeated.",
            metavar="NAMESPACE",
        ),
    ] = None,
    crd_only: Annotated[
        bool, typer.Option("--crd-only", help="Only what ipa run --platform kubernetes needs: no controller.")
    ] = False,
    dry_run: DryRunOption = False,
    timeout_s: TimeoutOption = 120.0,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Install the custom resource, the controller and its rights; what is there already is only renewed.

    \b
    Examples:
      ipa cluster install --image me/ipa:0.1
      ipa cluster install --image me/ipa:0.1 --pipelines team-a --pipelines team-b
      ipa cluster install --crd-only
      ipa cluster install --overlay testcluster --dry-run
    """
    placement = Placement(namespace, tuple(dict.fromkeys(pipelines or [PIPELINES_NAMESPACE])), image)
    objects = read_manifests(overlay, placement, definition_only=crd_only)
    client = connect(kubeconfig, context)
    _show(install(client, objects, dry_run=dry_run), dry_run=dry_run)
    if not dry_run:
        wait_until_ready(client, objects, timeout_s)
        typer.echo("ready")


@app.command("status")
def status_command(
    as_json: JsonOption = False, kubeconfig: KubeconfigOption = None, context: ContextOption = None
) -> None:
    """Say what of IPA is in a cluster and which pipelines it has; exit code 1 if something does not work.

    \b
    Examples:
      ipa cluster status
      ipa cluster status --context kind-ipa --json
    """
    client = connect(kubeconfig, context)
    parts, rows = installed_parts(client), pipeline_rows(client)
    if as_json:
        print_json({"parts": [asdict(part) for part in parts], "pipelines": rows})
    else:
        print_table(
            [
                {"part": part.name, "works": "yes" if part.works else "no", "state": part.state}
                for part in parts
            ]
        )
        if rows:
            typer.echo("")
            print_table([{key: "" if value is None else value for key, value in row.items()} for row in rows])
    if not all(part.works for part in parts):
        raise typer.Exit(EXIT_NO)


@app.command("uninstall")
def uninstall_command(
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete InferencePipelines too, without asking.")
    ] = False,
    keep_crd: Annotated[
        bool,
        typer.Option(
            "--keep-crd", help="Leave InferencePipelines and what serves them; nobody adapts them then."
        ),
    ] = False,
    dry_run: DryRunOption = False,
    timeout_s: TimeoutOption = 120.0,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Remove all that ipa cluster install made; InferencePipelines only after asking.

    \b
    Examples:
      ipa cluster uninstall
      ipa cluster uninstall --yes --context kind-ipa
      ipa cluster uninstall --dry-run
      ipa cluster uninstall --keep-crd
    """
    client = connect(kubeconfig, context)
    pipelines = () if keep_crd else installed_pipelines(client)
    objects = installed_objects(client, keep_definition=keep_crd)
    if not pipelines and not objects:
        typer.echo("IPA is not installed in this cluster")
        return
    if dry_run:
        _show((Change("deleted", shown(thing)) for thing in (*pipelines, *objects)), dry_run=True)
        return
    if pipelines and not yes:
        _ask([shown(pipeline) for pipeline in pipelines])
    _show(delete_pipelines(client, pipelines, timeout_s))
    _show(uninstall(client, objects, timeout_s))


def _ask(pipelines: list[str]) -> None:
    """Go on only if somebody says yes."""
    listed = ", ".join(pipelines)
    if not sys.stdin.isatty():
        raise InvalidValueError(f"this would delete what serves: {listed}; say --yes if that is meant")
    tell(f"This deletes what serves: {listed}")
    if not typer.confirm("Delete?", err=True):
        raise typer.Exit(EXIT_NO)


def _show(changes: Iterable[Change], *, dry_run: bool = False) -> None:
    """Print what is done as it is done, and count it."""
    counts: Counter[str] = Counter()
    for change in changes:
        counts[change.action] += 1
        typer.echo(f"{change.action:9} {change.what}")
    total = ", ".join(f"{count} {action}" for action, count in counts.items()) or "nothing to do"
    typer.echo(f"{'would be: ' if dry_run else ''}{total}")
