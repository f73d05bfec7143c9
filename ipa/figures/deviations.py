"""How far the reproduced averages lie from the published ones, run by run."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.scale import SymmetricalLogScale
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ipa.figures.style import (
    FAINT,
    INK,
    MUTED,
    PAGE_IN,
    house_style,
    method_looks,
    method_title,
    new_figure,
    put_in_order,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_METHODS
from ipa.studies.comparison import ACCURACY_TOLERANCE_PCT, COST_TOLERANCE_PCT

COLUMNS = (
    "pipeline",
    "workload",
    "method",
    "cost_deviation_pct",
    "accuracy_deviation_pct",
    "within",
    "within_with_ties",
)

LIST_COLUMNS: "tuple[tuple[float, Literal['left', 'right']], ...]" = (
    (0.03, "right"), (0.06, "left"), (0.8, "right"), (1.0, "right")
)  # fmt: skip
"""Position and alignment of number, run, cost and accuracy in the list."""

AXES_NOTE = "axes: linear within the limits, logarithmic beyond"

ROWS_THAT_FIT = 24
"""Runs outside the limits that fit the list beside the plot."""


Point = tuple[float, float]

PANEL_PT = (265, 205)
"""Size of the plot in points, near enough to keep numbers apart."""

NUMBER_OFFSETS_PT: Sequence[Point] = (
    (0, -9), (0, 9), (0, -17), (0, 17), (9, 0), (-9, 0), (0, -25), (0, 25), (9, -9), (-9, -9), (9, 9),
)  # fmt: skip
"""Places of a number beside the mark it names, the best first."""


def draw_deviations(comparison: pd.DataFrame, caption: str) -> Figure:
    """Draw every run's deviation from its published averages.

    Parameters
    ----------
    comparison
        Rows of ``ipa.studies.published.compare`` of one edition.
    caption
        Which edition, trace and seed the runs used.

    Returns
    -------
    Figure
        Deviation of accuracy against deviation of cost, both in percent of the published value, with the
        box of the tolerances; the axes are linear within it and logarithmic beyond. Runs outside it carry a
        number; the list beside the plot names them.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(comparison, COLUMNS, "deviations")
    misses = comparison[~comparison["within"]].sort_values(
        "cost_deviation_pct", key=lambda column: column.abs(), ascending=False
    )
    with house_style():
        figure = new_figure(PAGE_IN, max(3.6, 1.0 + 0.145 * min(len(misses), ROWS_THAT_FIT)))
        axes, key = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_points(axes, comparison)
        _number(axes, misses)
        _list_misses(key, misses)
        within = int(comparison["within"].sum())
        axes.set_title(
            f"{within} of {len(comparison)} runs within {COST_TOLERANCE_PCT:g} % of cost and"
            f" {ACCURACY_TOLERANCE_PCT:g} % of accuracy",
            loc="left", fontweight="bold",
        )  # fmt: skip
        write_caption(figure, f"{caption}  ·  a mark per run: averages over its decisions  ·  {AXES_NOTE}")
    return figure


def _draw_points(axes: Axes, comparison: pd.DataFrame) -> None:
    axes.add_patch(
        Rectangle(
            (-COST_TOLERANCE_PCT, -ACCURACY_TOLERANCE_PCT),
            2 * COST_TOLERANCE_PCT,
            2 * ACCURACY_TOLERANCE_PCT,
            facecolor="#F3F3F3", edgecolor=MUTED, linewidth=0.8, zorder=0,
        )
    )  # fmt: skip
    for method, look in method_looks(put_in_order(comparison["method"], PAPER_METHODS)).items():
        rows = comparison[comparison["method"] == method]
        for inside, filled in ((True, False), (False, True)):
            part = rows[rows["within"] == inside]
            axes.plot(
                part["cost_deviation_pct"], part["accuracy_deviation_pct"], look.marker, markersize=4.5,
                markerfacecolor=look.colour if filled else "none", markeredgecolor=look.colour,
                markeredgewidth=0.9, linestyle="none", zorder=3,
                label=None if filled else method_title(method),
            )  # fmt: skip
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    axes.grid(visible=False)
    _use_wide_scales(axes, comparison)
    axes.set_xlabel("deviation of average cost (% of published)")
    axes.set_ylabel("deviation of average accuracy (% of published)")
    axes.legend(ncols=4, loc="lower left", handletextpad=0.1, columnspacing=0.9, borderaxespad=0.2)


def _use_wide_scales(axes: Axes, comparison: pd.DataFrame) -> None:
    """Make both axes linear inside the limits and logarithmic beyond, where a few runs lie far out."""
    for name, limit, column in (
        ("x", COST_TOLERANCE_PCT, "cost_deviation_pct"),
        ("y", ACCURACY_TOLERANCE_PCT, "accuracy_deviation_pct"),
    ):
        sizes = comparison[column].abs()
        reach = 1.6 * max(2 * limit, sizes[sizes < float("inf")].max())
        axis = axes.xaxis if name == "x" else axes.yaxis
        axes.set(**{f"{name}scale": SymmetricalLogScale(axis, linthresh=limit, linscale=0.8)})
        axes.set(**{f"{name}lim": (-reach, reach)})
        ticks = [tick for factor in (1, 2, 4, 10) if (tick := limit * factor) <= reach]
        axis.set_major_locator(FixedLocator([*(-tick for tick in ticks), 0, *ticks]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _write_signed(value, 0) if value else "0"))
        axis.set_minor_locator(NullLocator())


def _write_signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign, a real minus and no negative zero."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _number(axes: Axes, misses: pd.DataFrame) -> None:
    points = misses[["cost_deviation_pct", "accuracy_deviation_pct"]].to_numpy()
    fractions = (axes.transScale + axes.transLimits).transform(points)
    marks_pt = [(x * PANEL_PT[0], y * PANEL_PT[1]) for x, y in fractions]
    taken_pt = list(marks_pt)
    for number, (point, mark) in enumerate(zip(points, marks_pt, strict=True), start=1):
        offset = next((o for o in NUMBER_OFFSETS_PT if _is_free(mark, o, taken_pt)), NUMBER_OFFSETS_PT[0])
        taken_pt.append((mark[0] + offset[0], mark[1] + offset[1]))
        axes.annotate(
            str(number), (point[0], point[1]), xytext=offset, textcoords="offset points", ha="center",
            va="center", fontsize=6.5, color=INK,
        )  # fmt: skip


def _is_free(mark: Point, offset: Point, taken: Sequence[Point]) -> bool:
    x, y = mark[0] + offset[0], mark[1] + offset[1]
    return all(abs(x - other[0]) >= 8 or abs(y - other[1]) >= 7.5 for other in taken)


def _list_misses(axes: Axes, misses: pd.DataFrame) -> None:
    axes.axis("off")
    if misses.empty:
        return
    lines = [("", "outside the box", "cost", "accuracy")]
    for number, (_, run) in enumerate(misses.head(ROWS_THAT_FIT).iterrows(), start=1):
        tie = " *" if run["within_with_ties"] else ""
        lines.append(
            (
                str(number),
                f"{run['pipeline']}, {run['workload']}, {method_title(run['method'])}{tie}",
                f"{_write_signed(run['cost_deviation_pct'])} %",
                f"{_write_signed(run['accuracy_deviation_pct'])} %",
            )
        )
    if len(misses) > ROWS_THAT_FIT:
        lines.append(("", f"and {len(misses) - ROWS_THAT_FIT} more, see the table", "", ""))
    if misses["within_with_ties"].any():
        lines.append(("", "* within the box for another choice among exact ties", "", ""))
    step = 1 / max(len(lines), 16)
    for row, cells in enumerate(lines):
        for text, (x, align) in zip(cells, LIST_COLUMNS, strict=True):
            axes.text(
                x, 1 - row * step, text, transform=axes.transAxes, ha=align, va="top", fontsize=6.5,
                fontweight="bold" if row == 0 else "normal",
            )  # fmt: skip
