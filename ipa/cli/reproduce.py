"""``ipa reproduce``: every figure and the claims table."""

import time
from typing import Annotated

import typer

from ipa.cli.messages import messages
from ipa.cli.options import DEFAULT_RESULTS, JobsOption, ResultsOption, SeedOption, SeedsOption, TraceOption
from ipa.cli.outcome import exit_unless_succeeded, print_outcome
from ipa.cli.output import default_jobs, print_table, progress_bar
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
) -> None:
    """Run the experiments, execute the notebooks, save the figures and check the claims.

    Ends with a line per claim: expected, found, PASS, FAIL or DIFFERS AS DOCUMENTED; exits with 1 if one
    fails or was not run. What is complete and unchanged is not run again; an interrupted call goes on where
    it stopped.

    \b
    Examples:
      ipa reproduce
      ipa reproduce --quick
      ipa reproduce --only figure-10 --only claims --jobs 1
    """
    started_s = time.monotonic()
    check_writable(results)
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
