"""The corrected edition beside the published one: what changes in cost, accuracy and violations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

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
    provenance_line,
    put_in_order,
    short_name,
    use_log_scale,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES
from ipa.results.folder import RUN_KEYS
from ipa.studies.run_tables import numbers

METRICS = (
    ("cost_mean_cores", 1, "Cost", "cores (log scale)"),
    ("pas_mean", 100, "Accuracy", "PAS × 100"),
    ("violation_share", 100, "Late or lost", "% of requests sent"),
    ("violating_seconds_share", 100, "Late (paper)", "% of seconds"),
)
"""Column, factor to the axis, title, unit."""


def draw_editions(averages: pd.DataFrame, before: str = "as-published", after: str = "corrected") -> Figure:
    """Draw what changes from one edition to another, for every pipeline and method.

    Parameters
    ----------
    averages
        Rows of ``ipa.studies.run_tables.run_averages`` of both editions; their mean over workloads is drawn.
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
    pipelines, methods = (
        put_in_order(chosen["pipeline"], PAPER_PIPELINES),
        put_in_order(chosen["method"], PAPER_METHODS),
    )
    rows = [(pipeline, method) for pipeline in pipelines for method in methods]
    names = [name for name, *_ in METRICS]
    chosen = chosen.assign(**{name: numbers(chosen[name]) for name in names})
    means = chosen.groupby(["edition", "pipeline", "method"])[names].mean()
    with house_style():
        figure = new_figure(PAGE_IN, 1.3 + 0.19 * len(rows))
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for axes, (name, scale, title, unit) in zip(panels, METRICS, strict=True):
            values = [
                scale * means[name].get(edition, pd.Series()).reindex(rows).to_numpy(np.float64)
                for edition in (before, after)
            ]
            _draw_changes(axes, values[0], values[1], [method for _, method in rows])
            name_panel(axes, title)
            axes.set_xlabel(unit)
            shown = np.concatenate([part[np.isfinite(part)] for part in values])
            if name == "cost_mean_cores" and len(shown) and shown.min() > 0:
                use_log_scale(axes, "x", float(shown.min()), float(shown.max()), most=5)
            else:
                axes.set_xlim(0, max(axes.get_xlim()[1], 1))
                axes.xaxis.set_major_locator(MaxNLocator(5))
        _name_rows(panels[0], pipelines, methods)
        _write_legend(figure, before, after)
        count = chosen["workload"].nunique()
        note = f"mean over {count} workload{'s' if count > 1 else ''}, one run each"
        write_caption(figure, provenance_line(chosen, note))
    return figure


def _draw_changes(axes: Axes, before: np.ndarray, after: np.ndarray, methods: Sequence[str]) -> None:
    looks = method_looks(list(dict.fromkeys(methods)))
    for row, (old, new, method) in enumerate(zip(before, after, methods, strict=True)):
        look = looks[method]
        axes.plot([old, new], [row, row], color=look.colour, linewidth=1.4, alpha=0.7, zorder=2)
        # The open marker is the larger one, so that it shows around a filled one at the same place.
        for value, fill, size in ((old, "white", 7.0), (new, look.colour, 4.5)):
            axes.plot(
                value, row, look.marker, markersize=size, markerfacecolor=fill, markeredgecolor=look.colour,
                zorder=3, clip_on=False,
            )  # fmt: skip
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")


def _name_rows(axes: Axes, pipelines: Sequence[str], methods: Sequence[str]) -> None:
    labels = [method_title(method) for _ in pipelines for method in methods]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    figure = axes.figure
    for index, pipeline in enumerate(pipelines):
        first = index * len(methods)
        axes.annotate(
            short_name(pipeline, 4 * len(methods) + 2), (0, first + (len(methods) - 1) / 2),
            xycoords=("axes fraction", "data"),
            xytext=(-46, 0), textcoords="offset points", rotation=90, va="center", ha="right", fontsize=8,
            fontweight="bold", annotation_clip=False,
        )  # fmt: skip
        if index:
            for panel in figure.axes:
                panel.axhline(first - 0.5, color=FAINT, linewidth=0.8)


def _write_legend(figure: Figure, before: str, after: str) -> None:
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor=fill,
            markeredgecolor=MUTED,
            label=name,
        )
        for fill, size, name in (("white", 7.0, before), (MUTED, 4.5, after))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, labelcolor=INK)
