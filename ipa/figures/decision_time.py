"""Figure 13: how long a decision takes, by number of stages and variants, solver by solver."""

import math

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
    name_panel,
    new_figure,
    ordered,
    write_caption,
)
from ipa.figures.tidy import require

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
TICKS_MS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)


def decision_time(times: pd.DataFrame, larger: pd.DataFrame, beside: pd.DataFrame, caption: str) -> Figure:
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
        (a) median time against the number of stages; (b) published over our time for every size of the
        paper; (c) median time at larger sizes, a line ends where the licence refuses the model.

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
        figure = new_figure(PAGE_IN, 3.05)
        left, middle, right = figure.subplots(1, 3, width_ratios=[1.05, 1.1, 1.05])
        published = beside[beside["variants"] == variants]
        _draw_published(left, published)
        _draw_solvers(left, times)
        name_panel(left, f"(a) {variants} variants per stage")
        _draw_speed_up(middle, beside)
        _draw_solvers(right, larger)
        _mark_refusals(right, larger)
        name_panel(right, f"(c) {int(larger['variants'].max())} variants per stage")
        for axes in (left, right):
            _finish(axes)
        highest = max(left.get_ylim()[1], right.get_ylim()[1])
        lowest = min(left.get_ylim()[0], right.get_ylim()[0])
        left.set_ylim(lowest, highest)
        right.set_ylim(lowest, highest)
        left.set_ylabel("time of a decision (ms)")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, columnspacing=1.4)
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


def _draw_speed_up(axes: Axes, beside: pd.DataFrame) -> None:
    grid = beside.pivot_table(index="variants", columns="stages", values="speed_up").sort_index()
    values = grid.to_numpy()
    axes.imshow(
        values, origin="lower", aspect="auto", cmap="Blues",
        norm=LogNorm(max(1.0, values.min() / 2), values.max() * 2.5),
    )  # fmt: skip
    middle = math.sqrt(values.min() * values.max())
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column, row, _short(float(value)), ha="center", va="center", fontsize=5.2,
            color="white" if value > 3 * middle else INK,
        )  # fmt: skip
    axes.set_xticks(range(len(grid.columns)), [str(stages) for stages in grid.columns])
    axes.set_yticks(range(len(grid.index)), [str(variants) for variants in grid.index])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("stages")
    axes.set_ylabel("variants per stage")
    name_panel(axes, "(b) published time over ours")


def _short(factor: float) -> str:
    """Return a factor in two digits: 87, 540, 1.3k."""
    if factor >= 995:
        return f"{factor / 1000:.1f}k"
    return f"{float(f'{factor:.2g}'):.0f}" if factor >= 10 else f"{factor:.1f}"
