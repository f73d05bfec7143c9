"""Figure 13: how long a decision takes, by number of stages and variants, solver by solver."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    name_panel,
    new_figure,
    ordered,
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

TICKS_MS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)


def draw_decision_time(
    times: pd.DataFrame, larger: pd.DataFrame, beside: pd.DataFrame, caption: str
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

    Returns
    -------
    Figure
        Above, over stages and variants as the paper draws it, (a) the published time, (b) ours, both in
        milliseconds on one scale of colours, and (c) the one over the other. Below, solver by solver over
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
    with house_style():
        figure = new_figure(PAGE_IN, 5.5)
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.1])[:, 0]
        _draw_maps(above, beside)
        left, right = below.subplots(1, 2, sharey=True)
        _draw_published(left, beside[beside["variants"] == variants])
        for axes, rows, letter in ((left, times, "d"), (right, larger, "e")):
            _draw_solvers(axes, rows)
            name_panel(axes, f"({letter}) {int(rows['variants'].max())} variants per stage")
            _finish(axes)
        _mark_refusals(right, larger)
        left.set_ylabel("time of a decision (ms)")
        handles, labels = left.get_legend_handles_labels()
        below.legend(handles, labels, loc="outside upper left", ncols=4, columnspacing=1.4)
        write_caption(figure, caption)
    return figure


def _draw_published(axes: Axes, published: pd.DataFrame) -> None:
    axes.plot(
        published["stages"], published["published_ms"], "D", color=INK, markersize=4,
        markerfacecolor="white", markeredgewidth=0.9, label="published (Gurobi)", zorder=4,
    )  # fmt: skip


def _draw_solvers(axes: Axes, times: pd.DataFrame) -> None:
    for solver in ordered(times["solver"], tuple(SOLVER_LOOKS)):
        look = SOLVER_LOOKS.get(solver, Look(MUTED))
        rows = times[times["solver"] == solver].sort_values("stages")
        solved = rows[rows["median_ms"].notna()]
        label = SOLVER_TITLES.get(solver, solver)
        axes.plot(
            solved["stages"], solved["median_ms"], color=look.colour, linestyle=look.line_style,
            marker=look.marker, markersize=3.4, label=label, zorder=3,
        )  # fmt: skip
        if solver == "exact":
            axes.fill_between(
                solved["stages"], solved["median_ms"], solved["worst_ms"], color=look.colour, alpha=0.15,
                linewidth=0, zorder=1,
            )  # fmt: skip


def _mark_refusals(axes: Axes, times: pd.DataFrame) -> None:
    """Say, beside the last point of a line, that the licence refused what lies beyond."""
    for solver, rows in times.groupby("solver"):
        solved = rows[rows["refused"] == ""].sort_values("stages")
        if len(solved) in (0, len(rows)):
            continue
        last = solved.iloc[-1]
        axes.annotate(
            "larger: refused\nby the licence", (last["stages"], last["median_ms"]), xytext=(6, 5),
            textcoords="offset points", fontsize=6.5, va="bottom",
            color=SOLVER_LOOKS.get(str(solver), Look(MUTED)).colour,
        )  # fmt: skip


def _finish(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(TICKS_MS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.15g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("stages")
    axes.xaxis.set_major_locator(FixedLocator(_stage_ticks(axes)))


def _stage_ticks(axes: Axes) -> list[float]:
    stages = sorted({float(x) for line in axes.get_lines() for x in np.asarray(line.get_xdata())})
    return stages if len(stages) < 7 else stages[::2]


def _draw_maps(figure: SubFigure, beside: pd.DataFrame) -> None:
    panels = figure.subplots(1, 3, sharey=True)
    times = beside[["published_ms", "median_ms"]].to_numpy(np.float64)
    scale = LogNorm(float(np.nanmin(times)) / 1.5, float(np.nanmax(times)) * 3)
    ratios = beside["speed_up"].to_numpy(np.float64)
    factors = LogNorm(float(np.nanmin(ratios)) / 2, float(np.nanmax(ratios)) * 3)
    for axes, column, title, norm in zip(
        panels,
        ("published_ms", "median_ms", "speed_up"),
        ("(a) published (ms)", "(b) ours, exact (ms)", "(c) published over ours (times)"),
        (scale, scale, factors),
        strict=True,
    ):
        _draw_map(axes, beside.pivot_table(index="variants", columns="stages", values=column), norm)
        name_panel(axes, title)
    panels[0].set_ylabel("variants per stage")


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
    axes.set_xlabel("stages")


def _short(factor: float) -> str:
    """Return a number in two digits: 0.21, 8.5, 540, 1.3k."""
    if math.isnan(factor):
        return ""
    if factor >= 995:
        return f"{factor / 1000:.1f}k"
    return f"{float(f'{factor:.2g}'):.0f}" if factor >= 10 else f"{factor:.2g}"
