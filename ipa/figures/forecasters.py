"""Load forecasts: figure 7 (four workloads) and the errors."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ipa.figures.style import (
    INK,
    LOAD,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    name_panel,
    new_figure,
    put_in_order,
    short_name,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require
from ipa.paper import PAPER_WORKLOADS
from ipa.studies.forecast_errors import PUBLISHED_SMAPE_PCT

SERIES_COLUMNS = ("workload", "forecaster", "time_s", "forecast_rps", "true_rps")
SCORE_COLUMNS = (
    *("series", "forecaster", "smape_pct", "mae_rps", "bias_rps", "under_forecast_share", "pinball_rps"),
)

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
TRUTH: dict[str, Any] = {"color": INK, "linewidth": 0.4, "marker": ".", "markersize": 3}
"""Points, which greyscale tells from the lines of forecasts."""

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


def look(forecaster: str) -> Look:
    """Return how a forecaster is drawn; the quantiles share one look."""
    return LOOKS.get(forecaster, QUANTILE_LOOK)


def title(forecaster: str) -> str:
    """Return the name of a forecaster as it is printed."""
    return TITLES.get(forecaster, forecaster)


def draw_load_forecasts(forecasts: pd.DataFrame, load: pd.DataFrame, caption: str) -> Figure:
    """Draw figure 7: load and forecasts over time.

    Parameters
    ----------
    forecasts
        Rows of ``ipa.studies.forecast_errors.series_table``.
    load
        Rows of ``ipa.studies.run_tables.load_per_second`` of the same workloads.
    caption
        Trace and seed.

    Returns
    -------
    Figure
        A panel per workload: requests per second as an area, the true maximum of the next 20 s as
        points, and the forecasts, each at the time it was made, in seconds.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(forecasts, SERIES_COLUMNS, "load forecasts")
    require(load, ("workload", "time_s", "load_rps"), "load forecasts")
    workloads = put_in_order(forecasts["workload"], PAPER_WORKLOADS)
    names = list(dict.fromkeys(forecasts["forecaster"]))
    columns = min(2, len(workloads))
    rows = -(-len(workloads) // columns)
    with house_style():
        figure = new_figure(PAGE_IN, 0.6 + 1.75 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, workload in zip(panels, workloads, strict=False):
            _draw_forecasts(axes, workload, forecasts, load)
        for axes in panels[len(workloads) :]:
            axes.remove()
        figure.legend(
            handles=[
                Patch(facecolor=LOAD, alpha=0.6, label="load"),
                Line2D([], [], label="true maximum of the next 20 s", **TRUTH),
                *(
                    Line2D([], [], color=look(n).colour, linestyle=look(n).line_style, label=title(n))
                    for n in names
                ),
            ],
            loc="outside upper center",
            ncols=min(2 + len(names), 5),
        )
        write_caption(figure, caption)
    return figure


def _draw_forecasts(axes: Axes, workload: str, forecasts: pd.DataFrame, load: pd.DataFrame) -> None:
    rates, rows = (frame[frame["workload"] == workload] for frame in (load, forecasts))
    axes.fill_between(
        rates["time_s"], rates["load_rps"].astype(float), step="post", color=LOAD, alpha=0.6, linewidth=0
    )
    for index, (name, forecast) in enumerate(rows.groupby("forecaster", sort=False)):
        if index == 0:
            axes.plot(forecast["time_s"], forecast["true_rps"], **TRUTH)
        drawn = look(str(name))
        axes.plot(
            forecast["time_s"], forecast["forecast_rps"], color=drawn.colour, linestyle=drawn.line_style
        )
    axes.set_xlim(0, rates["time_s"].max() + 1)
    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    whole_ticks(axes.yaxis, 5)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("requests/s")
    name_panel(axes, short_name(workload, 40))


def draw_forecast_errors(
    scores: pd.DataFrame, series: str, caption: str, windows: pd.DataFrame | None = None
) -> Figure:
    """Draw the errors of all forecasters on one series.

    Parameters
    ----------
    scores
        Rows of ``ipa.studies.forecast_errors.score_table``.
    series
        Which of its series.
    caption
        Trace and length.
    windows
        Rows of ``ipa.studies.forecast_errors.window_table``, to show how much SMAPE varies between windows as
        short as the one that was published.

    Returns
    -------
    Figure
        A panel per kind of error, a row per forecaster, the smallest SMAPE on top. Forecasters that see the
        future are hatched: they are bounds. A dotted line marks the published SMAPE, which belongs to one
        window of 20 minutes; whiskers span the middle 80 % of such windows.

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
        figure = new_figure(PAGE_IN, 0.95 + 0.17 * len(names))
        panels = figure.subplots(1, len(ERROR_PANELS), sharey=True)
        for axes, (column, scale, heading, unit) in zip(panels, ERROR_PANELS, strict=True):
            for row, (name, value) in enumerate(zip(names, scale * rows[column], strict=True)):
                bound = name.startswith("near-oracle")
                axes.barh(
                    row, value, 0.72, color="white" if bound else look(name).colour,
                    hatch="////" if bound else "", edgecolor=MUTED if bound else "white", linewidth=0.4,
                )  # fmt: skip
            axes.set_title(heading, loc="left", fontsize=7.5, fontweight="bold")
            axes.set_xlabel(unit)
            axes.grid(visible=False, axis="y")
            axes.grid(visible=True, axis="x")
            axes.xaxis.set_major_locator(MaxNLocator(4))
        _draw_windows(panels[0], windows, names)
        panels[0].axvline(PUBLISHED_SMAPE_PCT, color=INK, linewidth=0.9, linestyle=":")
        panels[0].set_yticks(range(len(names)), [title(name) for name in names])
        notes = [
            "hatched: see the true mean of the next 20 s",
            f"dotted: the published {PUBLISHED_SMAPE_PCT:g} %, one window of 20 min",
            *(["whiskers: the middle 80 % of such windows"] if windows is not None else []),
        ]
        write_caption(figure, "  ·  ".join([caption, *notes]))
    return figure


def _draw_windows(axes: Axes, windows: pd.DataFrame | None, names: list[str]) -> None:
    if windows is None:
        return
    paired = windows.pivot_table("paired_pct", "forecaster", "percentile").reindex(columns=[10, 50, 90])
    for name, (low, middle, high) in zip(paired.index, paired.to_numpy(np.float64), strict=True):
        if name in names:
            axes.errorbar(
                middle, names.index(name), xerr=[[middle - low], [high - middle]], fmt="none", color=INK,
                elinewidth=0.9, capsize=2,
            )  # fmt: skip
