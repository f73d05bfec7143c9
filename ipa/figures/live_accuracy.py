"""A live run of a pipeline with known truth: load, plan, what it got right, latency and cost over time."""

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
    STAGE_LOOKS,
    house_style,
    name_panel,
    new_figure,
    put_in_order,
    short_name,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require
from ipa.studies.run_tables import numbers, stage_steps

STEP_COLUMNS = ("step", "time_s", "rate_rps", "cost_cores", "pas", "measured_accuracy", "plan")
BIN_COLUMNS = ("time_s", "load_rps", "accuracy", "low", "high", "p50_s", "p99_s")


def draw_live_accuracy(steps: pd.DataFrame, bins: pd.DataFrame, sla_s: float, caption: str) -> Figure:
    """Draw what a live run got right over time.

    Parameters
    ----------
    steps
        Decisions of the run, a row a step.
    bins
        Rows of ``ipa.studies.live_accuracy.accuracy_over_time``.
    sla_s
        SLA of the pipeline.
    caption
        What was run.

    Returns
    -------
    Figure
        From top to bottom: load and the rate decided for; the variant of each stage; the accuracy that was
        measured, with its interval, PAS, and what was measured beforehand for the combination; latency; cost.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(steps, STEP_COLUMNS, "live accuracy")
    require(bins, BIN_COLUMNS, "live accuracy")
    stages = stage_steps(steps)
    names = put_in_order(stages["stage"], ())
    heights = [1.0, *(0.75 for _ in names), 1.5, 1.0, 0.7]
    with house_style():
        figure = new_figure(PAGE_IN, 1.05 * sum(heights) + 0.6)
        panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        _draw_load(panels[0], steps, bins)
        for index, name in enumerate(names):
            _draw_variants(panels[1 + index], stages[stages["stage"] == name], index)
            name_panel(panels[1 + index], f"Variant: {short_name(name, 40)}")
        _draw_accuracy(panels[-3], steps, bins)
        _draw_latency(panels[-2], bins, sla_s)
        panels[-1].step(steps["time_s"], numbers(steps["cost_cores"]), where="post", color=INK)
        panels[-1].set_ylim(0, 1.2 * float(numbers(steps["cost_cores"]).max()))
        whole_ticks(panels[-1].yaxis)
        name_panel(panels[-1], "Cost (cores)")
        panels[-1].set_xlabel("time (s)")
        panels[-1].set_xlim(0, None)
        write_caption(figure, caption)
    return figure


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.1, columnspacing=1.2)


def _draw_load(axes: Axes, steps: pd.DataFrame, bins: pd.DataFrame) -> None:
    axes.fill_between(
        bins["time_s"], bins["load_rps"], step="mid", color=LOAD, alpha=0.45, linewidth=0, label="load",
    )  # fmt: skip
    axes.step(
        steps["time_s"], numbers(steps["rate_rps"]), where="post", color=DECIDED, label="rate decided for",
    )  # fmt: skip
    axes.set_ylim(0, None)
    _legend(axes)
    name_panel(axes, "Load (requests/s)")


def _draw_variants(axes: Axes, rows: pd.DataFrame, index: int) -> None:
    names = put_in_order(rows["variant"], ())
    level = rows["variant"].map({name: place for place, name in enumerate(names)})
    look = STAGE_LOOKS[index % len(STAGE_LOOKS)]
    axes.step(rows["time_s"], level, where="post", color=look.colour, linewidth=2)
    axes.set_yticks(range(len(names)), [short_name(name, 24) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)


def _draw_accuracy(axes: Axes, steps: pd.DataFrame, bins: pd.DataFrame) -> None:
    errors = [bins["accuracy"] - bins["low"], bins["high"] - bins["accuracy"]]
    axes.errorbar(
        bins["time_s"], bins["accuracy"], yerr=errors, color=INK, linestyle="none", marker="o",
        markersize=3.5, elinewidth=0.7, label="answered right",
    )  # fmt: skip
    lines = (
        ("pas", "PAS of the plan", ALERT, (0, (4, 1.5))),
        ("measured_accuracy", "measured beforehand", DECIDED, "solid"),
    )
    for column, label, colour, style in lines:
        axes.step(
            steps["time_s"], numbers(steps[column]), where="post", color=colour, linestyle=style, label=label,
        )  # fmt: skip
    _legend(axes)
    name_panel(axes, "Accuracy")


def _draw_latency(axes: Axes, bins: pd.DataFrame, sla_s: float) -> None:
    axes.plot(bins["time_s"], bins["p50_s"], color=INK, label="p50")
    axes.plot(bins["time_s"], bins["p99_s"], color=INK, linestyle=(0, (3, 1.5)), label="p99")
    axes.axhline(sla_s, color=MUTED, linewidth=0.9, linestyle=(0, (1, 1)), label="SLA")
    axes.set_ylim(0, None)
    _legend(axes)
    name_panel(axes, "Latency (s)")
