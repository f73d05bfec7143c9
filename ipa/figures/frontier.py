"""The frontier of accuracy and cost, with the plans of the methods on it."""

import math
from textwrap import shorten
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    house_style,
    method_looks,
    method_title,
    name_panel,
    new_figure,
    put_in_order,
    short_name,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_METHODS

COLUMNS = ("cost_cores", "accuracy", "pas", "supported", "ratio_from", "ratio_to", "plan")
METHOD_COLUMNS = ("method", "status", "cost_cores", "accuracy")

METRIC_AXES = {
    "pas": "PAS × 100",
    "rank-sum": "sum of ranks",
    "rank-product": "product of ranks",
    "mean": "mean accuracy × 100",
}
SHORT_NAMES = {"pas": "PAS", "rank-sum": "ranks", "rank-product": "ranks", "mean": "mean"}
SHARES = {"pas", "mean"}
"""Metrics that are printed times 100."""

ROWS_THAT_FIT = 16
PLAN_CHARACTERS = 62
LIST_COLUMNS: "tuple[tuple[float, Literal['left', 'right']], ...]" = (
    (0.03, "right"), (0.13, "right"), (0.24, "right"), (0.27, "left"), (0.44, "left")
)  # fmt: skip
"""Position and alignment of number, cores, accuracy, weights and plan in the list."""


def draw_frontier(
    points: pd.DataFrame, methods: pd.DataFrame, title: str, metric: str, caption: str
) -> Figure:
    """Draw every plan of the frontier, which of them some weights choose, and where the methods are.

    Parameters
    ----------
    points
        Rows of ``ipa.studies.tradeoffs.frontier_table``.
    methods
        Rows of ``ipa.studies.tradeoffs.method_table``.
    title
        What it is the frontier of.
    metric
        Name of the accuracy metric.
    caption
        Edition, rate and SLA.

    Returns
    -------
    Figure
        Accuracy against cost; beside it the plans by number with the α/β that choose them.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(points, COLUMNS, "frontier")
    require(methods, METHOD_COLUMNS, "frontier")
    scale = 100 if metric in SHARES else 1
    with house_style():
        figure = new_figure(PAGE_IN, 3.2)
        axes, key = figure.subplots(1, 2, width_ratios=[1, 1.3], gridspec_kw={"wspace": 0.04})
        _draw_steps(axes, points, scale)
        _draw_methods(axes, methods, scale)
        _number(axes, points, scale)
        axes.margins(0.13)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, (low + high) / 2 - 1), max(high, (low + high) / 2 + 1))
        whole_ticks(axes.xaxis, 6)
        name_panel(axes, short_name(title, 44))
        axes.set_xlabel("cost (cores)")
        axes.set_ylabel(METRIC_AXES.get(metric, metric))
        _list_plans(key, points, scale, SHORT_NAMES.get(metric, metric))
        handles, labels = axes.get_legend_handles_labels()
        key.legend(
            handles, labels, loc="lower left", ncols=3, markerscale=0.6, fontsize=6.5, handletextpad=0.2,
            columnspacing=1.2, borderaxespad=0,
        )  # fmt: skip
        write_caption(figure, caption)
    return figure


def _draw_steps(axes: Axes, points: pd.DataFrame, scale: int) -> None:
    cost, accuracy = points["cost_cores"], scale * points["accuracy"]
    axes.step(cost, accuracy, where="post", color=MUTED, linewidth=0.9, zorder=1)
    chosen = points["supported"].astype(bool)
    axes.plot(
        cost[chosen], accuracy[chosen], color=INK, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1,
    )  # fmt: skip
    for part, fill, label in ((chosen, INK, "chosen by some α/β"), (~chosen, "white", "chosen by none")):
        axes.plot(
            cost[part], accuracy[part], "o", markersize=4, markerfacecolor=fill, markeredgecolor=INK,
            markeredgewidth=0.8, zorder=3, label=label if part.any() else None,
        )  # fmt: skip


def _draw_methods(axes: Axes, methods: pd.DataFrame, scale: int) -> None:
    looks = method_looks(put_in_order(methods["method"], PAPER_METHODS))
    for method, look in looks.items():
        row = methods[methods["method"] == method].iloc[0]
        feasible = row["status"] != "infeasible"
        axes.plot(
            row["cost_cores"], scale * row["accuracy"], look.marker, markersize=9.5,
            markerfacecolor="none", markeredgecolor=look.colour, markeredgewidth=1.6, zorder=4,
            label=short_name(method_title(method)) + ("" if feasible else " (breaks the SLA)"),
        )  # fmt: skip


def _number(axes: Axes, points: pd.DataFrame, scale: int) -> None:
    for number, (_, row) in enumerate(points.head(ROWS_THAT_FIT).iterrows(), start=1):
        # The white outline keeps a number legible on a line or a marker.
        axes.annotate(
            str(number), (row["cost_cores"], scale * row["accuracy"]), xytext=(-5, 5),
            textcoords="offset points", ha="right", va="bottom", fontsize=6, color=INK, zorder=6,
            path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )  # fmt: skip


def _list_plans(axes: Axes, points: pd.DataFrame, scale: int, accuracy: str) -> None:
    axes.axis("off")
    lines = [("", "cores", accuracy, "α/β", "plan")]
    for number, (_, row) in enumerate(points.head(ROWS_THAT_FIT).iterrows(), start=1):
        lines.append(
            (
                str(number),
                f"{row['cost_cores']}",
                f"{scale * row['accuracy']:.{2 if scale > 1 else 3}f}",
                interval(row["ratio_from"], row["ratio_to"]) if row["supported"] else "none",
                shorten(row["plan"], PLAN_CHARACTERS, placeholder=" …"),
            )
        )
    if len(points) > ROWS_THAT_FIT:
        lines.append(("", "", "", "", f"and {len(points) - ROWS_THAT_FIT} more, see the table"))
    step = 1 / max(len(lines) + 4, 18)
    for place, cells in enumerate(lines):
        for text, (x, align) in zip(
            cells,
            LIST_COLUMNS,
            strict=True,
        ):
            axes.text(
                x, 1 - place * step, text, transform=axes.transAxes, ha=align, va="top", fontsize=5.8,
                fontweight="bold" if place == 0 else "normal", in_layout=False,
            )  # fmt: skip


def interval(low: float, high: float) -> str:
    """Return an interval of α/β as it is printed.

    Examples
    --------
    >>> interval(0.0, 23.667), interval(1915.46, float("inf"))
    ('below 23.7', 'above 1915')
    """
    if low == 0:
        return "any" if math.isinf(high) else f"below {_short(high)}"
    return f"above {_short(low)}" if math.isinf(high) else f"{_short(low)}–{_short(high)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
