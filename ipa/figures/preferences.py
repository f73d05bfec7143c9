"""Figure 14: cost and accuracy under three preferences, on the curve of what any weights would give."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ipa.experiments import PIPELINES
from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    new_figure,
    ordered,
    write_caption,
)
from ipa.figures.tidy import require
from ipa.preferences import PREFERENCES

COLUMNS = (
    "edition", "pipeline", "preference", "cost_cores", "accuracy", "published_cost_cores",
    "published_accuracy", "within", "within_with_ties",
)  # fmt: skip
CURVE_COLUMNS = ("edition", "pipeline", "ratio_from", "cost", "accuracy")

LOOKS = {
    "accuracy": Look("#D55E00", marker="^"),
    "balance": Look("#0072B2", marker="o"),
    "resource": Look("#E69F00", marker="v"),
}
AXES = {
    "as-published": "as published (v3)\nPAS (x 100)",
    "as-published-v1": "as published (v1)\nsum of ranks",
    "corrected": "corrected\nPAS (x 100)",
}


def preferences(points: pd.DataFrame, curves: pd.DataFrame, caption: str) -> Figure:
    """Draw the points of figure 14, ours filled and published ones as rings.

    Parameters
    ----------
    points
        Rows of ``ipa.preferences.preference_table``.
    curves
        Rows of ``ipa.preferences.reachable_table``.
    caption
        Trace and seed.

    Returns
    -------
    Figure
        A row per edition, a column per pipeline: average accuracy against average cost over the workload.
        A star marks a published point that is missed; in brackets, one that another choice among exact ties
        meets.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(points, COLUMNS, "preferences")
    require(curves, CURVE_COLUMNS, "preferences")
    editions = ordered(points["edition"], tuple(AXES))
    pipelines = ordered(points["pipeline"], PIPELINES)
    with house_style():
        figure = new_figure(PAGE_IN, 0.75 + 1.5 * len(editions))
        grid = figure.subplots(len(editions), len(pipelines), squeeze=False)
        for row, edition in zip(grid, editions, strict=True):
            for axes, pipeline in zip(row, pipelines, strict=True):
                _draw(axes, *(_of(frame, edition, pipeline) for frame in (points, curves)))
            row[0].set_ylabel(AXES.get(edition, edition))
        for axes, pipeline in zip(grid[0], pipelines, strict=True):
            axes.set_title(pipeline, loc="left", fontweight="bold")
        for axes in grid[-1]:
            axes.set_xlabel("cost (cores)")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), columnspacing=1.4)
        write_caption(figure, f"{caption}  ·  {_marks(points)}" if _marks(points) else caption)
    return figure


def _marks(points: pd.DataFrame) -> str:
    """Explain the stars that are there."""
    compared = points[points["published_cost_cores"].notna() & ~points["within"]]
    marks = []
    if not compared["within_with_ties"].all():
        marks.append("* published point missed")
    if compared["within_with_ties"].any():
        marks.append("(*) met by another choice among exact ties")
    return ", ".join(marks)


def _of(frame: pd.DataFrame, edition: str, pipeline: str) -> pd.DataFrame:
    return frame[(frame["edition"] == edition) & (frame["pipeline"] == pipeline)]


def _draw(axes: Axes, points: pd.DataFrame, curve: pd.DataFrame) -> None:
    curve = curve.sort_values("ratio_from")
    axes.plot(curve["cost"], curve["accuracy"], color=MUTED, linewidth=0.8, zorder=1, label="any α/β")
    for preference, title in PREFERENCES.items():
        for _, row in points[points["preference"] == preference].iterrows():
            _draw_point(axes, row, LOOKS[preference], title)
    # Only so that the legend of the first panel explains the rings.
    axes.plot([], [], "o", markersize=8, markerfacecolor="none", markeredgecolor=INK, label="published")
    axes.margins(0.16)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw_point(axes: Axes, row: "pd.Series[float]", look: Look, title: str) -> None:
    ours, theirs = (
        (row["cost_cores"], row["accuracy"]),
        (row["published_cost_cores"], row["published_accuracy"]),
    )
    axes.plot(*ours, look.marker, markersize=5, color=look.colour, zorder=3, label=title)
    if theirs[0] != theirs[0]:
        return
    axes.plot(
        *theirs, look.marker, markersize=9, markerfacecolor="none", markeredgecolor=INK,
        markeredgewidth=0.8, zorder=2,
    )  # fmt: skip
    axes.plot(*zip(ours, theirs, strict=True), color=look.colour, linewidth=0.8, zorder=2)
    if not row["within"]:
        axes.annotate(
            "(*)" if row["within_with_ties"] else "*", theirs, xytext=(5, -10), textcoords="offset points",
            fontsize=8, color=INK, ha="left",
        )  # fmt: skip
