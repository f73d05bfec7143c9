"""Reads finished runs into tidy tables: one row a run, a step, a stage of a step, or a second of load."""

from collections.abc import Sequence

import pandas as pd

from ipa.errors import ResultsError


def require(frame: pd.DataFrame, columns: Sequence[str], figure: str) -> None:
    """Refuse a table that a figure cannot be drawn from.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column; names both.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing and len(frame.columns):
        raise ResultsError(
            f"figure {figure}: the table lacks the column{'s' if len(missing) > 1 else ''}"
            f" {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise ResultsError(f"figure {figure}: the table has no rows; run the experiments first: ipa grid")
