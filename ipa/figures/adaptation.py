"""One run over time: the load, what was decided for it, and what that costs and gives."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from ipa.figures.style import (
    ALERT,
    DECIDED,
    INK,
    LOAD,
    PAGE_IN,
    STAGE_LOOKS,
    house_style,
    is_narrow,
    method_title,
    name_panel,
    new_figure,
    provenance_line,
    set_apart,
    short_name,
    whole_ticks,
    write_caption,
)
from ipa.figures.tables import require
from ipa.optimizer.decision import Status
from ipa.results.folder import RUN_KEYS
from ipa.studies.run_tables import numbers, stage_steps

COLUMNS = (*RUN_KEYS, "step", "time_s", "rate_rps", "cost_cores", "pas", "status", "action", "plan")

LEGEND_LINE_PT = 10.0
"""Height of a line of a legend in one column of a page."""

LONGEST_OF_TWO = 22
"""Characters of labels of which two fit beside each other there."""


def draw_adaptation(
    steps: pd.DataFrame,
    load: pd.DataFrame,
    variants: Mapping[str, Sequence[str]] | None = None,
    *,
    width_in: float = PAGE_IN,
) -> Figure:
    """Draw how one run adapted to its load.

    Parameters
    ----------
    steps
        Rows of ``ipa.studies.run_tables.decision_steps`` of one run.
    load
        Columns ``time_s`` and ``load_rps``, one row a second.
    variants
        Variants of each stage from the least to the most accurate, to show also those that were never
        chosen; by default the ones that were.
    width_in
        Width of the figure; below ``NARROW_BELOW_IN`` it is laid out for one column of a page.

    Returns
    -------
    Figure
        From top to bottom: load and the arrival rate decided for (marked where the plan was held, is the best
        that could be done, or is not in force yet), the variant of each stage, replicas and
        batch size of each stage, cost in cores, PAS x 100.

    Raises
    ------
    ResultsError
        If a table is empty or lacks a column.
    """
    require(steps, COLUMNS, "adaptation")
    require(load, ("time_s", "load_rps"), "adaptation")
    stages = stage_steps(steps)
    names = list(dict.fromkeys(stages["stage"]))
    shown = {name: _shown(stages[stages["stage"] == name], (variants or {}).get(name)) for name in names}
    heights = [1.5, *(0.45 + 0.17 * len(shown[name]) for name in names), 0.85, 0.7, 0.85, 0.85]
    with house_style(width_in):
        figure = new_figure(width_in, 0.9 * sum(heights) + 0.8)
        panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        _draw_load(panels[0], steps, load)
        for index, name in enumerate(names):
            rows = stages[stages["stage"] == name]
            _draw_variants(panels[1 + index], rows, shown[name], STAGE_LOOKS[index % len(STAGE_LOOKS)].colour)
            name_panel(panels[1 + index], f"Variant: {short_name(name, 26 if is_narrow(width_in) else 40)}")
        _draw_per_stage(panels[-4], stages, "replicas", "Replicas per stage")
        _name_panel_with_legend(panels[-4], "Replicas per stage")
        _draw_per_stage(panels[-3], stages, "batch", "Batch size per stage")
        _draw_outcome(panels[-2], steps["time_s"], numbers(steps["cost_cores"]), "Cost (cores)")
        whole_ticks(panels[-2].yaxis)
        _draw_outcome(panels[-1], steps["time_s"], numbers(steps["pas"], 100), "Accuracy (PAS × 100)")
        panels[-1].set_xlabel("time (s)")
        panels[-1].set_xlim(0, max(load["time_s"].max() + 1, steps["time_s"].max()))
        run = steps.iloc[0]
        figure.suptitle(
            f"{short_name(method_title(run['method']))} on {short_name(run['pipeline'], 30)},"
            f" {short_name(run['workload'], 30)} workload",
            x=0.01, ha="left", fontsize=8 if is_narrow(width_in) else 10, fontweight="bold",
        )  # fmt: skip
        write_caption(figure, provenance_line(steps, "one run"))
    return figure


def _shown(rows: pd.DataFrame, known: Sequence[str] | None) -> list[str]:
    chosen = list(dict.fromkeys(rows.sort_values("cores", kind="stable")["variant"]))
    return [*(known or ()), *(name for name in chosen if name not in (known or ()))]


def _draw_load(axes: Axes, steps: pd.DataFrame, load: pd.DataFrame) -> None:
    axes.fill_between(
        load["time_s"],
        numbers(load["load_rps"]),
        step="post",
        color=LOAD,
        alpha=0.45,
        linewidth=0,
        label="load",
    )
    decided = steps.assign(rate_rps=numbers(steps["rate_rps"])).dropna(subset=["rate_rps"])
    axes.step(
        decided["time_s"], decided["rate_rps"], where="post", color=DECIDED, label="arrival rate decided for"
    )
    for label, (marker, chosen) in _remarks(steps).items():
        marked = steps[chosen]
        if len(marked):
            # What was decided for no rate is marked at the bottom.
            axes.plot(
                marked["time_s"], numbers(marked["rate_rps"]).fillna(0), marker, color=ALERT, markersize=4,
                markerfacecolor="none", markeredgewidth=0.9, linestyle="none", clip_on=False, label=label,
            )  # fmt: skip
    top = max(load["load_rps"].max(), decided["rate_rps"].max() if len(decided) else 0)
    axes.set_ylim(0, 1.08 * max(1, top))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    _name_panel_with_legend(axes, "Load (requests/s)")


def _remarks(steps: pd.DataFrame) -> dict[str, tuple[str, "pd.Series[bool]"]]:
    """Return what is out of the ordinary in some steps: its name, its marker, and which steps."""
    action = steps["action"]
    infeasible = steps["status"] == Status.INFEASIBLE
    return {
        "plan held": ("x", action == "held"),
        "best effort, SLA or load not met": ("v", infeasible & (action != "held")),
        "plan pending": ("s", action == "pending"),
    }


def _is_narrow(axes: Axes) -> bool:
    figure = axes.get_figure(root=True)
    return figure is not None and is_narrow(figure.get_figwidth())


def _name_panel_with_legend(axes: Axes, title: str) -> None:
    """Write title and legend above a panel: side by side, or in one column of a page in lines."""
    handles, labels = axes.get_legend_handles_labels()
    narrow = _is_narrow(axes)
    columns = 5 if not narrow else 2 if max(map(len, labels)) <= LONGEST_OF_TWO else 1
    axes.legend(
        handles, labels, loc="lower left" if narrow else "lower right",
        bbox_to_anchor=(0, 1) if narrow else (1, 1), ncols=columns, borderaxespad=0.1, columnspacing=1.2,
    )  # fmt: skip
    name_panel(axes, title, LEGEND_LINE_PT * -(-len(labels) // columns) + 4 if narrow else None)


def _draw_variants(axes: Axes, rows: pd.DataFrame, names: Sequence[str], colour: str) -> None:
    level = rows["variant"].map({name: index for index, name in enumerate(names)})
    axes.step(rows["time_s"], level, where="post", color=colour, linewidth=2)
    axes.set_ylim(-0.6, len(names) - 0.4)
    most = 12 if _is_narrow(axes) else 24
    axes.yaxis.set_major_locator(FixedLocator(range(len(names))))
    axes.yaxis.set_major_formatter(FixedFormatter([short_name(name, most) for name in names]))


def _draw_per_stage(axes: Axes, stages: pd.DataFrame, column: str, title: str) -> None:
    count = stages["stage"].nunique()
    most = 24 if count <= 3 and not _is_narrow(axes) else 15
    for index, (name, rows) in enumerate(stages.groupby("stage", sort=False)):
        look = STAGE_LOOKS[index % len(STAGE_LOOKS)]
        axes.step(
            rows["time_s"], rows[column], where="post", color=look.colour, linestyle=look.line_style,
            linewidth=1.2, label=short_name(str(name), most),
            transform=set_apart(axes, index, count),
        )  # fmt: skip
    axes.set_ylim(0, 1.25 * max(float(stages[column].max()), 1))
    whole_ticks(axes.yaxis)
    name_panel(axes, title)


def _draw_outcome(axes: Axes, time_s: pd.Series, values: pd.Series, title: str) -> None:
    axes.step(time_s, values, where="post", color=INK)
    span = max(values.max() - values.min(), 0.05 * abs(values.max()), 1e-9)
    axes.set_ylim(max(0, values.min() - 0.15 * span), values.max() + 0.15 * span)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    name_panel(axes, title)
