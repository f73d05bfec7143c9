"""What a forecaster is worth in whole runs: figure 16 (ablation), and the quantile as a knob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ipa.figures.forecasters import QUANTILE_LOOK, look, title
from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    house_style,
    is_narrow,
    name_panel,
    new_figure,
    put_in_order,
    short_name,
    use_log_scale,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_PIPELINES
from ipa.studies.forecasters import ABLATION

COLUMNS = (
    "edition", "pipeline", "forecaster", "cost_cores", "violation_pct", "dropped_pct", "pas_pct",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoopPanel:
    """One panel of figure 16.

    Parameters
    ----------
    column, published
        Columns of our value and of the published one; the latter is empty where there is none.
    heading, unit
        Text of the panel.
    """

    column: str
    published: str
    heading: str
    unit: str


COST = LoopPanel("cost_cores", "published_cost_cores", "Cost", "cores (log scale)")
VIOLATIONS = LoopPanel("violation_pct", "", "Late or lost", "% of requests")
DROPS = LoopPanel("dropped_pct", "published_dropped_pct", "Drops", "% of requests")
ACCURACY = LoopPanel("pas_pct", "", "Accuracy", "PAS × 100")
PANELS_PER_EDITION = 3


def draw_forecaster_ablation(table: pd.DataFrame, caption: str, *, width_in: float = PAGE_IN) -> Figure:
    """Draw figure 16: cost and violations of every pipeline under each forecaster.

    Parameters
    ----------
    table
        Rows of ``ipa.studies.forecasters.beside_published``.
    caption
        Trace and seeds.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        A row per edition, with a group per pipeline: cost in cores as points on a logarithmic axis, then late
        or lost requests and dropped requests in percent where there are any, and accuracy. Diamonds are
        published values; what figure 16 calls violations are dropped requests.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(table, (*COLUMNS, "published_cost_cores", "published_dropped_pct"), "forecaster ablation")
    editions = list(dict.fromkeys(table["edition"]))
    pipelines = put_in_order(table["pipeline"], PAPER_PIPELINES)
    names = put_in_order(table["forecaster"], ABLATION)
    narrow = is_narrow(width_in)
    panels = {edition: _panels(table[table["edition"] == edition]) for edition in editions}
    with house_style(width_in):
        figure, grid = _narrow_grid(width_in, panels) if narrow else _wide_grid(width_in, panels)
        for edition in editions:
            rows = table[table["edition"] == edition]
            for place, (axes, panel) in enumerate(zip(grid[edition], panels[edition], strict=True)):
                _draw_groups(axes, rows, pipelines, names, panel)
                told = f"{panel.heading}, {edition}" if narrow or place == 0 else panel.heading
                name_panel(axes, told)
        published = bool(table[["published_cost_cores", "published_dropped_pct"]].notna().any(axis=None))
        _write_legend(figure, names, published=published)
        write_caption(figure, "  ·  ".join([caption, *_find_averaged(table)]))
    return figure


def _wide_grid(
    width_in: float, panels: Mapping[str, Sequence[LoopPanel]]
) -> tuple[Figure, dict[str, list[Axes]]]:
    """Return a figure with a row per edition, and its axes."""
    figure = new_figure(width_in, 0.9 + 1.8 * len(panels))
    grid = figure.subplots(len(panels), PANELS_PER_EDITION, squeeze=False)
    for row, chosen in zip(grid, panels.values(), strict=True):
        for axes in row[len(chosen) :]:
            axes.remove()
    return figure, {
        edition: list(row[: len(chosen)])
        for row, (edition, chosen) in zip(grid, panels.items(), strict=True)
    }  # fmt: skip


def _narrow_grid(
    width_in: float, panels: Mapping[str, Sequence[LoopPanel]]
) -> tuple[Figure, dict[str, list[Axes]]]:
    """Return a figure with all panels below each other, and its axes."""
    count = sum(map(len, panels.values()))
    figure = new_figure(width_in, 1.2 + 1.25 * count)
    column = iter(figure.subplots(count, 1, squeeze=False)[:, 0])
    return figure, {edition: list(islice(column, len(chosen))) for edition, chosen in panels.items()}


def _panels(rows: pd.DataFrame) -> list[LoopPanel]:
    """Return the panels in which something is to be seen, cost first."""
    chosen = [COST]
    for panel in (VIOLATIONS, DROPS):
        columns = [panel.column, *([panel.published] if panel.published else [])]
        if rows[columns].fillna(0).to_numpy(np.float64).any():
            chosen.append(panel)
    return [*chosen, ACCURACY][:PANELS_PER_EDITION]


def _find_averaged(table: pd.DataFrame) -> list[str]:
    """Say how many runs an average is of, by edition."""
    if "runs" not in table:
        return []
    notes = []
    for edition, rows in table.groupby("edition", sort=False):
        counts = sorted(set(rows["runs"]))
        several = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        notes.append(f"{edition}: " + ("one run" if several == "1" else f"means of {several} runs"))
    return notes


def _draw_groups(
    axes: Axes, table: pd.DataFrame, pipelines: Sequence[str], names: Sequence[str], panel: LoopPanel
) -> None:
    width = 0.84 / len(names)
    for index, name in enumerate(names):
        rows = table[table["forecaster"] == name].drop_duplicates("pipeline").set_index("pipeline")
        rows = rows.reindex(pd.Index(pipelines))
        at = np.arange(len(pipelines)) + (index - (len(names) - 1) / 2) * width
        values, drawn = rows[panel.column].to_numpy(np.float64), look(name)
        if panel is COST:
            axes.plot(at, values, drawn.marker, markersize=4.5, color=drawn.colour, zorder=3)
        else:
            axes.bar(
                at, values, width, color=drawn.colour, hatch=drawn.hatch, edgecolor="white", linewidth=0.3
            )
            # Where all are zero, the panel says so.
            _mark_zeros(axes, at[values == 0] if table[panel.column].any() else at[:0], drawn.colour)
        if panel.published:
            axes.plot(
                at, rows[panel.published], "D", markersize=3.2, markerfacecolor="white",
                markeredgecolor=drawn.colour if panel is DROPS else INK, markeredgewidth=0.9, clip_on=False,
                zorder=4,
            )  # fmt: skip
    _finish_groups(axes, table, pipelines, panel)


def _mark_zeros(axes: Axes, places: np.ndarray, colour: str) -> None:
    for place in places:
        axes.annotate(
            "0", (place, 0), xytext=(0, 1.5), textcoords="offset points", ha="center", fontsize=4.5,
            color=colour, fontweight="bold",
        )  # fmt: skip


def _finish_groups(axes: Axes, table: pd.DataFrame, pipelines: Sequence[str], panel: LoopPanel) -> None:
    axes.set_ylabel(panel.unit)
    axes.set_xticks(range(len(pipelines)), [short_name(name, 12).replace("-", "\n") for name in pipelines])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(pipelines) - 0.45)
    values = table[[panel.column, *([panel.published] if panel.published else [])]]
    if panel is COST:
        for border in np.arange(len(pipelines) - 1) + 0.5:
            axes.axvline(border, color="#EEEEEE", linewidth=0.6, zorder=0)
        positive = values.to_numpy(np.float64)
        positive = positive[positive > 0]
        if len(positive):
            use_log_scale(axes, "y", float(positive.min()), float(positive.max()))
        return
    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    if not table[panel.column].any():
        axes.text(
            1, 1.03, "ours: none", transform=axes.transAxes, ha="right", va="bottom", color=MUTED, fontsize=7
        )


def _write_legend(figure: Figure, names: Sequence[str], *, published: bool) -> None:
    handles: list[Any] = [
        (
            Line2D([], [], linestyle="none", marker=look(n).marker, markersize=4.5, color=look(n).colour),
            Patch(facecolor=look(n).colour, hatch=look(n).hatch, edgecolor="white", linewidth=0.3),
        )
        for n in names
    ]
    labels = [title(name) for name in names]
    if published:
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="D", markersize=3.6, markerfacecolor="white",
                markeredgecolor=INK,
            )
        )  # fmt: skip
        labels.append("published")
    most = 3 if is_narrow(figure.get_figwidth()) else 6
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(len(labels), most), handlelength=3.4,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.5)}, columnspacing=1.4,
    )  # fmt: skip


def draw_quantile_tradeoff(table: pd.DataFrame, caption: str) -> Figure:
    """Draw violations against cost with the quantile as the knob, other forecasters beside it.

    Parameters
    ----------
    table
        Rows of ``ipa.studies.forecasters.closed_loop_table`` of one edition.
    caption
        Edition, trace, workloads and seeds.

    Returns
    -------
    Figure
        A panel per pipeline in which anybody is late under any forecaster: late or lost requests in percent
        against cost in cores; the caption names the other pipelines. The line joins the quantiles, the lowest
        at its left end. Down and to the left is better.

    Raises
    ------
    ResultsError
        If the table is empty, lacks a column or has no quantile.
    """
    require(table, COLUMNS, "quantile trade-off")
    of_quantile = table["forecaster"].str.startswith("quantile-")
    require(table[of_quantile], (), "quantile trade-off (quantile forecasters)")
    pipelines = put_in_order(table["pipeline"], PAPER_PIPELINES)
    late = set(table.loc[table["violation_pct"] > 0, "pipeline"])
    shown = [name for name in pipelines if name in late]
    others = list(dict.fromkeys(table.loc[~of_quantile, "forecaster"]))
    with house_style():
        figure = new_figure(PAGE_IN, 2.4 if shown else 0.8)
        panels = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
        for axes, pipeline in zip(panels, shown, strict=False):
            _draw_tradeoff(axes, table[table["pipeline"] == pipeline], others)
            name_panel(axes, short_name(pipeline))
        if shown:
            panels[0].set_ylabel("% of requests late or lost")
            handles, labels = panels[0].get_legend_handles_labels()
            figure.legend(
                handles, labels, loc="outside upper center", ncols=min(len(labels), 7), handlelength=1.6,
                columnspacing=1.2,
            )  # fmt: skip
        else:
            panels[0].set_axis_off()
            panels[0].text(0.5, 0.5, "Nobody is late at any level.", ha="center", va="center", fontsize=9)
        calm = [short_name(name) for name in pipelines if name not in late]
        notes = [f"nobody late under any forecaster: {', '.join(calm)}"] if calm else []
        write_caption(figure, "  ·  ".join([caption, *notes, *_find_averaged(table)]))
    return figure


def _draw_tradeoff(axes: Axes, rows: pd.DataFrame, others: Sequence[str]) -> None:
    _draw_knob(axes, rows[rows["forecaster"].str.startswith("quantile-")])
    for place, name in enumerate(others):
        at = rows[rows["forecaster"] == name]
        # The first are the smallest and on top, so that equal points all show.
        axes.plot(
            at["cost_cores"], at["violation_pct"], look(name).marker, markersize=4 + 1.2 * place,
            color=look(name).colour, clip_on=False, zorder=4 - place / 10, label=title(name),
        )  # fmt: skip
    axes.set_xlabel("cost (cores)")
    axes.set_ylim(0, max(1.12 * float(rows["violation_pct"].max()), 1))
    axes.margins(x=0.14)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _draw_knob(axes: Axes, quantiles: pd.DataFrame) -> None:
    levels = quantiles["forecaster"].str.removeprefix("quantile-").astype(float)
    ranked = quantiles.assign(level=levels).sort_values("level")
    axes.plot(
        ranked["cost_cores"], ranked["violation_pct"], marker=".", color=QUANTILE_LOOK.colour,
        clip_on=False, zorder=2, label=f"quantile {levels.min():g} to {levels.max():g}",
    )  # fmt: skip
    for _, row in ranked.iloc[[0, -1]].drop_duplicates("level").iterrows():
        axes.annotate(
            f"{row['level']:g}", (row["cost_cores"], row["violation_pct"]), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=6, color=INK,
        )  # fmt: skip
