"""Figure 14: cost and accuracy under three preferences, on the curve of what any weights would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    is_narrow,
    name_panel,
    new_figure,
    put_in_order,
    short_name,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_PIPELINES
from ipa.studies.preferences import PREFERENCES

COLUMNS = (
    "edition", "pipeline", "preference", "cost_cores", "accuracy", "published_cost_cores",
    "published_accuracy", "within", "within_with_ties",
)  # fmt: skip
CURVE_COLUMNS = ("edition", "pipeline", "ratio_from", "cost", "accuracy")

LOOKS = {
    "resource": (Look("#E69F00", marker="v"), 7.5),
    "balance": (Look("#0072B2", marker="o"), 4.5),
    "accuracy": (Look("#D55E00", marker="^"), 5.5),
}
"""How each preference is drawn and how large, the largest first, so that equal points all show."""

PUBLISHED_FILLS = {
    "met": ("none", "full"),
    "met by a tied plan": (MUTED, "left"),
    "missed": ("#BBBBBB", "full"),
}
"""Inside of the published markers, by whether our point is where they are."""

FREE_OF_LINE_PCT = 2.0
"""A point that costs this much more than the line at its accuracy lies off it."""

AXES = {
    "as-published": "as published (v3)\nPAS × 100",
    "as-published-v1": "as published (v1)\nsum of ranks",
    "corrected": "corrected\nPAS × 100",
}


def draw_preferences(
    points: pd.DataFrame, curves: pd.DataFrame, caption: str, *, width_in: float = PAGE_IN
) -> Figure:
    """Draw the points of figure 14, ours filled and published ones as rings.

    Parameters
    ----------
    points
        Rows of ``ipa.studies.preferences.preference_table``.
    curves
        Rows of ``ipa.studies.preferences.reachable_table``.
    caption
        Trace and seed.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        A row per edition, a column per pipeline (in one column of a page the other way round): average
        accuracy against average cost over the workload.
        Published points are larger outlines: empty where ours is the same, half filled where another choice
        among exact ties would be, filled where ours is missed. A point off the line says why.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(points, COLUMNS, "preferences")
    require(curves, CURVE_COLUMNS, "preferences")
    editions = put_in_order(points["edition"], tuple(AXES))
    pipelines = put_in_order(points["pipeline"], PAPER_PIPELINES)
    narrow = is_narrow(width_in)
    with house_style(width_in):
        height_in = 1.5 + 1.25 * len(pipelines) if narrow else 0.9 + 1.5 * len(editions)
        figure = new_figure(width_in, height_in)
        shape = (len(pipelines), len(editions)) if narrow else (len(editions), len(pipelines))
        drawn = figure.subplots(*shape, squeeze=False)
        grid = drawn.T if narrow else drawn
        for row, edition in zip(grid, editions, strict=True):
            for axes, pipeline in zip(row, pipelines, strict=True):
                _draw(axes, *(_of(frame, edition, pipeline) for frame in (points, curves)))
        _name_panels(grid, editions, pipelines, narrow=narrow)
        for axes in drawn[-1]:
            axes.set_xlabel("cost (cores)")
        handles = _legend(points)
        figure.legend(
            handles=handles, loc="outside upper center", ncols=2 if narrow else 4, columnspacing=1.4
        )
        write_caption(figure, f"{caption}  ·  averages over all decisions of the workload; nothing runs")
    return figure


def _name_panels(
    grid: NDArray[Any], editions: Sequence[str], pipelines: Sequence[str], *, narrow: bool
) -> None:
    """Name the editions and the pipelines at the edges of a grid with a row per edition."""
    for row, edition in zip(grid, editions, strict=True):
        text = AXES.get(edition, edition)
        if narrow:
            name_panel(row[0], text)
        else:
            row[0].set_ylabel(text)
    for axes, pipeline in zip(grid[0], pipelines, strict=True):
        if narrow:
            axes.set_ylabel(short_name(pipeline, 14), fontweight="bold")
        else:
            name_panel(axes, short_name(pipeline, 14))


def _outcome(row: "pd.Series[float]") -> str:
    if row["within"]:
        return "met"
    return "met by a tied plan" if row["within_with_ties"] else "missed"


def _legend(points: pd.DataFrame) -> list[Line2D]:
    """Return an entry for everything that is drawn, and for nothing else."""
    handles = [Line2D([], [], color=MUTED, linewidth=0.8, label="any α/β")]
    for preference, title in PREFERENCES.items():
        look, size = LOOKS[preference]
        if (points["preference"] == preference).any():
            handles.append(_marker(look.marker, size, look.colour, look.colour, label=title))
    compared = points[points["published_cost_cores"].notna()]
    outcomes = {_outcome(row) for _, row in compared.iterrows()}
    for outcome, (fill, style) in PUBLISHED_FILLS.items():
        if outcome in outcomes:
            handles.append(
                _marker("o", 8, fill, INK, label=f"published, {outcome}", fillstyle=style)
            )  # fmt: skip
    return handles


def _marker(marker: str, size: float, fill: str, edge: str, **others: Any) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=size, markerfacecolor=fill,
        markerfacecoloralt="white", markeredgecolor=edge, markeredgewidth=0.8, **others,
    )  # fmt: skip


def _of(frame: pd.DataFrame, edition: str, pipeline: str) -> pd.DataFrame:
    return frame[(frame["edition"] == edition) & (frame["pipeline"] == pipeline)]


def _draw(axes: Axes, points: pd.DataFrame, curve: pd.DataFrame) -> None:
    curve = curve.sort_values("ratio_from")
    axes.plot(curve["cost"], curve["accuracy"], color=MUTED, linewidth=0.8, zorder=1)
    for place, (preference, (look, size)) in enumerate(LOOKS.items()):
        for _, row in points[points["preference"] == preference].iterrows():
            _draw_point(axes, row, look, size, 4 + place)
            if _is_off(row, curve):
                _explain(axes, row)
    axes.margins(0.16)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw_point(axes: Axes, row: "pd.Series[float]", look: Look, size: float, order: int) -> None:
    ours, theirs = (
        (row["cost_cores"], row["accuracy"]),
        (row["published_cost_cores"], row["published_accuracy"]),
    )
    axes.plot(*ours, look.marker, markersize=size, color=look.colour, zorder=order)
    if theirs[0] != theirs[0]:
        return
    fill, style = PUBLISHED_FILLS[_outcome(row)]
    axes.plot(
        *theirs, look.marker, markersize=10, markerfacecolor=fill, markerfacecoloralt="white",
        fillstyle=style, markeredgecolor=INK, markeredgewidth=0.8, zorder=2,
    )  # fmt: skip
    axes.plot(*zip(ours, theirs, strict=True), color=look.colour, linewidth=0.8, zorder=3)


def _is_off(row: "pd.Series[float]", curve: pd.DataFrame) -> bool:
    """Whether a point costs clearly more than what some weights would give at its accuracy."""
    if curve.empty:
        return False
    line = curve.sort_values(["accuracy", "cost"])
    on_line = np.interp(row["accuracy"], line["accuracy"], line["cost"])
    return bool(row["cost_cores"] > (1 + FREE_OF_LINE_PCT / 100) * on_line)


def _explain(axes: Axes, row: "pd.Series[float]") -> None:
    free = row.get("beta", 1.0) == 0
    axes.annotate(
        "β = 0:\ncores\nare free" if free else "off the\nline",
        (row["cost_cores"], row["accuracy"]), xytext=(3, -7), textcoords="offset points", fontsize=5.5,
        ha="right", va="top", color=INK,
    )  # fmt: skip
