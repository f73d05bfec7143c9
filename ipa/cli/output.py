"""What commands print: tables for people, JSON for programs, progress on standard error."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from ipa.cli.messages import messages
from ipa.report.notebook_progress import time_left
from ipa.results.json_files import without_nan

if TYPE_CHECKING:
    import pandas as pd

LOG_EVERY_S = 10.0
"""Seconds between two lines about the progress where there is no terminal to draw a bar on."""


def default_jobs() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def print_json(content: Any) -> None:
    """Print a value as JSON; NaN becomes null."""
    typer.echo(json.dumps(without_nan(content), indent=2, ensure_ascii=False, default=str))


def measured_text(accuracy: float | None) -> str:
    """Return how a measured accuracy reads behind the PAS; nothing if there is none.

    Examples
    --------
    >>> measured_text(0.63), measured_text(None)
    (', measured accuracy × 100 = 63.00', '')
    """
    return "" if accuracy is None else f", measured accuracy × 100 = {100 * accuracy:.2f}"


def print_table(rows: "pd.DataFrame | Sequence[dict[str, Any]]", title: str | None = None) -> None:
    """Print rows as a table; numbers are right-aligned."""
    from rich.markup import escape
    from rich.table import Table

    columns = _columns(rows)
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for name, values in columns.items():
        numeric = all(isinstance(value, int | float) for value in values)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(escape(_cell(value)) for value in row))
    # A pipe has no width; a table that is cut there would lose data.
    wide = Console() if Console().is_terminal else Console(width=200)
    wide.print(table)


def _columns(rows: "pd.DataFrame | Sequence[dict[str, Any]]") -> dict[str, list[Any]]:
    """Return the values of each column; a row that lacks one has NaN there, as in a data frame."""
    if not isinstance(rows, Sequence):
        return {str(name): values.tolist() for name, values in rows.items()}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, math.nan) for row in rows] for name in names}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


@contextmanager
def _log_progress(doing: str) -> Iterator[Callable[[int, int | None, str], None]]:
    started_s, ended = time.monotonic(), Event()
    state: tuple[int, int | None] = (0, None)

    def show(done: int, total: int | None, at: str) -> None:  # noqa: ARG001 (the signature of a bar)
        nonlocal state
        state = done, total

    def write() -> None:
        while not ended.wait(LOG_EVERY_S):
            done, total = state
            elapsed_s = time.monotonic() - started_s
            left = f", {time_left(done, total, elapsed_s)} left" if done and total else ""
            messages.print(
                f"{doing}: {done} of {total or '?'} after {elapsed_s:.0f} s{left}", highlight=False
            )

    writer = Thread(target=write, daemon=True)
    writer.start()
    try:
        yield show
    finally:
        ended.set()
        writer.join()


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """Show a bar on standard error while the body runs.

    Yields
    ------
    callable
        (done, in all, what just ended) -> None. Without a terminal, as in a log, a line is written every
        ``LOG_EVERY_S`` seconds instead.
    """
    if not messages.is_terminal:
        with _log_progress(doing) as log:
            yield log
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}"),
    )
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task(doing, total=None, at="")

        def show(done: int, total: int | None, at: str) -> None:
            bar.update(task, completed=done, total=total, at=at)

        yield show
