"""``ipa trace``: the load trace that the paper's workloads are cut from."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ipa.cli.messages import messages
from ipa.cli.options import GapsOption, JsonOption, PerMinuteOption, TimestampsOption
from ipa.cli.output import print_json, print_table, progress_bar
from ipa.cli.parse import load_format
from ipa.paper import PAPER_WORKLOADS
from ipa.workload import describe_trace, fetch_trace, find_trace, load_workload
from ipa.workload.source import published_source

app = typer.Typer(help="Fetch the real load trace, or say which one is used.", no_args_is_help=True)


@app.command("fetch")
def fetch_command(
    target: Annotated[
        Path | None,
        typer.Option(help="Where to put it; the cache, where every command finds it, by default."),
    ] = None,
) -> None:
    """Download the published trace from its authors, resuming an earlier attempt, and check it.

    Never done unasked. Where there is no network, set IPA_TRACE to a copy of your own.
    """
    source = published_source()
    messages.print(f"from {source.url}", highlight=False, soft_wrap=True)
    with progress_bar("bytes") as show:
        path = fetch_trace(target, progress=lambda done, total: show(done, total, ""))
    typer.echo(f"{path}: checksum is right")


@app.command("info")
def info_command(
    path: Annotated[Path | None, typer.Argument(help="A load file; the trace in use by default.")] = None,
    timestamps: TimestampsOption = False,
    per_minute: PerMinuteOption = False,
    gaps: GapsOption = "refuse",
    as_json: JsonOption = False,
) -> None:
    """Say which trace is used, whether it is the published one, and what its four excerpts hold.

    A file of your own is read as `ipa run --workload FILE` reads it.
    """
    form = load_format(timestamps, per_minute)
    found = path or find_trace()
    if found is None:
        if as_json:
            print_json({"path": None})
            return
        typer.echo(
            "no real trace on this machine: the synthetic workloads are used.\n"
            "Get it with `ipa trace fetch`, or set IPA_TRACE to a copy of your own."
        )
        return
    info = describe_trace(found, form, gaps)
    content = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(info).items()}
    if as_json:
        print_json(content)
        return
    print_table([{"what": key, "value": str(value)} for key, value in content.items()])
    if info.published and path is None:
        typer.echo("")
        print_table([_excerpt(name) for name in PAPER_WORKLOADS])


def _excerpt(name: str) -> dict[str, object]:
    workload = load_workload(name, trace="real")
    rates = workload.rates_rps
    return {
        "workload": name,
        "seconds": workload.duration_s,
        "requests": workload.total_requests,
        "mean_rps": workload.mean_rps,
        "min_rps": int(rates.min()),
        "max_rps": int(rates.max()),
    }
