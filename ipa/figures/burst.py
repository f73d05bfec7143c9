"""Why requests are late after a burst, and when."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    name_panel,
    new_figure,
    set_apart,
    write_caption,
)
from ipa.figures.tables import require
from ipa.studies.burst import CAUSES

COLUMNS = ("forecast", "interval", "start_up", "profile", "seed", "second", "late_share")
LOOKS = {
    "forecast": Look("#0072B2", (4, 1.5)),
    "interval": Look("#E69F00", (1.2, 1.2)),
    "start-up": Look("#D55E00", (6, 1.5, 1.2, 1.5)),
    "profile": Look("#009E73", (2, 1)),
}
IDEAL_LABELS = {
    "forecast": "known future",
    "interval": "decisions every 1 s",
    "start-up": "instant start",
    "profile": "exact profile",
}


def draw_burst(reactions: pd.DataFrame, causes: pd.DataFrame, caption: str) -> Figure:
    """Draw how late requests are in the minute after a burst, and what they are late for.

    Parameters
    ----------
    reactions
        Rows of ``ipa.studies.burst.react``.
    causes
        Rows of ``ipa.studies.burst.attribute``.
    caption
        What was run.

    Returns
    -------
    Figure
        Left: the share of late requests by second, all real, all but one real, and all ideal. Right: the
        Shapley value of each cause, which is what it adds averaged over all orders in which the causes can be
        added, with 95 % confidence intervals over seeds.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(reactions, COLUMNS, "reaction")
    require(causes, ("cause", "late_share", "interval"), "reaction")
    with house_style():
        figure = new_figure(PAGE_IN, 3.0)
        over_time, parts = figure.subplots(1, 2, width_ratios=[1.35, 1])
        _draw_over_time(over_time, reactions)
        _draw_parts(parts, causes)
        handles, labels = over_time.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper left", ncols=len(labels), columnspacing=1.2, fontsize=7
        )
        note = "Shapley value: what a cause adds, averaged over all orders; ±: 95 % interval over repetitions"
        write_caption(figure, f"{caption}  ·  {note}")
    return figure


def _draw_over_time(axes: Axes, reactions: pd.DataFrame) -> None:
    flags = ["forecast", "interval", "start_up", "profile"]
    means = reactions.groupby([*flags, "second"])["late_share"].mean()

    lines: list[tuple[tuple[bool, ...], str, Look]]
    lines = [((True,) * 4, "all as it is", Look(INK)), ((False,) * 4, "all ideal", Look(MUTED))]
    lines += [
        (tuple(place != index for place in range(len(CAUSES))), IDEAL_LABELS[cause], LOOKS[cause])
        for index, cause in enumerate(CAUSES)
    ]
    for place, (real, label, look) in enumerate(lines):
        values = 100 * means.loc[real]
        axes.plot(
            values.index, values, color=look.colour, linestyle=look.line_style,
            linewidth=2.0 if place < 2 else 1.2, label=label, transform=set_apart(axes, place, len(lines)),
        )  # fmt: skip
    name_panel(axes, "Late or lost, by sending time (%)")
    axes.set_xlabel("seconds after the burst began")
    axes.set_xlim(0, reactions["second"].max())
    axes.set_ylim(-6, 108)


def _draw_parts(axes: Axes, causes: pd.DataFrame) -> None:
    rows = causes.set_index("cause")
    order = [*CAUSES, "all of them"]
    heights = 100 * rows.loc[order, "late_share"].to_numpy()
    errors = 100 * rows.loc[order, "interval"].replace([np.inf], np.nan).fillna(0).to_numpy()
    ideal = 100 * float(rows["late_share"]["none (ideal)"])
    bottoms = [ideal + sum(heights[:index]) for index in range(len(CAUSES))] + [0.0]
    colours = [LOOKS[cause].colour for cause in CAUSES] + [INK]
    for place, (height, bottom, colour) in enumerate(zip(heights, bottoms, colours, strict=True)):
        axes.bar(place, height, 0.62, bottom=bottom, color=colour)
        axes.annotate(
            f"{height:.0f} ± {errors[place]:.0f}", (place, max(bottom + height, 0)), xytext=(0, 3),
            textcoords="offset points", ha="center", fontsize=7,
        )  # fmt: skip
    for place, (height, bottom) in enumerate(zip(heights[:-1], bottoms[:-1], strict=True)):
        axes.plot([place, place + 1], [bottom + height] * 2, color=MUTED, linewidth=0.6)
    axes.set_xticks(range(len(order)), [*CAUSES, "all"])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, max(100, 1.12 * max(heights)))
    name_panel(axes, "Shapley value of each cause (points)")
