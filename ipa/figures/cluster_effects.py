"""What each property of a real cluster changes, beside the plain run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ipa.figures.style import DECIDED, INK, MUTED, PAGE_IN, house_style, name_panel, new_figure, write_caption
from ipa.figures.tables import require
from ipa.studies.run_tables import numbers

COLUMNS = ("group", "label", "violation_share", "dropped_share", "latency_p99_s", "running_mean_cores")
PERCENT = 100.0
PANELS = (
    ("violation_share", PERCENT, "Late or lost (%)"),
    ("dropped_share", PERCENT, "Dropped (%)"),
    ("latency_p99_s", 1.0, "Latency p99 (s)"),
    ("running_mean_cores", 1.0, "Cores running"),
)


def draw_cluster_effects(effects: pd.DataFrame, caption: str) -> Figure:
    """Draw what each property changes.

    Parameters
    ----------
    effects
        Rows of ``ipa.studies.cluster_effects.run_effects``, the plain run first.
    caption
        What was run.

    Returns
    -------
    Figure
        A row per setting; the dashed line is the plain run, a whisker the 95 % confidence interval of the
        change against it.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(effects, COLUMNS, "cluster_effects")
    with house_style():
        figure = new_figure(PAGE_IN, 0.9 + 0.19 * len(effects))
        panels = figure.subplots(1, len(PANELS), sharey=True, squeeze=False, width_ratios=[1.3, 0.8, 1, 0.8])[
            0
        ]
        for axes, (name, scale, title) in zip(panels, PANELS, strict=True):
            _draw(axes, effects, name, scale)
            name_panel(axes, title)
        places = np.arange(len(effects))
        labels = [
            f"{group}: {label}" for group, label in zip(effects["group"], effects["label"], strict=True)
        ]
        panels[0].set_yticks(places, labels)
        panels[0].set_ylim(len(effects) - 0.4, -0.6)
        note = "means over seeds; diamond, dashes: the plain run; whiskers: 95 % intervals of the change"
        write_caption(figure, f"{caption}  ·  {note}")
    return figure


def _draw(axes: Axes, effects: pd.DataFrame, name: str, scale: float) -> None:
    values = numbers(effects[name], scale).to_numpy()
    error = numbers(effects[f"{name}_interval"], scale).replace([np.inf], np.nan).fillna(0).to_numpy()
    groups = effects["group"].to_numpy()
    for row in np.flatnonzero(groups[1:] != groups[:-1]) + 0.5:
        axes.axhline(row, color="#EEEEEE", linewidth=0.7)
    axes.axvline(values[0], color=MUTED, linestyle="--", linewidth=0.8)
    places = np.arange(len(values))
    low = np.minimum(error, np.maximum(np.nan_to_num(values), 0))
    axes.errorbar(
        values[1:], places[1:], xerr=[low[1:], error[1:]], fmt="o", color=DECIDED, markersize=4,
        elinewidth=1.0, capsize=2,
    )  # fmt: skip
    axes.plot(values[:1], places[:1], "D", color=INK, markersize=4)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    # A share ends at 100 %, however wide its interval is.
    if scale == PERCENT and axes.get_xlim()[1] > PERCENT:
        axes.set_xlim(right=1.03 * PERCENT)
    axes.set_xlim(
        left=min(0, axes.get_xlim()[0])
        if np.nanmin(values, initial=0) < 0
        else -0.02 * max(np.nanmax(values, initial=0), 1e-9)
    )
