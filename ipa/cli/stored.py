"""What commands with ``--store`` share: runs that are made first, and saying where the table lies now."""

from collections.abc import Sequence
from pathlib import Path

from ipa.cli.messages import messages
from ipa.cli.output import default_jobs, progress_bar
from ipa.experiments.grid import run_grid
from ipa.experiments.spec import RunSpec


def run_shown(
    specs: Sequence[RunSpec], results: Path, jobs: int | None, kept: Sequence[str], what: str = "runs"
) -> None:
    """Run what is missing of some runs and show how far it is."""
    with progress_bar(what) as show:
        run_grid(specs, results, jobs or default_jobs(), show, kept)


def say_stored(file: Path) -> None:
    """Say where a table is kept now."""
    messages.print(f"stored in {file}", highlight=False)
