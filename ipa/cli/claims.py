"""``ipa claims`` and ``ipa published``: what the paper says beside what was found."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ipa.cli.options import (
    DEFAULT_RESULTS,
    JobsOption,
    JsonOption,
    ResultsOption,
    SeedOption,
    SeedsOption,
    TraceOption,
)
from ipa.cli.outcome import exit_unless_succeeded, print_outcome
from ipa.cli.output import default_jobs, print_json, print_table, progress_bar
from ipa.cli.stored import run_shown, say_stored
from ipa.experiments.grid_specs import grid_specs
from ipa.paper import VERSION_OF_EDITION
from ipa.report.claims import Evidence, claims_table, evidence_runs
from ipa.report.claims.stored import store_claims, stored_claims_file
from ipa.report.claims.table import stored_comparison, stored_comparison_file
from ipa.results.folder import KEPT_IN_BRIEF
from ipa.results.intervals import SEEDS
from ipa.studies.comparison import write_comparison
from ipa.studies.published import compare

SHOWN = ["claim", "statement", "published", "reproduced", "verdict", "on_synthetic", "on_real"]
"""Columns of the table for people; ``--json`` has all of them."""


def claims_command(
    run: Annotated[
        bool, typer.Option("--run", help="First run what is missing, and no more than the claims need.")
    ] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Keep the verdicts on this load in results/stored/claims.csv.")
    ] = False,
    trace: TraceOption = "auto",
    seed: SeedOption = 0,
    seeds: SeedsOption = SEEDS,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Check every claim of the paper against the runs under results/.

    A claim whose runs are missing is shown as not run. Measures are means over seeds with 95 % confidence
    intervals; fewer seeds decide less, a single one nothing. Ends with a line per claim (expected, found,
    PASS, FAIL or DIFFERS AS DOCUMENTED); exits with 1 if one fails or was not run.

    \b
    Examples:
      ipa claims --run
      ipa claims --trace real --json
    """
    evidence = Evidence(results, trace, range(seed, seed + seeds))
    if run:
        with progress_bar("runs") as show:
            evidence_runs(trace, seed, seeds).run(results, jobs or default_jobs(), show)
    with progress_bar("claims") as show:
        table = claims_table(evidence, show, against_stored=not store)
    if store:
        store_claims(table, evidence.load, evidence.seeds)
        say_stored(stored_claims_file())
    if as_json:
        print_json(table.to_dict("records"))
    else:
        print_table(table[SHOWN])
        print_outcome(table)
    exit_unless_succeeded(table)


def published_command(
    store: Annotated[
        bool, typer.Option("--store", help="Write the comparison to results/stored/, where it is kept.")
    ] = False,
    jobs: JobsOption = None,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Compare all 160 published runs with ours on the real trace; without it, show the stored comparison.

    \b
    Examples:
      ipa published
      IPA_TRACE=twitter_trace.txt.xz ipa published --store
    """
    frame = _fresh(results, jobs) if store else stored_comparison()
    if store:
        write_comparison(frame, stored_comparison_file())
        say_stored(stored_comparison_file())
    if as_json:
        print_json(frame.to_dict("records"))
        return
    misses = frame[~frame["within"]]
    columns = [
        "edition",
        "pipeline",
        "workload",
        "method",
        "cost_deviation_pct",
        "accuracy_deviation_pct",
        "cause",
    ]
    print_table(misses[columns], title="Runs outside 5 % of the published cost or 2 % of the accuracy")
    for edition, group in frame.groupby("edition"):
        typer.echo(
            f"{edition}: {group['within'].sum()} of {len(group)} runs within the limits,"
            f" {group['within_with_ties'].sum()} accepting exact ties"
        )


def _fresh(results: Path, jobs: int | None) -> pd.DataFrame:
    specs = grid_specs(list(VERSION_OF_EDITION), trace="real")
    run_shown(specs, results, jobs, KEPT_IN_BRIEF, "published runs")
    return compare(specs, results)
