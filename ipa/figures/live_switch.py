"""A plan that changes under load, and the way of one request through a live pipeline."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    STAGE_LOOKS,
    house_style,
    name_panel,
    new_figure,
    write_caption,
)
from ipa.figures.tables import require

PART_FILLS = {"queue": ("white", "////"), "batch wait": ("white", "...."), "service": (None, "")}
"""Face and hatch of the bar of each part; a service has the colour of its stage."""

ANSWERS = ("arrival_s", "latency_s", "served_by")
WAY = ("stage", "part", "start_s", "duration_s", "served_by")


def draw_live_switch(
    answers: pd.DataFrame, changes: Sequence[tuple[float, str]], way: pd.DataFrame, caption: str
) -> Figure:
    """Draw the latency of every request while plans change, and where one request spent its time.

    Parameters
    ----------
    answers
        A row per answered request: ``arrival_s, latency_s, served_by``.
    changes
        When a plan was applied, and what was new in it.
    way
        Rows of ``ipa.studies.live_switch.way``.
    caption
        What was run.

    Returns
    -------
    Figure
        Above: one point a request, by what served it. Below: the stages of one request, one under the other.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(answers, ANSWERS, "answer")
    require(way, WAY, "part")
    with house_style():
        figure = new_figure(PAGE_IN, 3.9)
        above, below = figure.subplots(2, 1, height_ratios=[1.5, 1])
        _draw_answers(above, answers, changes)
        _draw_way(below, way)
        write_caption(figure, caption)
    return figure


def _draw_answers(axes: Axes, answers: pd.DataFrame, changes: Sequence[tuple[float, str]]) -> None:
    for place, (served_by, rows) in enumerate(answers.groupby("served_by", sort=False)):
        look = STAGE_LOOKS[place % len(STAGE_LOOKS)]
        axes.plot(
            rows["arrival_s"], rows["latency_s"], linestyle="none", marker="osv^DPX"[place % 7], markersize=3,
            color=look.colour, label=str(served_by), fillstyle="none",
        )  # fmt: skip
    top = 1.25 * float(answers["latency_s"].max())
    for at_s, what in changes:
        axes.axvline(at_s, color=MUTED, linestyle="dotted")
        axes.annotate(
            what, (at_s, top), xytext=(3, -2), textcoords="offset points", va="top", fontsize=7, color=INK
        )
    axes.set_ylim(0, top)
    axes.set_xlim(0, float(np.ceil(answers["arrival_s"].max())))
    axes.set_xlabel("when the request was due (s)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="served by")
    name_panel(axes, "Latency (s)")


def _draw_way(axes: Axes, way: pd.DataFrame) -> None:
    stages = list(dict.fromkeys(way["stage"]))
    for _, row in way.iterrows():
        place = stages.index(row["stage"])
        colour = STAGE_LOOKS[place % len(STAGE_LOOKS)].colour
        face, hatch = PART_FILLS.get(row["part"], (MUTED, ""))
        axes.barh(
            place, 1000 * row["duration_s"], 0.55, left=1000 * row["start_s"], facecolor=face or colour,
            hatch=hatch, edgecolor=colour if row["part"] in PART_FILLS else MUTED,
        )  # fmt: skip
        if row["served_by"]:
            middle_ms = 1000 * (row["start_s"] + row["duration_s"] / 2)
            axes.annotate(
                row["served_by"], (middle_ms, place), ha="center", va="center", fontsize=7, color="white"
            )
    for part, (face, hatch) in PART_FILLS.items():
        axes.barh(0, 0, facecolor=face or INK, hatch=hatch, edgecolor=INK, label=part)
    axes.set_yticks(range(len(stages)), stages)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
    axes.set_xlabel("after the request was due (ms)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    name_panel(axes, "The way of one request")
