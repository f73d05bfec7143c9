"""``ipa reproduce``: every figure and the claims table."""

import time
from typing import Annotated

import pandas as pd
import typer

from ipa.claims import Evidence, claims_table
from ipa.commands.options import (
    DEFAULT_RESULTS,
    JobsOption,
    ResultsOption,
    SeedOption,
    SeedsOption,
    TraceOption,
)
from ipa.commands.output import default_jobs, messages, print_table, progress_bar
from ipa.intervals import SEEDS
from ipa.reproduce import QUICK, TARGETS, required_runs, run_notebooks


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
) -> None:
    """Run the experiments, execute the notebooks, save the figures and print the claims table.

    What is complete and unchanged is not run again; an interrupted call goes on where it stopped.

    \b
    Examples:
      ipa reproduce
      ipa reproduce --quick
      ipa reproduce --only figure-10 --only claims --jobs 1
    """
    started_s = time.monotonic()
    targets = [TARGETS[name] for name in only or (QUICK if quick else TARGETS)]
    jobs = jobs or default_jobs()
    with progress_bar("experiments") as show:
        report = required_runs(targets, trace, seed, seeds).run(results, jobs, show)
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
    if any(target.name == "claims" for target in targets):
        _print_claims(claims_table(Evidence(results, trace, range(seed, seed + seeds))))
    print_table(
        [
            {"made": target.name, "notebook": str(path)}
            for target, path in zip(targets, made.notebooks, strict=True)
        ]
    )
    typer.echo(f"\nfigures: {results / 'figures'}")
    messages.print(f"took {time.monotonic() - started_s:.0f} s", highlight=False)


def _print_claims(table: pd.DataFrame) -> None:
    print_table(table[["claim", "published", "reproduced", "verdict", "agrees_with_published_data"]])
    typer.echo("")
