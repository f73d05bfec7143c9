"""The commands of ``ipa bench`` that measure the live data plane."""

from typing import Annotated

import typer

from ipa import limits
from ipa.bench.load_generator import BAR_MS, RATES_RPS, bench_load
from ipa.cli.messages import messages
from ipa.cli.options import JsonOption, SeedOption, within
from ipa.cli.output import print_json, print_table
from ipa.results.provenance import environment


def load_command(
    rate_rps: Annotated[
        list[int] | None,
        typer.Option("--rate", help="Requests per second, 100 and 500 by default; repeatable."),
    ] = None,
    seconds: Annotated[
        int, typer.Option(callback=within(limits.DURATION_S), help="How long each load lasts.")
    ] = 10,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure how late the load generator sends, with the model server on the same cores.

    \b
    Examples:
      ipa bench load
      ipa bench load --rate 1000 --seconds 30
    """
    for rate in rate_rps or ():
        limits.RATE_RPS.check("--rate", rate)
    with messages.status("starting a model server") as status:
        rows = bench_load(rate_rps or RATES_RPS, seconds, seed, lambda what: status.update(f"sending {what}"))
    if as_json:
        print_json({"environment": environment(), "rows": rows.to_dict("records")})
        return
    print_table(rows)
    messages.print(
        f"aim: 99 % of the requests sent within {BAR_MS:g} ms of when they are due, at 500 requests/s;"
        f" on {environment()['cpu']}, Python {environment()['python']}",
        highlight=False,
    )
