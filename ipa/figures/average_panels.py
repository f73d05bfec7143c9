"""Panels of averages: a group per workload, a bar or a point per method, published values beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ipa.figures.style import INK, MUTED, Look, short_name, use_log_scale, whole_ticks

TICK_NAMES = {"steady-low": "steady\nlow", "steady-high": "steady\nhigh", "fluctuating": "fluc-\ntuating"}
"""Names that would run into each other under a group of bars."""

WIDE_RATIO = 10.0
"""Where the largest cost is more than this many times the smallest, its axis is logarithmic."""

GROUP_WIDTH = 0.84
"""Width of a group of bars; the distance of two groups is 1."""


@dataclass(frozen=True, slots=True)
class AveragePanel:
    """One panel of averages.

    Parameters
    ----------
    column
        Column of the averages.
    scale
        Factor from the column to the axis.
    published
        Column with the published value; empty if there is none.
    title, unit
        Text of the panel.
    whole
        Whether ticks are whole numbers.
    wide
        Whether the axis becomes logarithmic where values differ by more than ``WIDE_RATIO``.
    """

    column: str
    scale: float
    published: str
    title: str
    unit: str
    whole: bool = False
    wide: bool = False


PANELS = (
    AveragePanel(
        "cost_mean_cores", 1, "published_cost_cores", "Average cost", "cores", whole=True, wide=True
    ),
    AveragePanel("pas_mean", 100, "published_pas_pct", "Average accuracy", "PAS × 100"),
    AveragePanel("violation_share", 100, "", "Late or lost requests", "% of requests sent"),
    AveragePanel(
        "violating_seconds_share", 100, "published_violating_seconds_pct",
        "Late seconds (paper)", "% of seconds with p99 > SLA",
    ),
)  # fmt: skip


def draw_averages(
    axes: Axes,
    averages: pd.DataFrame,
    panel: AveragePanel,
    workloads: Sequence[str],
    looks: Mapping[str, Look],
) -> None:
    """Draw one panel; where its values spread widely, points on a logarithmic axis instead of bars."""
    ours, published = (
        _grid(averages, column, workloads, looks) for column in (panel.column, panel.published)
    )
    ours = ours * panel.scale
    logarithmic = panel.wide and spreads_widely(ours, published)
    if logarithmic:
        use_log_scale(axes, "y", *_range(ours, published))
    draw = _draw_points if logarithmic else _draw_bars
    for index, look in enumerate(looks.values()):
        at = np.arange(len(workloads), dtype=np.float64) + (index - (len(looks) - 1) / 2) * GROUP_WIDTH / len(
            looks
        )
        draw(axes, at, ours[:, index], GROUP_WIDTH / len(looks), look)
        axes.plot(
            at, published[:, index], "D", markersize=3.4, markerfacecolor="white", markeredgecolor=INK,
            markeredgewidth=0.8, clip_on=False, zorder=5,
        )  # fmt: skip
    _finish(axes, panel, workloads, logarithmic=logarithmic)
    _say_none(axes, ours, published)


def has_published(averages: pd.DataFrame) -> bool:
    """Whether any panel has a published value to show."""
    return any(panel.published in averages and averages[panel.published].notna().any() for panel in PANELS)


def spreads_widely(*values: NDArray[np.float64]) -> bool:
    """Whether positive values differ so much that a linear axis would flatten the small ones."""
    low, high = _range(*values)
    return low > 0 and high / low > WIDE_RATIO


def _range(*values: NDArray[np.float64]) -> tuple[float, float]:
    found = np.concatenate([part[np.isfinite(part)] for part in values])
    return (float(found.min()), float(found.max())) if len(found) else (0.0, 0.0)


def _grid(
    averages: pd.DataFrame, column: str, workloads: Sequence[str], looks: Mapping[str, Look]
) -> NDArray[np.float64]:
    """Return one value per workload and method, NaN where there is none."""
    if column not in averages:
        return np.full((len(workloads), len(looks)), np.nan)
    numbers = averages.assign(value=pd.to_numeric(averages[column], errors="coerce"))
    table = numbers.pivot_table("value", "workload", "method", aggfunc="first", dropna=False)
    return table.reindex(index=list(workloads), columns=list(looks)).to_numpy(np.float64)


def _draw_points(
    axes: Axes, at: NDArray[np.float64], values: NDArray[np.float64], _width: float, look: Look
) -> None:
    axes.plot(at, values, look.marker, markersize=5, color=look.colour, linestyle="none", zorder=3)


def _draw_bars(
    axes: Axes, at: NDArray[np.float64], values: NDArray[np.float64], width: float, look: Look
) -> None:
    axes.bar(
        at, values, width, color=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0.3
    )  # fmt: skip
    for place in at[values == 0]:
        axes.annotate(
            "0", (place, 0), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=5,
            color=look.colour, fontweight="bold",
        )  # fmt: skip


def _finish(axes: Axes, panel: AveragePanel, workloads: Sequence[str], *, logarithmic: bool) -> None:
    axes.set_xticks(range(len(workloads)), [_tick_name(name) for name in workloads])
    axes.set_xlim(-0.55, len(workloads) - 0.45)
    axes.tick_params(axis="x", length=0, labelsize=6)
    axes.set_title(panel.title, loc="left", fontsize=_at_most(7.5), fontweight="bold")
    axes.set_ylabel(f"{panel.unit} (log scale)" if logarithmic else panel.unit, fontsize=_at_most(7))
    if logarithmic:
        for border in np.arange(len(workloads) - 1) + 0.5:
            axes.axvline(border, color="#EEEEEE", linewidth=0.6, zorder=0)
        return
    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    if panel.whole:
        whole_ticks(axes.yaxis, 5)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _at_most(size_pt: float) -> float:
    """Return a size of text, or that of the labels where all text is smaller."""
    return min(size_pt, float(mpl.rcParams["axes.labelsize"]))


def _say_none(axes: Axes, ours: NDArray[np.float64], published: NDArray[np.float64]) -> None:
    """Say that nothing happened, or that nothing was there to count; never over a published value."""
    if np.nansum(np.abs(ours)):
        return
    text = "no requests" if np.isnan(ours).all() else "none in any run"
    if np.nansum(published):
        text = text.replace("none in any run", "none in any of ours")
    else:
        axes.set_yticks([0])
    axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", color=MUTED, fontsize=7)


def _tick_name(name: str) -> str:
    return TICK_NAMES.get(name) or "\n".join(wrap(short_name(name, 16), 8, break_long_words=True))
