"""Latency of a batch over its size: what was measured, how well it is known, and the paper's fit."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from ipa.figures.style import (
    PAGE_IN,
    STAGE_LOOKS,
    Look,
    house_style,
    name_panel,
    new_figure,
    short_name,
    use_log_scale,
    write_caption,
)
from ipa.figures.tables import require

COLUMNS = (
    "stage", "variant", "cores", "batch", "p99_ms", "p99_low_ms", "p99_high_ms", "alpha_ms", "beta_ms",
    "gamma_ms",
)  # fmt: skip

CURVE_POINTS = 60


def draw_batch_latency(points: pd.DataFrame, caption: str) -> Figure:
    """Draw the p99 latency of every variant over the batch size, a panel per stage.

    Parameters
    ----------
    points
        Rows of ``ipa.studies.measured_profiles.latency_over_batch``.
    caption
        Which machine, and when.

    Returns
    -------
    Figure
        Markers are measured, their bars 95 % intervals (an open end has none), lines the quadratic fits.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(points, COLUMNS, "latency over batch size")
    stages = list(dict.fromkeys(points["stage"]))
    with house_style():
        figure = new_figure(PAGE_IN, 2.9)
        row = figure.subplots(1, len(stages), squeeze=False)[0]
        for axes, stage in zip(row, stages, strict=True):
            rows = points[points["stage"] == stage]
            _draw_stage(axes, rows)
            name_panel(axes, short_name(stage, 30))
            axes.set_xlabel("batch size")
        row[0].set_ylabel("p99 latency of a batch (ms)")
        write_caption(figure, caption)
    return figure


def _draw_stage(axes: Axes, rows: pd.DataFrame) -> None:
    several_cores = len(set(rows["cores"])) > 1
    for number, ((variant, cores), own) in enumerate(rows.groupby(["variant", "cores"], sort=False)):
        label = short_name(str(variant)) + (f", {cores} cores" if several_cores else "")
        _draw_variant(axes, own.sort_values("batch"), STAGE_LOOKS[number % len(STAGE_LOOKS)], label)
    low = rows[["p99_ms", "p99_low_ms"]].where(rows[["p99_ms", "p99_low_ms"]] > 0).min().min()
    use_log_scale(axes, "y", float(low), float(rows["p99_ms"].max()))
    axes.xaxis.set_major_locator(FixedLocator(sorted(rows["batch"].unique())))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0, handlelength=2)


def _draw_variant(axes: Axes, own: pd.DataFrame, look: Look, label: str) -> None:
    batch, p99_ms = own["batch"].to_numpy(), own["p99_ms"].to_numpy()
    ends_ms = np.clip([p99_ms - own["p99_low_ms"], own["p99_high_ms"] - p99_ms], 0, None)
    ends_ms = np.where(np.isfinite(ends_ms), ends_ms, 0)
    axes.errorbar(
        batch, p99_ms, yerr=ends_ms, fmt=look.marker, color=look.colour, markersize=3.5, elinewidth=0.9,
        zorder=3,
    )  # fmt: skip
    fit = [own[name].iloc[0] for name in ("alpha_ms", "beta_ms", "gamma_ms")]
    at = np.linspace(batch.min(), batch.max(), CURVE_POINTS)
    axes.plot(
        at, np.polyval(fit, at), color=look.colour, linestyle=look.line_style, marker=look.marker,
        markevery=[], label=label, zorder=2,
    )  # fmt: skip
