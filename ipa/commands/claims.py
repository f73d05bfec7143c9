"""``ipa claims`` and ``ipa published``: what the paper says beside what was found."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ipa.claims import Evidence, claims_table
from ipa.claims.table import stored_comparison, stored_comparison_file
from ipa.commands.options import (
    DEFAULT_RESULTS,
    JobsOption,
    JsonOption,
    ResultsOption,
    SeedOption,
    SeedsOption,
    TraceOption,
)
from ipa.commands.output import default_jobs, messages, print_json, print_table, progress_bar
from ipa.experiments import grid_specs
from ipa.grid import run_grid
from ipa.intervals import SEEDS
from ipa.published import EDITION_NAMES, compare, write_comparison
from ipa.results import KEPT_IN_BRIEF


def claims_command(
    trace: TraceOption = "auto",
    seed: SeedOption = 0,
    seeds: SeedsOption = SEEDS,
    results: ResultsOption = DEFAULT_RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Check every claim of the paper against the runs under results/.

    Run `ipa reproduce --only claims` first; a claim whose runs are missing is shown as not run. Measures are
    means over seeds with 95 % confidence intervals; with one seed there are none.

    \b
    Examples:
      ipa claims
      ipa claims --trace real --json
    """
    with progress_bar("claims") as show:
        table = claims_table(Evidence(results, trace, range(seed, seed + seeds)), show)
    if as_json:
        print_json(table.to_dict("records"))
        return
    print_table(
        table[["claim", "statement", "published", "reproduced", "verdict", "agrees_with_published_data"]]
    )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items())
    typer.echo(f"\n{len(table)} claims: {counts}")


def published_command(
    store: Annotated[
        bool, typer.Option("--store", help="Write the comparison to results/published/, where it is kept.")
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
        messages.print(f"stored in {stored_comparison_file()}", highlight=False)
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
    specs = grid_specs(list(EDITION_NAMES), trace="real")
    with progress_bar("published runs") as show:
        run_grid(specs, results, jobs or default_jobs(), show, KEPT_IN_BRIEF)
    return compare(specs, results)
