"""Load forecasts: figure 7 (four workloads), the errors, figure 16 (ablation), and the quantile as a knob."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ipa.bench.forecast import ABLATION
from ipa.experiments import PIPELINES, WORKLOADS
from ipa.figures.style import (
    INK,
    LOAD,
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
from ipa.forecast.evaluation import PUBLISHED_SMAPE_PCT

SERIES_COLUMNS = ("workload", "forecaster", "time_s", "forecast_rps", "true_rps")
SCORE_COLUMNS = (
    *("series", "forecaster", "smape_pct", "mae_rps", "bias_rps", "under_forecast_share", "pinball_rps"),
)
LOOP_COLUMNS = (
    "edition", "pipeline", "forecaster", "cost_cores", "violation_pct", "dropped_pct", "pas_pct",
)  # fmt: skip

LOOKS = {
    "lstm": Look("#D55E00", (4, 1.5), "////", "^"),
    "max": Look("#E69F00", (1.2, 1.2), "xxxx", "v"),
    "oracle": Look("#222222", (6, 1.5, 1.2, 1.5), "", "*"),
    "mlp": Look("#0072B2", (), "....", "o"),
    "linear": Look("#CC79A7", (2, 1), "\\\\\\\\", "D"),
    "ewma-poisson": Look("#009E73", (8, 2), "++++", "s"),
    "last": Look(MUTED, (1, 1), "", "<"),
    "mean": Look(MUTED, (1, 2), "", ">"),
}
QUANTILE_LOOK = Look("#56B4E9", (3, 1, 1, 1), "----", "P")
TITLES = {"max": "reactive (max)", "lstm": "LSTM", "mlp": "mlp (ours)"}

ERROR_PANELS = (
    ("smape_pct", 1, "SMAPE", "%"),
    ("mae_rps", 1, "MAE", "requests/s"),
    ("bias_rps", 1, "Bias", "requests/s"),
    ("under_forecast_share", 100, "Too low", "% of forecasts"),
    ("pinball_rps", 1, "Pinball loss (0.9)", "requests/s"),
)
"""Column, factor to the axis, title, unit."""

LOOP_PANELS = (
    ("cost_cores", "published_cost_cores", "Cost", "cores (log scale)"),
    ("violation_pct", "", "SLA violations", "% late or lost"),
    ("dropped_pct", "published_dropped_pct", "Drops", "% dropped"),
)
ACCURACY_PANEL = ("pas_pct", "", "Accuracy", "PAS (x 100)")
"""In place of the drops where there are none."""
"""Column, column of the published value, title, unit."""


def look(forecaster: str) -> Look:
    """Return how a forecaster is drawn; the quantiles share one look."""
    return LOOKS.get(forecaster, QUANTILE_LOOK)


def title(forecaster: str) -> str:
    """Return the name of a forecaster as it is printed."""
    return TITLES.get(forecaster, forecaster)


def load_forecasts(forecasts: pd.DataFrame, load: pd.DataFrame, caption: str) -> Figure:
    """Draw figure 7: load and forecasts over time.

    Parameters
    ----------
    forecasts
        Rows of ``ipa.forecast.evaluation.series_table``.
    load
        Rows of ``ipa.figures.tidy.load_per_second`` of the same workloads.
    caption
        Trace and seed.

    Returns
    -------
    Figure
        A panel per workload: requests per second as an area, the true maximum of the next 20 s as a thin
        black line, and the forecasts, each at the time it was made, in seconds.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(forecasts, SERIES_COLUMNS, "load forecasts")
    require(load, ("workload", "time_s", "load_rps"), "load forecasts")
    workloads = ordered(forecasts["workload"], WORKLOADS)
    names = list(dict.fromkeys(forecasts["forecaster"]))
    rows = -(-len(workloads) // 2)
    with house_style():
        figure = new_figure(PAGE_IN, 0.6 + 1.75 * rows)
        panels = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes, workload in zip(panels, workloads, strict=False):
            _draw_forecasts(axes, workload, forecasts, load)
        for axes in panels[len(workloads) :]:
            axes.remove()
        figure.legend(
            handles=[
                Patch(facecolor=LOAD, alpha=0.6, label="load"),
                Line2D([], [], color=INK, linewidth=0.8, label="true maximum of the next 20 s"),
                *(
                    Line2D([], [], color=look(n).colour, linestyle=look(n).line_style, label=title(n))
                    for n in names
                ),
            ],
            loc="outside upper center",
            ncols=2 + len(names),
        )
        write_caption(figure, caption)
    return figure


def _draw_forecasts(axes: Axes, workload: str, forecasts: pd.DataFrame, load: pd.DataFrame) -> None:
    rates, rows = (frame[frame["workload"] == workload] for frame in (load, forecasts))
    axes.fill_between(rates["time_s"], rates["load_rps"], step="post", color=LOAD, alpha=0.6, linewidth=0)
    for index, (name, forecast) in enumerate(rows.groupby("forecaster", sort=False)):
        if index == 0:
            axes.plot(forecast["time_s"], forecast["true_rps"], color=INK, linewidth=0.8)
        drawn = look(str(name))
        axes.plot(
            forecast["time_s"], forecast["forecast_rps"], color=drawn.colour, linestyle=drawn.line_style
        )
    axes.set_xlim(0, rates["time_s"].max() + 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("requests/s")
    name_panel(axes, workload)


def forecast_errors(scores: pd.DataFrame, series: str, caption: str) -> Figure:
    """Draw the errors of all forecasters on one series.

    Parameters
    ----------
    scores
        Rows of ``ipa.forecast.evaluation.score_table``.
    series
        Which of its series.
    caption
        Trace and length.

    Returns
    -------
    Figure
        A panel per kind of error, a row per forecaster, the smallest SMAPE on top. Forecasters that see the
        future are hatched: they are bounds. A dotted line marks the published SMAPE.

    Raises
    ------
    ResultsError
        If the table is empty, lacks a column or lacks the series.
    """
    require(scores, SCORE_COLUMNS, "forecast errors")
    rows = scores[scores["series"] == series].sort_values("smape_pct", ascending=False)
    require(rows, (), f"forecast errors (series {series})")
    names = list(rows["forecaster"])
    with house_style():
        figure = new_figure(PAGE_IN, 0.9 + 0.17 * len(names))
        panels = figure.subplots(1, len(ERROR_PANELS), sharey=True)
        for axes, (column, scale, heading, unit) in zip(panels, ERROR_PANELS, strict=True):
            for row, (name, value) in enumerate(zip(names, scale * rows[column], strict=True)):
                bound = name.startswith("near-oracle")
                axes.barh(
                    row, value, 0.72, color="white" if bound else look(name).colour,
                    hatch="////" if bound else "", edgecolor=MUTED if bound else "white", linewidth=0.4,
                )  # fmt: skip
            name_panel(axes, heading)
            axes.set_xlabel(unit)
            axes.grid(visible=False, axis="y")
            axes.grid(visible=True, axis="x")
            axes.xaxis.set_major_locator(MaxNLocator(4))
        panels[0].axvline(PUBLISHED_SMAPE_PCT, color=INK, linewidth=0.9, linestyle=":")
        panels[0].set_yticks(range(len(names)), [title(name) for name in names])
        write_caption(
            figure,
            f"{caption}  ·  hatched: see the true mean of the next 20 s  ·  dotted: the published 6.6 %",
        )
    return figure


def forecaster_ablation(table: pd.DataFrame, caption: str) -> Figure:
    """Draw figure 16: cost and violations of every pipeline under each forecaster.

    Parameters
    ----------
    table
        Rows of ``ipa.bench.forecast.beside_published``.
    caption
        Trace and seeds.

    Returns
    -------
    Figure
        A row per edition, with bars per pipeline: cost in cores (logarithmic), late or lost requests in
        percent, dropped requests in percent or, where nothing was dropped, accuracy. Diamonds are published
        values; what figure 16 calls violations are dropped requests.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(table, (*LOOP_COLUMNS, "published_cost_cores", "published_dropped_pct"), "forecaster ablation")
    editions = list(dict.fromkeys(table["edition"]))
    pipelines = ordered(table["pipeline"], PIPELINES)
    names = ordered(table["forecaster"], ABLATION)
    with house_style():
        figure = new_figure(PAGE_IN, 0.7 + 1.75 * len(editions))
        grid = figure.subplots(len(editions), len(LOOP_PANELS), squeeze=False)
        for row, edition in zip(grid, editions, strict=True):
            rows = table[table["edition"] == edition]
            panels = LOOP_PANELS if _any_dropped(rows) else (*LOOP_PANELS[:-1], ACCURACY_PANEL)
            for axes, (column, published, heading, unit) in zip(row, panels, strict=True):
                _draw_groups(axes, rows, pipelines, names, (column, published))
                name_panel(axes, f"{heading}, {edition}" if axes is row[0] else heading)
                axes.set_ylabel(unit)
            _use_log_scale(row[0], rows)
        _write_legend(figure, names, published=bool(table["published_cost_cores"].notna().any()))
        write_caption(figure, caption)
    return figure


def _any_dropped(rows: pd.DataFrame) -> bool:
    return bool(rows[["dropped_pct", "published_dropped_pct"]].fillna(0).to_numpy().any())


def _use_log_scale(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_yscale("log")
    axes.set_yticks(ticks := [1, 2, 5, 10, 20, 50, 100, 200], [str(tick) for tick in ticks])
    axes.set_ylim(1, 1.3 * float(rows[["cost_cores", "published_cost_cores"]].max().max()))
    axes.minorticks_off()


def _draw_groups(
    axes: Axes,
    table: pd.DataFrame,
    pipelines: Sequence[str],
    names: Sequence[str],
    columns: tuple[str, str],
) -> None:
    column, published = columns
    width = 0.84 / len(names)
    for index, name in enumerate(names):
        rows = table[table["forecaster"] == name].set_index("pipeline").reindex(pd.Index(pipelines))
        at = np.arange(len(pipelines)) + (index - (len(names) - 1) / 2) * width
        drawn = look(name)
        axes.bar(
            at, rows[column], width, color=drawn.colour, hatch=drawn.hatch, edgecolor="white", linewidth=0.3
        )
        if published:
            axes.plot(
                at, rows[published], "D", markersize=3.2, markerfacecolor=drawn.colour, markeredgecolor=INK,
                markeredgewidth=0.8, clip_on=False,
            )  # fmt: skip
    if column != "cost_cores":
        axes.set_ylim(0, max(axes.get_ylim()[1], 1))
        if not table[column].any():
            axes.text(
                1, 1.03, "ours: none", transform=axes.transAxes, ha="right", va="bottom", color=MUTED,
                fontsize=7,
            )  # fmt: skip
    axes.set_xticks(range(len(pipelines)), [name.replace("-", "\n") for name in pipelines])
    axes.tick_params(axis="x", length=0)


def _write_legend(figure: Figure, names: Sequence[str], *, published: bool) -> None:
    handles: list[Patch | Line2D] = [
        Patch(facecolor=look(n).colour, hatch=look(n).hatch, edgecolor="white", linewidth=0.3, label=title(n))
        for n in names
    ]
    if published:
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="D", markersize=3.6, markerfacecolor="white",
                markeredgecolor=INK, label="published",
            )
        )  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), handlelength=2.2)


def quantile_tradeoff(table: pd.DataFrame, caption: str) -> Figure:
    """Draw violations against cost with the quantile as the knob, other forecasters beside it.

    Parameters
    ----------
    table
        Rows of ``ipa.bench.forecast.closed_loop_table`` of one edition.
    caption
        Edition, trace, workloads and seeds.

    Returns
    -------
    Figure
        A panel per pipeline: late or lost requests in percent against cost in cores. The line joins the
        quantiles, the lowest at its left end. Down and to the left is better.

    Raises
    ------
    ResultsError
        If the table is empty, lacks a column or has no quantile.
    """
    require(table, LOOP_COLUMNS, "quantile trade-off")
    of_quantile = table["forecaster"].str.startswith("quantile-")
    require(table[of_quantile], (), "quantile trade-off (quantile forecasters)")
    pipelines = ordered(table["pipeline"], PIPELINES)
    others = list(dict.fromkeys(table.loc[~of_quantile, "forecaster"]))
    with house_style():
        figure = new_figure(PAGE_IN, 2.2)
        panels = figure.subplots(1, len(pipelines), squeeze=False)[0]
        for axes, pipeline in zip(panels, pipelines, strict=True):
            rows = table[table["pipeline"] == pipeline]
            _draw_knob(axes, rows[rows["forecaster"].str.startswith("quantile-")])
            for name in others:
                at = rows[rows["forecaster"] == name]
                axes.plot(
                    at["cost_cores"], at["violation_pct"], look(name).marker, markersize=4,
                    color=look(name).colour, clip_on=False, zorder=3, label=title(name),
                )  # fmt: skip
            name_panel(axes, pipeline)
            axes.set_xlabel("cost (cores)")
            axes.set_ylim(0, max(1.05 * float(rows["violation_pct"].max()), 1))
            axes.margins(x=0.14)
            axes.xaxis.set_major_locator(MaxNLocator(3))
        panels[0].set_ylabel("% of requests late or lost")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=len(labels),
            handlelength=1.6,
            columnspacing=1.2,
        )
        write_caption(figure, caption)
    return figure


def _draw_knob(axes: Axes, quantiles: pd.DataFrame) -> None:
    levels = quantiles["forecaster"].str.removeprefix("quantile-").astype(float)
    ranked = quantiles.assign(level=levels).sort_values("level")
    axes.plot(
        ranked["cost_cores"], ranked["violation_pct"], marker=".", color=QUANTILE_LOOK.colour,
        clip_on=False, zorder=2, label=f"quantile {levels.min():g} to {levels.max():g}",
    )  # fmt: skip
    for _, row in ranked.iloc[[0, -1]].iterrows():
        axes.annotate(
            f"{row['level']:g}", (row["cost_cores"], row["violation_pct"]), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=6, color=QUANTILE_LOOK.colour,
        )  # fmt: skip
