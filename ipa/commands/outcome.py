"""How the commands that check claims end: one line per claim, and an exit status."""

import pandas as pd
import typer

from ipa.claims.judge import Status, succeeded


def print_outcome(table: pd.DataFrame) -> None:
    """Print a line per claim of ``ipa.claims.claims_table`` and a line of counts."""
    typer.echo("")
    for row in table.to_dict("records"):
        typer.echo(
            f"{row['status']}  {row['claim']}  {row['statement']}"
            f" | expected: {row['expected'] or '-'} | found: {row['found'] or row['reproduced']}"
        )
    counts = table["status"].value_counts()
    typer.echo(
        f"\n{len(table)} claims: " + ", ".join(f"{counts.get(status.value, 0)} {status}" for status in Status)
    )


def exit_unless_succeeded(table: pd.DataFrame) -> None:
    """Exit with 1 if a claim fails, or was not run."""
    if not succeeded(table["status"]):
        raise typer.Exit(1)
