"""The frontier of accuracy and cost, with the plans of the methods on it."""

import math
from textwrap import shorten

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipa.experiments import METHODS
from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    house_style,
    method_looks,
    method_title,
    name_panel,
    new_figure,
    ordered,
    write_caption,
)
from ipa.figures.tidy import require

COLUMNS = ("cost_cores", "accuracy", "pas", "supported", "ratio_from", "ratio_to", "plan")
METHOD_COLUMNS = ("method", "status", "cost_cores", "accuracy")

METRIC_AXES = {
    "pas": "PAS (x 100)",
    "rank-sum": "sum of ranks",
    "rank-product": "product of ranks",
    "mean": "mean accuracy (x 100)",
}
SHORT_NAMES = {"pas": "PAS", "rank-sum": "ranks", "rank-product": "ranks", "mean": "mean"}
SHARES = {"pas", "mean"}
"""Metrics that are printed times 100."""

ROWS_THAT_FIT = 16
PLAN_CHARACTERS = 66


def frontier(points: pd.DataFrame, methods: pd.DataFrame, title: str, metric: str, caption: str) -> Figure:
    """Draw every plan of the frontier, which of them some weights choose, and where the methods are.

    Parameters
    ----------
    points
        Rows of ``ipa.tradeoffs.frontier_table``.
    methods
        Rows of ``ipa.tradeoffs.method_table``.
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
        axes, key = figure.subplots(1, 2, width_ratios=[1, 1.25])
        _draw_steps(axes, points, scale)
        _draw_methods(axes, methods, scale)
        _number(axes, points, scale)
        axes.margins(0.09)
        name_panel(axes, title)
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
    looks = method_looks(ordered(methods["method"], METHODS))
    for method, look in looks.items():
        row = methods[methods["method"] == method].iloc[0]
        feasible = row["status"] != "infeasible"
        axes.plot(
            row["cost_cores"], scale * row["accuracy"], look.marker, markersize=9.5,
            markerfacecolor="none", markeredgecolor=look.colour, markeredgewidth=1.6, zorder=4,
            label=method_title(method) + ("" if feasible else " (breaks the SLA)"),
        )  # fmt: skip


def _number(axes: Axes, points: pd.DataFrame, scale: int) -> None:
    for number, (_, row) in enumerate(points.head(ROWS_THAT_FIT).iterrows(), start=1):
        axes.annotate(
            str(number), (row["cost_cores"], scale * row["accuracy"]), xytext=(-4, 5),
            textcoords="offset points", ha="right", va="bottom", fontsize=6, color=MUTED,
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
            ((0.0, "right"), (0.08, "right"), (0.19, "right"), (0.22, "left"), (0.4, "left")),
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
