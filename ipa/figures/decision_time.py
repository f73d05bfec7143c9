"""Figure 13: how long a decision takes, by number of stages and variants, solver by solver."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

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
    write_caption,
)
from ipa.figures.tables import require

TIMES = ("solver", "stages", "variants", "median_ms", "worst_ms", "refused")
BESIDE = ("stages", "variants", "published_ms", "median_ms", "speed_up")

SOLVER_LOOKS = {
    "exact": Look("#0072B2", (), "", "o"),
    "gurobi": Look("#D55E00", (4, 1.5), "", "^"),
    "gurobi-nonlinear": Look("#CC79A7", (2, 1), "", "X"),
    "highs": Look("#009E73", (1.2, 1.2), "", "s"),
    "pulp-highs": Look("#56B4E9", (6, 1.5, 1.2, 1.5), "", "v"),
    "pulp-cbc": Look("#E69F00", (8, 2), "", "P"),
}
SOLVER_TITLES = {
    "exact": "exact (ours)",
    "gurobi": "Gurobi, linear model",
    "gurobi-nonlinear": "Gurobi, the paper's model",
    "highs": "HiGHS",
    "pulp-highs": "HiGHS through PuLP",
    "pulp-cbc": "CBC through PuLP",
}
DARK_FROM = 0.62
"""Share of the scale of colours from which on numbers are written in white."""

TICKS_S = (1e-5, 1e-4, 0.001, 0.01, 0.1, 1.0, 10.0)

MS = 1e-3
"""Seconds in a millisecond: what is measured in the one is drawn in the other, as the paper does."""


def draw_decision_time(
    times: pd.DataFrame,
    larger: pd.DataFrame,
    beside: pd.DataFrame,
    caption: str,
    *,
    width_in: float = PAGE_IN,
) -> Figure:
    """Draw decision times beside the published ones, the speed-up, and what happens beyond the paper's sizes.

    Parameters
    ----------
    times
        Rows of ``ipa.bench.decision_time.decision_times`` with as many variants throughout.
    larger
        The same for larger sizes.
    beside
        Rows of ``beside_published`` of the exact solver.
    caption
        Where and how it was measured.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        Above, over stages and variants as the paper draws it, (a) the published time, (b) ours, both in
        seconds on one scale of colours, and (c) the one over the other. Below, solver by solver over
        the number of stages, (d) at the paper's sizes and (e) at larger ones; a line ends where the licence
        refuses the model.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(times, TIMES, "decision_time")
    require(larger, TIMES, "decision_time")
    require(beside, BESIDE, "decision_time")
    variants = int(times["variants"].iloc[0])
    narrow = is_narrow(width_in)
    with house_style(width_in):
        figure = new_figure(width_in, 8.6 if narrow else 5.5)
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.5 if narrow else 1, 1.1])[:, 0]
        _draw_maps(
            above.subplots(*((3, 1) if narrow else (1, 3)), sharex=narrow, sharey=True), beside, narrow=narrow
        )
        left, right = below.subplots(*((2, 1) if narrow else (1, 2)), sharey=True)
        _draw_published(left, beside[beside["variants"] == variants])
        for axes, rows, letter in ((left, times, "d"), (right, larger, "e")):
            _draw_solvers(axes, rows)
            name_panel(axes, f"({letter}) {int(rows['variants'].max())} variants per stage")
            _finish(axes)
        _mark_refusals(right, larger)
        for axes in (left, right) if narrow else (left,):
            axes.set_ylabel("time of a decision (s)")
        handles, labels = left.get_legend_handles_labels()
        below.legend(
            handles, labels, loc="outside upper left", ncols=2 if narrow else 4, columnspacing=1.4
        )  # fmt: skip
        write_caption(figure, caption)
    return figure


def _draw_published(axes: Axes, published: pd.DataFrame) -> None:
    axes.plot(
        published["stages"], published["published_ms"] * MS, "D", color=INK, markersize=4,
        markerfacecolor="white", markeredgewidth=0.9, label="published (Gurobi)", zorder=4,
    )  # fmt: skip


def _draw_solvers(axes: Axes, times: pd.DataFrame) -> None:
    for solver in put_in_order(times["solver"], tuple(SOLVER_LOOKS)):
        look = SOLVER_LOOKS.get(solver, Look(MUTED))
        rows = times[times["solver"] == solver].sort_values("stages")
        solved = rows[rows["median_ms"].notna()]
        label = SOLVER_TITLES.get(solver, solver)
        axes.plot(
            solved["stages"], solved["median_ms"] * MS, color=look.colour, linestyle=look.line_style,
            marker=look.marker, markersize=3.4, label=label, zorder=3,
        )  # fmt: skip
        if solver == "exact":
            axes.fill_between(
                solved["stages"], solved["median_ms"] * MS, solved["worst_ms"] * MS, color=look.colour,
                alpha=0.15, linewidth=0, zorder=1,
            )  # fmt: skip


def _mark_refusals(axes: Axes, times: pd.DataFrame) -> None:
    """Say, beside the last point of a line, that the licence refused what lies beyond."""
    for solver, rows in times.groupby("solver"):
        solved = rows[rows["refused"] == ""].sort_values("stages")
        if len(solved) in (0, len(rows)):
            continue
        last = solved.iloc[-1]
        axes.annotate(
            "larger: refused\nby the licence", (last["stages"], last["median_ms"] * MS), xytext=(6, 5),
            textcoords="offset points", fontsize=6.5, va="bottom",
            color=SOLVER_LOOKS.get(str(solver), Look(MUTED)).colour,
        )  # fmt: skip


def _finish(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(TICKS_S))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:f}".rstrip("0").rstrip(".")))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("stages")
    axes.xaxis.set_major_locator(FixedLocator(_stage_ticks(axes)))


def _stage_ticks(axes: Axes) -> list[float]:
    stages = sorted({float(x) for line in axes.get_lines() for x in np.asarray(line.get_xdata())})
    return stages if len(stages) < 7 else stages[::2]


def _draw_maps(panels: Sequence[Axes], beside: pd.DataFrame, *, narrow: bool) -> None:
    seconds = beside.assign(published_s=beside["published_ms"] * MS, ours_s=beside["median_ms"] * MS)
    times = seconds[["published_s", "ours_s"]].to_numpy(np.float64)
    scale = LogNorm(float(np.nanmin(times)) / 1.5, float(np.nanmax(times)) * 3)
    ratios = beside["speed_up"].to_numpy(np.float64)
    factors = LogNorm(float(np.nanmin(ratios)) / 2, float(np.nanmax(ratios)) * 3)
    for axes, column, title, norm in zip(
        panels,
        ("published_s", "ours_s", "speed_up"),
        ("(a) published (s)", "(b) ours, exact (s)", "(c) published over ours (times)"),
        (scale, scale, factors),
        strict=True,
    ):
        _draw_map(axes, seconds.pivot_table(index="variants", columns="stages", values=column), norm)
        name_panel(axes, title)
    for axes in panels if narrow else panels[:1]:
        axes.set_ylabel("variants per stage")
    for axes in panels[-1:] if narrow else panels:
        axes.set_xlabel("stages")


def _draw_map(axes: Axes, table: pd.DataFrame, norm: LogNorm) -> None:
    grid = table.sort_index()
    axes.imshow(grid.to_numpy(), origin="lower", aspect="auto", cmap="Blues", norm=norm)
    for (row, column), value in np.ndenumerate(grid.to_numpy()):
        axes.text(
            column, row, _short(float(value)), ha="center", va="center", fontsize=5.2,
            color="white" if norm(value) > DARK_FROM else INK,
        )  # fmt: skip
    axes.set_xticks(range(len(grid.columns)), [str(stages) for stages in grid.columns])
    axes.set_yticks(range(len(grid.index)), [str(variants) for variants in grid.index])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(factor: float) -> str:
    """Return a number in two digits: 0.21, 8.5, 540, 1.3k; in one if it is tiny: 3e-4."""
    if math.isnan(factor):
        return ""
    if factor < 0.01:
        return f"{factor:.0e}".replace("e-0", "e-")
    if factor >= 995:
        return f"{factor / 1000:.1f}k"
    return f"{float(f'{factor:.2g}'):.0f}" if factor >= 9.95 else f"{factor:#.2g}"
