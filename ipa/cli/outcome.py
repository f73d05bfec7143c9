"""How the commands that check claims end: one line per claim, and an exit status."""

import pandas as pd
import typer

from ipa.report.claims.judge import Status, succeeded


def print_outcome(table: pd.DataFrame) -> None:
    """Print a line per claim of ``ipa.report.claims.claims_table`` and a line of counts."""
    typer.echo("\nPASS: what was found is what the published data show, be it for the claim or against it\n")
    for row in table.to_dict("records"):
        found = row["found"] or row["reproduced"]
        typer.echo(
            f"{row['status']}  {row['claim']}  {row['statement']} | {row['verdict']}"
            f" | expected: {row['expected'] or '-'} | found: {found}"
        )
    counts = table["status"].value_counts()
    typer.echo(
        f"\n{len(table)} claims: " + ", ".join(f"{counts.get(status.value, 0)} {status}" for status in Status)
    )


def exit_unless_succeeded(table: pd.DataFrame) -> None:
    """Exit with 1 if a claim fails, or was not run."""
    if not succeeded(table["status"]):
        raise typer.Exit(1)
