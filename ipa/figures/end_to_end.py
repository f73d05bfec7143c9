"""The paper's figures 8 to 12: one pipeline under four workloads and four methods."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from ipa.figures.average_panels import PANELS, draw_averages, has_published, spreads_widely
from ipa.figures.style import (
    INK,
    LOAD,
    PAGE_IN,
    Look,
    house_style,
    is_narrow,
    method_looks,
    method_title,
    name_panel,
    new_figure,
    provenance_line,
    put_in_order,
    set_apart,
    short_name,
    use_log_scale,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_METHODS, PAPER_WORKLOADS
from ipa.results.folder import RUN_KEYS

STEP_COLUMNS = (*RUN_KEYS, "time_s", "cost_cores", "pas", "plan")
AVERAGE_COLUMNS = (*RUN_KEYS, "cost_mean_cores", "pas_mean", "violation_share", "violating_seconds_share")

WINDOW_S = 60.0
"""Flips of accuracy are counted, and averaged where they are many, in windows of this length."""

MOST_FLIPS_PER_WINDOW, MOST_FLIPS = 0.5, 4
"""A line that turns more often than this, on average and in all, is drawn as mean and range of windows."""

UNITS = ("requests/s", "cost (cores)", "PAS × 100", "variant\nswitches/min")


def draw_end_to_end(
    steps: pd.DataFrame, averages: pd.DataFrame, load: pd.DataFrame, *, width_in: float = PAGE_IN
) -> Figure:
    """Draw cost and accuracy over time and the averages of one pipeline and edition.

    Parameters
    ----------
    steps
        Rows of ``ipa.studies.run_tables.decision_steps`` of one pipeline and edition.
    averages
        Rows of ``ipa.studies.run_tables.run_averages`` of the same runs; published columns that hold a number
        are drawn as diamonds beside the bars.
    load
        Rows of ``ipa.studies.run_tables.load_per_second`` of the same workloads.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        A column per workload with load, cost, PAS and switches of variants over time in seconds, and below
        them four panels of averages: cost, PAS, share of requests outside the SLA (drops included) and the
        paper's share of seconds whose p99 latency is outside it. A line that flips too often to be read is
        drawn as mean and range of its minutes.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(steps, STEP_COLUMNS, "end_to_end")
    require(averages, AVERAGE_COLUMNS, "end_to_end")
    require(load, ("workload", "time_s", "load_rps"), "end_to_end")
    workloads = put_in_order(averages["workload"], PAPER_WORKLOADS)
    looks = method_looks(put_in_order(averages["method"], PAPER_METHODS))
    narrow = is_narrow(width_in)
    with house_style(width_in):
        figure = new_figure(width_in, 8.3 if narrow else 7.1)
        over_time, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.3 if narrow else 2.05, 1])[
            :, 0
        ]
        panels = over_time.subplots(
            len(UNITS), len(workloads), sharex="col", sharey="row", squeeze=False,
            height_ratios=[0.5, 1, 1, 0.45],
        )  # fmt: skip
        averaged = [
            _draw_workload(column, workload, load, steps[steps["workload"] == workload], looks, narrow)
            for column, workload in zip(panels.T, workloads, strict=True)
        ]
        _finish_rows(panels, steps)
        over_time.align_ylabels(list(panels[:, 0]))
        shape = (2, 2) if narrow else (1, len(PANELS))
        for axes, panel in zip(below.subplots(*shape).flat, PANELS, strict=True):
            draw_averages(axes, averages, panel, workloads, looks)
        _write_legend(figure, looks, has_published(averages))
        write_caption(figure, _caption(averages, averaged=any(averaged)))
    return figure


def _draw_workload(
    column: Sequence[Axes],
    workload: str,
    load: pd.DataFrame,
    steps: pd.DataFrame,
    looks: Mapping[str, Look],
    narrow: bool,
) -> bool:
    """Draw the panels of a workload; return whether any line is one of means."""
    rates = load[load["workload"] == workload]
    column[0].fill_between(
        rates["time_s"], rates["load_rps"].astype(float), step="post", color=LOAD, alpha=0.6, linewidth=0
    )
    name_panel(column[0], short_name(workload, 11 if narrow else 18))
    averaged = False
    for index, (method, look) in enumerate(looks.items()):
        rows = steps[steps["method"] == method].sort_values("time_s")
        if rows.empty:
            continue
        times_s = rows["time_s"].to_numpy(np.float64)
        outcomes = (rows["cost_cores"].to_numpy(np.float64), 100 * rows["pas"].to_numpy(np.float64))
        for axes, values in zip(column[1:3], outcomes, strict=True):
            averaged |= _draw_outcome(axes, times_s, values, look, set_apart(axes, index, len(looks)))
        _draw_line(column[3], *switches_per_minute(rows), look, set_apart(column[3], index, len(looks)))
    column[-1].set_xlabel("time (s)")
    column[-1].xaxis.set_major_locator(
        MaxNLocator(2, steps=[1, 2, 5, 6, 10]) if narrow else MaxNLocator(4, steps=[1, 2, 3, 5, 10])
    )
    column[-1].set_xlim(0, rates["time_s"].max() + 1)
    return averaged


def _draw_outcome(
    axes: Axes, times_s: np.ndarray, values: np.ndarray, look: Look, transform: Transform
) -> bool:
    """Draw cost or accuracy; of a line that flips too often the mean and the range of each minute."""
    minutes = (times_s // WINDOW_S).astype(int)
    if _flips(values) <= max(MOST_FLIPS, MOST_FLIPS_PER_WINDOW * (minutes[-1] + 1)):
        _draw_line(axes, times_s, values, look, transform)
        return False
    grouped = pd.Series(values).groupby(minutes)
    starts_s = np.append(grouped.mean().index, minutes[-1] + 1) * WINDOW_S
    mean, low, high = (
        np.append(part, part.iloc[-1]) for part in (grouped.mean(), grouped.min(), grouped.max())
    )
    _draw_line(axes, starts_s, mean, look, transform)
    axes.fill_between(starts_s, low, high, step="post", color=look.colour, alpha=0.13, linewidth=0, zorder=1)
    return True


def _flips(values: np.ndarray) -> int:
    """Return how many times a series turns from up to down or back."""
    directions = np.sign(np.diff(values))
    directions = directions[directions != 0]
    return int(np.count_nonzero(np.diff(directions)))


def _draw_line(axes: Axes, x: np.ndarray, y: np.ndarray, look: Look, transform: Transform) -> None:
    axes.plot(
        x, y, color=look.colour, linestyle=look.line_style, drawstyle="steps-post", linewidth=1.0,
        transform=transform, solid_joinstyle="miter",
    )  # fmt: skip
    # A shifted line does not count for the limits of the axes by itself.
    axes.update_datalim(np.column_stack([x, y]))
    axes.autoscale_view()


def switches_per_minute(steps: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return when each minute of a run begins, and how many times a stage changed its variant within it."""
    times_s = steps["time_s"].to_numpy(np.float64)
    variants = [[stage["variant"] for stage in plan] for plan in steps["plan"]]
    changed = [
        sum(old != new for old, new in zip(before, after, strict=False))
        for before, after in pairwise(variants)
    ]
    # The last decision, at the end of a run, begins no minute of its own.
    minutes = np.maximum(np.ceil(times_s / WINDOW_S) - 1, 0).astype(int)
    counts = np.bincount(minutes[1:], weights=changed, minlength=minutes.max() + 1)
    return np.append(np.arange(len(counts)), len(counts)) * WINDOW_S, np.append(counts, counts[-1])


def _finish_rows(panels: np.ndarray, steps: pd.DataFrame) -> None:
    for axes, unit in zip(panels[:, 0], UNITS, strict=True):
        axes.set_ylabel(unit)
    costs = steps["cost_cores"].to_numpy(np.float64)
    if logarithmic := spreads_widely(costs):
        panels[1, 0].set_ylabel("cost (cores, log)")
    for axes in panels[1]:
        if logarithmic:
            use_log_scale(axes, "y", float(costs.min()), float(costs.max()))
        else:
            axes.set_ylim(bottom=0)
            whole_ticks(axes.yaxis, 5)
    for row in (panels[0], panels[-1]):
        row[0].set_ylim(0, 1.12 * max(1.0, *(axes.dataLim.y1 for axes in row)))
        for axes in row:
            whole_ticks(axes.yaxis, 3)
    for axes in panels[2]:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _caption(averages: pd.DataFrame, *, averaged: bool) -> str:
    notes = [f"pipeline {short_name(str(averages.iloc[0]['pipeline']), 40)}", "one run each"]
    notes += ["lines are set apart so that equal ones show"]
    notes += (
        ["where a line turns more than once in two minutes: mean and range of each minute"]
        if averaged
        else []
    )
    notes += ["averages: over decisions (cost, accuracy), requests, and seconds; 0: none"]
    if has_published(averages):
        notes.append("diamonds: published, measured on a live cluster (violations: bursty only)")
        if set(averages["trace"]) != {"real"}:
            notes.append(
                "they belong to the real trace: differences here say nothing, and some runs differ there too"
            )
    return provenance_line(averages, *notes)


def _write_legend(figure: Figure, looks: Mapping[str, Look], published: bool) -> None:
    handles: list[Any] = [
        (
            Line2D([], [], color=look.colour, linestyle=look.line_style, linewidth=1.6),
            Line2D([], [], color=look.colour, linestyle="none", marker=look.marker, markersize=5),
            Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0.3),
        )
        for look in looks.values()
    ]
    labels = [short_name(method_title(method)) for method in looks]
    if published:
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="D", markersize=3.6, markerfacecolor="white",
                markeredgecolor=INK,
            )
        )  # fmt: skip
        labels.append("published average")
    narrow = is_narrow(figure.get_figwidth())
    figure.legend(
        handles, labels, loc="outside upper center",
        ncols=2 if narrow else min(len(labels), 5), handlelength=4 if narrow else 5,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)},
    )  # fmt: skip
