"""The corrected edition beside the published one: what changes in cost, accuracy and violations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, ScalarFormatter

from ipa.experiments import METHODS, PIPELINES
from ipa.figures.style import (
    FAINT,
    INK,
    MUTED,
    PAGE_IN,
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

METRICS = (
    ("cost_mean_cores", 1, "Cost", "cores (log scale)"),
    ("pas_mean", 100, "Accuracy", "PAS × 100"),
    ("violation_share", 100, "SLA violations", "% of requests sent"),
    ("violating_seconds_share", 100, "Same, paper's rule", "% of seconds"),
)
"""Column, factor to the axis, title, unit."""


def editions(averages: pd.DataFrame, before: str = "as-published", after: str = "corrected") -> Figure:
    """Draw what changes from one edition to another, for every pipeline and method.

    Parameters
    ----------
    averages
        Rows of ``ipa.figures.tidy.run_averages`` of both editions; their mean over workloads is drawn.
    before, after
        The two editions.

    Returns
    -------
    Figure
        A panel per metric, a row per pipeline and method: an open marker for ``before``, a filled one for
        ``after``, joined by a line.

    Raises
    ------
    ResultsError
        If the table is empty, lacks a column, or lacks one of the editions.
    """
    require(averages, (*RUN_KEYS, *(name for name, *_ in METRICS)), "editions")
    chosen = averages[averages["edition"].isin([before, after])]
    require(chosen[chosen["edition"] == before], (), f"editions (edition {before})")
    require(chosen[chosen["edition"] == after], (), f"editions (edition {after})")
    pipelines, methods = ordered(chosen["pipeline"], PIPELINES), ordered(chosen["method"], METHODS)
    rows = [(pipeline, method) for pipeline in pipelines for method in methods]
    names = [name for name, *_ in METRICS]
    means = chosen.groupby(["edition", "pipeline", "method"])[names].mean()
    with house_style():
        figure = new_figure(PAGE_IN, 1.3 + 0.19 * len(rows))
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for axes, (name, scale, title, unit) in zip(panels, METRICS, strict=True):
            values = [
                scale * means[name].get(edition, pd.Series()).reindex(rows) for edition in (before, after)
            ]
            _draw_changes(axes, values[0].to_numpy(), values[1].to_numpy(), [method for _, method in rows])
            name_panel(axes, title)
            axes.set_xlabel(unit)
            if name == "cost_mean_cores":
                _use_log_scale(axes)
            else:
                axes.set_xlim(left=0)
                axes.xaxis.set_major_locator(MaxNLocator(5))
        _name_rows(panels[0], pipelines, methods)
        _write_legend(figure, before, after)
        count = chosen["workload"].nunique()
        note = f"mean over {count} workload{'s' if count > 1 else ''}"
        write_caption(figure, provenance_line(chosen, note))
    return figure


def _draw_changes(axes: Axes, before: np.ndarray, after: np.ndarray, methods: Sequence[str]) -> None:
    looks = method_looks(list(dict.fromkeys(methods)))
    for row, (old, new, method) in enumerate(zip(before, after, methods, strict=True)):
        look = looks[method]
        axes.plot([old, new], [row, row], color=look.colour, linewidth=1.4, alpha=0.7, zorder=2)
        for value, fill in ((old, "white"), (new, look.colour)):
            axes.plot(
                value, row, look.marker, markersize=5, markerfacecolor=fill, markeredgecolor=look.colour,
                zorder=3, clip_on=False,
            )  # fmt: skip
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


def _use_log_scale(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


def _name_rows(axes: Axes, pipelines: Sequence[str], methods: Sequence[str]) -> None:
    labels = [method_title(method) for _ in pipelines for method in methods]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    figure = axes.figure
    for index, pipeline in enumerate(pipelines):
        first = index * len(methods)
        axes.annotate(
            pipeline, (0, first + (len(methods) - 1) / 2), xycoords=("axes fraction", "data"),
            xytext=(-46, 0), textcoords="offset points", rotation=90, va="center", ha="right", fontsize=8,
            fontweight="bold", annotation_clip=False,
        )  # fmt: skip
        if index:
            for panel in figure.axes:
                panel.axhline(first - 0.5, color=FAINT, linewidth=0.8)


def _write_legend(figure: Figure, before: str, after: str) -> None:
    handles = [
        Line2D([], [], linestyle="none", marker="o", markerfacecolor=fill, markeredgecolor=MUTED, label=name)
        for fill, name in (("white", before), (MUTED, after))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, labelcolor=INK)
