"""Figure 15, the distribution of the end-to-end latency, and where the latency comes from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ipa.figures.style import (
    FAINT,
    INK,
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
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_METHODS, PAPER_PIPELINES
from ipa.studies.latency import PARTS

CURVE_COLUMNS = ("pipeline", "method", "edition", "trace", "kind", "share", "latency_s")
SUMMARY_COLUMNS = ("pipeline", "method", "edition", "trace", "seed", "sla_s")
PART_COLUMNS = ("pipeline", "method", "edition", "trace", "seed", "stage", "part", "mean_s")

KINDS = {"seconds": "of per-second p99", "requests": "of requests"}
"""Rows of the figure, and what each is a share of."""

PART_COLOURS = {"queue": "#B34A00", "batch wait": "#F6D86B", "service": "#56B4E9", "network": "#444444"}
"""Colours that differ in greyscale, too."""

HATCH_COLOURS = {"batch wait": "#555555"}
"""Where white does not show."""

STAGE_HATCHES = ("", "////", "xxxx", "....", "\\\\\\\\", "----", "++++", "oooo")
PUBLISHED_GAP_PT = 1.8
"""Distance of the markers of methods that were published with the same quantile."""

SHORTEST_S = 1e-6
"""What is shorter than this is the rounding of a difference."""

QUANTILES = {"p50_s": 0.50, "p90_s": 0.90, "p99_s": 0.99}


def draw_latency_distribution(
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    published: pd.DataFrame | None = None,
    note: str = "",
    *,
    width_in: float = PAGE_IN,
) -> Figure:
    """Draw the distribution of the latency per pipeline, of the p99 of each second and of requests.

    Parameters
    ----------
    curves
        Rows of ``ipa.studies.latency.curves``.
    summary
        Rows of ``ipa.studies.latency.latency_summary`` of the same runs.
    published
        ``ipa.studies.latency.published_latency()``, to mark the published p50, p90 and p99.
    note
        What else the line under the figure shall say.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        A column per pipeline (in one column of a page a row); the dotted line is its SLA.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(curves, CURVE_COLUMNS, "latency_distribution")
    require(summary, SUMMARY_COLUMNS, "latency_distribution")
    pipelines = put_in_order(curves["pipeline"], PAPER_PIPELINES)
    looks = method_looks(put_in_order(curves["method"], PAPER_METHODS))
    if published is not None and not set(summary["edition"]) & set(published.index.get_level_values(0)):
        published = None
    narrow = is_narrow(width_in)
    with house_style(width_in):
        figure = new_figure(width_in, 1.5 + 1.1 * len(pipelines) if narrow else 3.9)
        shape = (len(pipelines), len(KINDS)) if narrow else (len(KINDS), len(pipelines))
        drawn = figure.subplots(*shape, sharex="row" if narrow else "col", sharey=True, squeeze=False)
        grid = drawn.T if narrow else drawn
        for row, (kind, title) in zip(grid, KINDS.items(), strict=True):
            for axes, pipeline in zip(row, pipelines, strict=True):
                own = curves[(curves["pipeline"] == pipeline) & (curves["kind"] == kind)]
                runs = summary[summary["pipeline"] == pipeline]
                _draw_curves(axes, own, looks)
                axes.axvline(runs["sla_s"].iloc[0], color=INK, linewidth=0.9, linestyle=":")
                if kind == "seconds" and published is not None:
                    _mark_published(axes, runs, published, looks)
            if narrow:
                row[-1].set_xlabel("end-to-end latency (s)")
            for axes in row if narrow else row[:1]:
                axes.set_ylabel(f"share {title}")
        for axes, pipeline in zip(grid[0], pipelines, strict=True):
            name_panel(axes, short_name(pipeline, 14))
        _finish_axes(grid)
        if not narrow:
            grid[-1][len(pipelines) // 2].set_xlabel("end-to-end latency (s)")
        _write_legend(figure, looks, published is not None)
        write_caption(figure, _caption(summary, note, published, over_seeds="pooled"))
    return figure


def _draw_curves(axes: Axes, curves: pd.DataFrame, looks: dict[str, Look]) -> None:
    for index, (method, look) in enumerate(looks.items()):
        own = curves[curves["method"] == method].dropna(subset=["latency_s"])
        if own.empty:
            continue
        axes.plot(
            own["latency_s"], own["share"], color=look.colour, linestyle=look.line_style, linewidth=1.1,
            transform=set_apart(axes, index, len(looks), gap_pt=1.1, sideways=True),
        )  # fmt: skip
        axes.update_datalim(own[["latency_s", "share"]].to_numpy(np.float64))
    axes.autoscale_view()


def _mark_published(axes: Axes, runs: pd.DataFrame, published: pd.DataFrame, looks: dict[str, Look]) -> None:
    for index, (method, look) in enumerate(looks.items()):
        key = (str(runs["edition"].iloc[0]), str(runs["pipeline"].iloc[0]), method)
        if key in published.index:
            values = published.xs(key)
            axes.plot(
                [values[name] for name in QUANTILES], list(QUANTILES.values()), linestyle="none",
                marker=look.marker, markersize=4.5, markerfacecolor="white", markeredgecolor=look.colour,
                markeredgewidth=1.1, clip_on=False, zorder=4,
                transform=set_apart(axes, index, len(looks), gap_pt=PUBLISHED_GAP_PT),
            )  # fmt: skip


def _finish_axes(grid: np.ndarray) -> None:
    for axes in grid.flat:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.5)
        axes.set_ylim(0, 1.05)
        low_s, high_s = axes.get_xlim()
        axes.set_xlim(max(low_s, 0.1) if high_s > 0.1 else low_s, max(high_s, 12))


def _write_legend(figure: Figure, looks: dict[str, Look], published: bool) -> None:
    handles: list[Any] = []
    for look in looks.values():
        line = Line2D([], [], color=look.colour, linestyle=look.line_style, linewidth=1.6)
        mark = Line2D(
            [], [], linestyle="none", marker=look.marker, markersize=4.5, markerfacecolor="white",
            markeredgecolor=look.colour, markeredgewidth=1.1,
        )  # fmt: skip
        handles.append((line, mark) if published else line)
    labels = [short_name(method_title(method)) for method in looks]
    handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=0.9))
    labels.append("SLA")
    most = 3 if is_narrow(figure.get_figwidth()) else 6
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(len(labels), most), handlelength=4,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.4)}, columnspacing=1.4,
    )  # fmt: skip


def _caption(frame: pd.DataFrame, note: str, published: pd.DataFrame | None, over_seeds: str) -> str:
    several = len(set(frame["seed"])) > 1
    notes = [f"{over_seeds} over seeds"] * several
    notes += [note] if note else []
    if published is not None:
        notes += ["lines and markers are set apart so that equal ones show"]
        notes += ["open markers: published p50, p90 and p99 (smoothed; real trace, live cluster)"]
        notes += _medians(frame, published)
    return provenance_line(frame, *notes)


def _medians(summary: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Say how far the medians are apart, which the claims C16 and C17 test beside the shares at the SLA."""
    if "p50_s" not in summary:
        return []
    ours = summary.groupby(["edition", "pipeline", "method"])["p50_s"].mean()
    ratios = (published["p50_s"].reindex(ours.index) / ours).dropna()
    if ratios.empty:
        return []
    low, high = ratios.min(), ratios.max()
    return [f"medians (tested in C16 and C17): the published ones are {low:.1f} to {high:.1f} times ours"]


def draw_latency_breakdown(parts: pd.DataFrame, note: str = "", *, width_in: float = PAGE_IN) -> Figure:
    """Draw the mean latency of the answered requests, stage by stage and part by part.

    Parameters
    ----------
    parts
        Rows of ``ipa.studies.latency.breakdowns``.
    note
        What else the line under the figure shall say.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

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
    pipelines = put_in_order(parts["pipeline"], PAPER_PIPELINES)
    means = parts.groupby(["pipeline", "method", "stage", "part"], sort=False)["mean_s"].mean()
    occurring = [part for part in PART_COLOURS if _occurs(means, part)] or list(PARTS)
    most_stages = 1
    narrow = is_narrow(width_in)
    columns = min(len(pipelines), 2) if narrow else len(pipelines)
    rows = -(-len(pipelines) // columns)
    with house_style(width_in):
        figure = new_figure(width_in, 1.1 + 1.6 * rows if narrow else 2.9)
        panels = figure.subplots(rows, columns, squeeze=False).flat
        for axes in panels[len(pipelines) :]:
            axes.remove()
        for axes, pipeline in zip(panels, pipelines, strict=False):
            own = means.loc[pipeline]
            methods = put_in_order(pd.Series(own.index.get_level_values("method")), PAPER_METHODS)
            stages = [name for name in dict.fromkeys(own.index.get_level_values("stage")) if name]
            most_stages = max(most_stages, len(stages))
            _draw_stack(axes, own, methods, stages)
            name_panel(axes, short_name(pipeline, 14))
        for axes in panels[: len(pipelines) : columns]:
            axes.set_ylabel("mean latency (s)")
        handles = [Patch(facecolor=PART_COLOURS[part]) for part in occurring]
        handles += [
            Patch(facecolor="white", edgecolor=INK, hatch=_hatch(number), linewidth=0.5)
            for number in range(most_stages)
        ]
        labels = [*occurring, *(f"stage {number}" for number in range(1, most_stages + 1))]
        figure.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=min(len(labels), 3 if narrow else 7),
            columnspacing=1.2,
        )
        write_caption(figure, _caption(parts, note, None, over_seeds="means"))
    return figure


def _occurs(means: pd.Series, part: str) -> bool:
    own = means[means.index.get_level_values("part") == part]
    return bool((own > SHORTEST_S).any())


def _hatch(stage: int) -> str:
    return STAGE_HATCHES[stage % len(STAGE_HATCHES)]


def _draw_stack(axes: Axes, means: pd.Series, methods: Sequence[str], stages: Sequence[str]) -> None:
    bottom = np.zeros(len(methods))
    pieces = [(stage, part, _hatch(number)) for number, stage in enumerate(stages) for part in PARTS]
    for stage, part, hatch in [*pieces, ("", "network", "")]:
        heights = np.nan_to_num([float(means.get((method, stage, part), 0.0)) for method in methods])
        axes.bar(
            range(len(methods)), heights, 0.72, bottom=bottom, color=PART_COLOURS[part], hatch=hatch,
            edgecolor=HATCH_COLOURS.get(part, "white"), linewidth=0.3,
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
