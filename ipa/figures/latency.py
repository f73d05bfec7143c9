"""Figure 15, the distribution of the end-to-end latency, and where the latency comes from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ipa.experiments import METHODS, PIPELINES
from ipa.figures.style import (
    FAINT,
    INK,
    MUTED,
    PAGE_IN,
    TRACE_TITLES,
    Look,
    house_style,
    method_looks,
    method_title,
    new_figure,
    ordered,
    write_caption,
)
from ipa.figures.tidy import require
from ipa.latency import PARTS

CURVE_COLUMNS = ("pipeline", "method", "edition", "trace", "kind", "share", "latency_s")
SUMMARY_COLUMNS = ("pipeline", "method", "edition", "trace", "seed", "sla_s")
PART_COLUMNS = ("pipeline", "method", "edition", "trace", "seed", "stage", "part", "mean_s")

KINDS = {"seconds": "of per-second p99", "requests": "of requests"}
"""Rows of the figure, and what each is a share of."""

PART_COLOURS = {"queue": "#D55E00", "batch wait": "#E69F00", "service": "#56B4E9", "network": "#999999"}
STAGE_HATCHES = ("", "////", "xxxx", "....")
QUANTILES = {"p50_s": 0.50, "p90_s": 0.90, "p99_s": 0.99}


def latency_distribution(
    curves: pd.DataFrame, summary: pd.DataFrame, published: pd.DataFrame | None = None, note: str = ""
) -> Figure:
    """Draw the distribution of the latency per pipeline, of the p99 of each second and of requests.

    Parameters
    ----------
    curves
        Rows of ``ipa.latency.curves``.
    summary
        Rows of ``ipa.latency.latency_summary`` of the same runs.
    published
        ``ipa.latency.published_latency()``, to mark the published p50, p90 and p99.
    note
        What else the line under the figure shall say.

    Returns
    -------
    Figure
        A column per pipeline; the dotted line is its SLA.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(curves, CURVE_COLUMNS, "latency_distribution")
    require(summary, SUMMARY_COLUMNS, "latency_distribution")
    pipelines = ordered(curves["pipeline"], PIPELINES)
    looks = method_looks(ordered(curves["method"], METHODS))
    if published is not None and not set(summary["edition"]) & set(published.index.get_level_values(0)):
        published = None
    with house_style():
        figure = new_figure(PAGE_IN, 3.9)
        grid = figure.subplots(len(KINDS), len(pipelines), sharex="col", sharey=True, squeeze=False)
        for row, (kind, title) in zip(grid, KINDS.items(), strict=True):
            for axes, pipeline in zip(row, pipelines, strict=True):
                own = curves[(curves["pipeline"] == pipeline) & (curves["kind"] == kind)]
                runs = summary[summary["pipeline"] == pipeline]
                _draw_curves(axes, own, looks)
                axes.axvline(runs["sla_s"].iloc[0], color=INK, linewidth=0.9, linestyle=":")
                if kind == "seconds" and published is not None:
                    _mark_published(axes, runs, published, looks)
            row[0].set_ylabel(f"share {title}")
        for axes, pipeline in zip(grid[0], pipelines, strict=True):
            axes.set_title(pipeline, loc="left", fontweight="bold")
        _finish_axes(grid)
        grid[-1][len(pipelines) // 2].set_xlabel("end-to-end latency (s)")
        _write_legend(figure, looks, published is not None)
        write_caption(figure, _caption(summary, note, published is not None))
    return figure


def _draw_curves(axes: Axes, curves: pd.DataFrame, looks: dict[str, Look]) -> None:
    for index, (method, look) in enumerate(looks.items()):
        own = curves[curves["method"] == method]
        # Methods often coincide: a wide line below keeps both visible.
        axes.plot(
            own["latency_s"], own["share"], color=look.colour, linestyle=look.line_style,
            linewidth=2.0 if index == 0 else 1.1,
        )  # fmt: skip


def _mark_published(axes: Axes, runs: pd.DataFrame, published: pd.DataFrame, looks: dict[str, Look]) -> None:
    for method, look in looks.items():
        key = (str(runs["edition"].iloc[0]), str(runs["pipeline"].iloc[0]), method)
        if key in published.index:
            values = published.xs(key)
            axes.plot(
                [values[name] for name in QUANTILES], list(QUANTILES.values()), linestyle="none",
                marker=look.marker, markersize=4, markerfacecolor="white", markeredgecolor=look.colour,
                markeredgewidth=1.0, clip_on=False, zorder=4,
            )  # fmt: skip


def _finish_axes(grid: np.ndarray) -> None:
    for axes in grid.flat:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.5)
        axes.set_ylim(0, 1.02)
        low_s, high_s = axes.get_xlim()
        axes.set_xlim(max(low_s, 0.1), max(high_s, 12))


def _write_legend(figure: Figure, looks: dict[str, Look], published: bool) -> None:
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.line_style, linewidth=1.6) for look in looks.values()
    ]
    labels = [method_title(method) for method in looks]
    handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=0.9))
    labels.append("SLA")
    if published:
        handles.append(
            Line2D([], [], linestyle="none", marker="o", markersize=4, markerfacecolor="white", color=MUTED)
        )
        labels.append("published p50, p90, p99 (open)")
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _caption(frame: pd.DataFrame, note: str, published: bool, over_seeds: str = "pooled") -> str:
    traces = " and ".join(TRACE_TITLES.get(trace, trace) for trace in dict.fromkeys(frame["trace"]))
    seeds = sorted(set(frame["seed"]))
    shown = f"seeds {seeds[0]} to {seeds[-1]}, {over_seeds}" if len(seeds) > 1 else f"seed {seeds[0]}"
    notes = [f"edition {' and '.join(dict.fromkeys(frame['edition']))}", traces, shown]
    notes += [note] if note else []
    notes += ["published: real trace, real cluster"] if published else []
    return "  ·  ".join(notes)


def latency_breakdown(parts: pd.DataFrame, note: str = "") -> Figure:
    """Draw the mean latency of the answered requests, stage by stage and part by part.

    Parameters
    ----------
    parts
        Rows of ``ipa.latency.breakdowns``.
    note
        What else the line under the figure shall say.

    Returns
    -------
    Figure
        A panel per pipeline, a bar per method; colours tell the parts, hatches the stages.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(parts, PART_COLUMNS, "latency_breakdown")
    pipelines = ordered(parts["pipeline"], PIPELINES)
    means = parts.groupby(["pipeline", "method", "stage", "part"], sort=False)["mean_s"].mean()
    most_stages = 1
    with house_style():
        figure = new_figure(PAGE_IN, 2.9)
        panels = figure.subplots(1, len(pipelines), squeeze=False)[0]
        for axes, pipeline in zip(panels, pipelines, strict=True):
            own = means.loc[pipeline]
            methods = ordered(pd.Series(own.index.get_level_values("method")), METHODS)
            stages = [name for name in dict.fromkeys(own.index.get_level_values("stage")) if name]
            most_stages = max(most_stages, len(stages))
            _draw_stack(axes, own, methods, stages)
            axes.set_title(pipeline, loc="left", fontweight="bold")
        panels[0].set_ylabel("mean latency (s)")
        handles = [Patch(facecolor=PART_COLOURS[part]) for part in (*PARTS, "network")]
        handles += [
            Patch(facecolor="white", edgecolor=INK, hatch=hatch, linewidth=0.5)
            for hatch in STAGE_HATCHES[:most_stages]
        ]
        labels = [*PARTS, "network", *(f"stage {number}" for number in range(1, most_stages + 1))]
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), columnspacing=1.2)
        write_caption(figure, _caption(parts, note, published=False, over_seeds="means"))
    return figure


def _draw_stack(axes: Axes, means: pd.Series, methods: Sequence[str], stages: Sequence[str]) -> None:
    bottom = np.zeros(len(methods))
    pieces = [
        (stage, part, STAGE_HATCHES[min(number, len(STAGE_HATCHES) - 1)])
        for number, stage in enumerate(stages)
        for part in PARTS
    ]
    for stage, part, hatch in [*pieces, ("", "network", "")]:
        heights = np.array([means.get((method, stage, part), 0.0) for method in methods])
        axes.bar(
            range(len(methods)), heights, 0.72, bottom=bottom, color=PART_COLOURS[part], hatch=hatch,
            edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        bottom += heights
    axes.set_ylim(0, 1.06 * max(float(bottom.max()), 1e-9))
    axes.set_xticks(
        range(len(methods)),
        [method_title(m) for m in methods],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.tick_params(axis="x", length=0, labelsize=6.5)
