"""A live run and its simulation in one picture."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipa.figures.style import (
    ALERT,
    DECIDED,
    INK,
    LOAD,
    MUTED,
    PAGE_IN,
    Look,
    house_style,
    name_panel,
    new_figure,
    set_apart,
    use_log_scale,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require

CURVES = ("platform", "latency_s", "share")
BINS = ("platform", "time_s", "latency_s", "rate_rps")
STEPS = ("platform", "time_s", "cost_cores")
LOOKS = {
    "on one machine": Look(DECIDED),
    "in a cluster": Look(INK, (1, 1)),
    "simulated": Look(ALERT, (3, 1.5)),
}


def draw_live_against_simulated(
    curves: pd.DataFrame, timeline: pd.DataFrame, steps: pd.DataFrame, sla_s: float, caption: str
) -> Figure:
    """Draw latencies and decisions of a live run over those of its simulation.

    Parameters
    ----------
    curves, timeline, steps
        Tables of the study ``ipa.studies.live_against_simulated`` of these names.
    sla_s
        The SLA.
    caption
        What was run.

    Returns
    -------
    Figure
        Left: the distribution of the latency over all runs. Right, over the time of one run: above, the mean
        latency of the requests that were due in each few seconds, and the load in grey; below, the cores of
        the plan decided for.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(curves, CURVES, "curve")
    require(timeline, BINS, "bin")
    require(steps, STEPS, "step")
    with house_style():
        figure = new_figure(PAGE_IN, 3.1)
        panels = figure.subplot_mosaic([["cdf", "latency"], ["cdf", "cost"]], width_ratios=[1, 1.35])
        _draw_curves(panels["cdf"], curves, sla_s)
        _draw_latency(panels["latency"], timeline)
        _draw_cost(panels["cost"], steps)
        panels["cost"].sharex(panels["latency"])
        panels["latency"].tick_params(labelbottom=False)
        handles, labels = panels["cdf"].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
        write_caption(figure, caption)
    return figure


def _draw_curves(axes: Axes, curves: pd.DataFrame, sla_s: float) -> None:
    for name, look in _looks(curves).items():
        rows = curves[curves["platform"] == name]
        axes.plot(
            rows["latency_s"], 100 * rows["share"], color=look.colour, linestyle=look.line_style, label=name
        )
    axes.axvline(sla_s, color=MUTED, linestyle="dotted", label="SLA")
    use_log_scale(axes, "x", float(curves["latency_s"].min()), max(float(curves["latency_s"].max()), sla_s))
    axes.set_ylim(0, 101)
    axes.set_xlabel("latency (s)")
    name_panel(axes, "Requests answered within (%)")


def _draw_latency(axes: Axes, timeline: pd.DataFrame) -> None:
    load = axes.twinx()
    rows = timeline[timeline["platform"] == timeline["platform"].iloc[0]]
    load.fill_between(rows["time_s"], rows["rate_rps"], step="mid", color=LOAD, alpha=0.3, linewidth=0)
    load.set_ylim(0, 2.5 * float(rows["rate_rps"].max()))
    load.set_ylabel("requests/s", color=MUTED)
    load.grid(visible=False)
    for name, look in _looks(timeline).items():
        rows = timeline[timeline["platform"] == name]
        axes.plot(rows["time_s"], rows["latency_s"], color=look.colour, linestyle=look.line_style)
    axes.set_ylim(bottom=0)
    axes.set_zorder(load.get_zorder() + 1)
    axes.patch.set_visible(False)
    name_panel(axes, "Mean latency (s)")


def _draw_cost(axes: Axes, steps: pd.DataFrame) -> None:
    looks = _looks(steps)
    for place, (name, look) in enumerate(looks.items()):
        rows = steps[steps["platform"] == name]
        axes.step(
            rows["time_s"], rows["cost_cores"], where="post", color=look.colour, linestyle=look.line_style,
            transform=set_apart(axes, place, len(looks)),
        )  # fmt: skip
    axes.set_ylim(0, 1.15 * float(steps["cost_cores"].max()))
    axes.set_xlim(0, float(steps["time_s"].max()))
    whole_ticks(axes.yaxis)
    axes.set_xlabel("time (s)")
    name_panel(axes, "Cost of the plan (cores)")


def _looks(table: pd.DataFrame) -> dict[str, Look]:
    """Return how the platforms of a table are drawn."""
    there = set(table["platform"])
    return {name: look for name, look in LOOKS.items() if name in there}
