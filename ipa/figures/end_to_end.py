"""The paper's figures 8 to 12: one pipeline under four workloads and four methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ipa.experiments import METHODS, WORKLOADS
from ipa.figures.style import (
    INK,
    LOAD,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    method_looks,
    method_title,
    name_panel,
    new_figure,
    ordered,
    provenance_line,
    write_caption,
)
from ipa.figures.tidy import require
from ipa.grid import RUN_KEYS

STEP_COLUMNS = (*RUN_KEYS, "time_s", "cost_cores", "pas")
AVERAGE_COLUMNS = (*RUN_KEYS, "cost_mean_cores", "pas_mean", "violation_share", "violating_seconds_share")


TICK_NAMES = {"steady-low": "steady\nlow", "steady-high": "steady\nhigh", "fluctuating": "fluc-\ntuating"}
"""Names that would run into each other under a group of bars."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One panel of bars.

    Parameters
    ----------
    column
        Column of the averages.
    scale
        Factor from the column to the axis.
    published
        Column with the published value.
    title, unit
        Text of the panel.
    """

    column: str
    scale: float
    published: str
    title: str
    unit: str


PANELS = (
    Bars("cost_mean_cores", 1, "published_cost_cores", "Average cost", "cores"),
    Bars("pas_mean", 100, "published_pas_pct", "Average accuracy", "PAS × 100"),
    Bars("violation_share", 100, "", "SLA violations", "% of requests sent"),
    Bars(
        "violating_seconds_share", 100, "published_violating_seconds_pct",
        "Same, paper's rule", "% of seconds",
    ),
)  # fmt: skip


def end_to_end(steps: pd.DataFrame, averages: pd.DataFrame, load: pd.DataFrame) -> Figure:
    """Draw cost and accuracy over time and the averages of one pipeline and edition.

    Parameters
    ----------
    steps
        Rows of ``ipa.figures.tidy.decision_steps`` of one pipeline and edition.
    averages
        Rows of ``ipa.figures.tidy.run_averages`` of the same runs; published columns that hold a number are
        drawn as diamonds beside the bars.
    load
        Rows of ``ipa.figures.tidy.load_per_second`` of the same workloads.

    Returns
    -------
    Figure
        A column per workload with load, cost and PAS over time in seconds, and below them four panels of
        bars: average cost, average PAS, share of requests outside the SLA (drops included) and the paper's
        share of seconds whose p99 latency is outside it.

    Raises
    ------
    ResultsError
        If a table is empty, lacks a column or holds more than one pipeline or edition.
    """
    require(steps, STEP_COLUMNS, "end_to_end")
    require(averages, AVERAGE_COLUMNS, "end_to_end")
    require(load, ("workload", "time_s", "load_rps"), "end_to_end")
    workloads = ordered(averages["workload"], WORKLOADS)
    looks = method_looks(ordered(averages["method"], METHODS))
    with house_style():
        figure = new_figure(PAGE_IN, 6.4)
        over_time, bars = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.75, 1])[:, 0]
        panels = over_time.subplots(
            3, len(workloads), sharex="col", sharey="row", squeeze=False, height_ratios=[0.55, 1, 1]
        )
        for column, workload in zip(panels.T, workloads, strict=True):
            _draw_workload(column, workload, load, steps[steps["workload"] == workload], looks)
        for axes, unit in zip(panels[:, 0], ("requests/s", "cost (cores)", "PAS × 100"), strict=True):
            axes.set_ylabel(unit)
        over_time.align_ylabels(list(panels[:, 0]))
        for axes, panel in zip(bars.subplots(1, len(PANELS)), PANELS, strict=True):
            _draw_bars(axes, averages, panel, workloads, looks)
        _write_legend(figure, looks, _has_published(averages))
        first = averages.iloc[0]
        write_caption(figure, provenance_line(averages, f"pipeline {first['pipeline']}", *_note(averages)))
    return figure


def _draw_workload(
    column: Sequence[Axes], workload: str, load: pd.DataFrame, steps: pd.DataFrame, looks: dict[str, Look]
) -> None:
    rates = load[load["workload"] == workload]
    column[0].fill_between(
        rates["time_s"], rates["load_rps"], step="post", color=LOAD, alpha=0.6, linewidth=0
    )
    column[0].set_ylim(bottom=0)
    name_panel(column[0], workload)
    steps = steps.assign(pas_pct=100 * steps["pas"])
    for axes, name in zip(column[1:], ("cost_cores", "pas_pct"), strict=True):
        # IPA often runs the same plan as another method: a wide line below keeps both visible.
        for index, (method, look) in enumerate(looks.items()):
            sns.lineplot(
                steps[steps["method"] == method], x="time_s", y=name, color=look.colour, ax=axes,
                errorbar=None, linestyle=look.line_style, drawstyle="steps-post",
                linewidth=1.8 if index == 0 else 1.0, estimator=None, legend=False,
            )  # fmt: skip
        axes.set_ylabel("")
        axes.yaxis.set_major_locator(MaxNLocator(5))
    column[1].set_ylim(bottom=0)
    column[-1].set_xlabel("time (s)")
    column[-1].xaxis.set_major_locator(MaxNLocator(4))
    column[-1].set_xlim(0, rates["time_s"].max() + 1)


def _draw_bars(
    axes: Axes, averages: pd.DataFrame, panel: Bars, workloads: Sequence[str], looks: dict[str, Look]
) -> None:
    width = 0.84 / len(looks)
    for index, (method, look) in enumerate(looks.items()):
        rows = averages[averages["method"] == method].set_index("workload").reindex(pd.Index(workloads))
        at = np.arange(len(workloads)) + (index - (len(looks) - 1) / 2) * width
        axes.bar(
            at, panel.scale * rows[panel.column], width, color=look.colour, hatch=look.hatch,
            edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        if panel.published in rows:
            axes.plot(
                at, rows[panel.published], "D", markersize=3.2, markerfacecolor="white", markeredgecolor=INK,
                markeredgewidth=0.8, clip_on=False,
            )  # fmt: skip
    axes.set_xticks(range(len(workloads)), [_wrapped(name) for name in workloads])
    axes.tick_params(axis="x", length=0, labelsize=6)
    axes.set_title(panel.title, loc="left", fontsize=7.5, fontweight="bold")
    axes.set_ylabel(panel.unit, fontsize=7)
    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    if not averages[panel.column].any():
        axes.text(0.5, 0.5, "none in any run", transform=axes.transAxes, ha="center", color=MUTED)
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _wrapped(name: str) -> str:
    return TICK_NAMES.get(name) or "\n".join(wrap(name, 8))


def _has_published(averages: pd.DataFrame) -> bool:
    return any(panel.published in averages and averages[panel.published].notna().any() for panel in PANELS)


def _note(averages: pd.DataFrame) -> list[str]:
    if _has_published(averages) and set(averages["trace"]) != {"real"}:
        return ["published values belong to the real trace: for reference only"]
    return []


def _write_legend(figure: Figure, looks: dict[str, Look], published: bool) -> None:
    handles: list[Any] = [
        (
            Line2D([], [], color=look.colour, linestyle=look.line_style, linewidth=1.6),
            Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0.3),
        )
        for look in looks.values()
    ]
    labels = [method_title(method) for method in looks]
    if published:
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="D", markersize=3.6, markerfacecolor="white",
                markeredgecolor=INK,
            )
        )  # fmt: skip
        labels.append("published average")
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(labels), handlelength=4,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)},
    )  # fmt: skip
