"""Figure 2: what a more accurate variant costs in latency and throughput."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ipa.figures.style import (
    INK,
    PAGE_IN,
    Look,
    house_style,
    name_panel,
    new_figure,
    short_name,
    write_caption,
)
from ipa.figures.tables import require

COLUMNS = (
    "variant", "accuracy_pct", "mean_ms", "p99_ms", "published_ms", "throughput_rps", "published_rps",
)  # fmt: skip

LATENCY_LOOKS = {
    "p99_ms": ("p99", Look("#0072B2", (), marker="o")),
    "mean_ms": ("mean", Look("#E69F00", (4, 1.5), marker="v")),
}
THROUGHPUT_LOOK = Look("#0072B2", (), marker="o")


def draw_variant_tradeoff(variants: pd.DataFrame, caption: str) -> Figure:
    """Draw figure 2: latency and throughput of the variants of a task over their accuracy.

    Parameters
    ----------
    variants
        Rows of ``ipa.studies.profiling.figure2``.
    caption
        What was measured.

    Returns
    -------
    Figure
        Left the mean and the p99 latency, right the throughput of a replica; diamonds are what the paper
        draws.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(variants, COLUMNS, "variant trade-off")
    rows = variants.sort_values("accuracy_pct")
    with house_style():
        figure = new_figure(PAGE_IN, 2.7)
        left, right = figure.subplots(1, 2)
        for column, (title, look) in LATENCY_LOOKS.items():
            _draw(left, rows, column, look, f"measured {title}")
        _draw(right, rows, "throughput_rps", THROUGHPUT_LOOK, "measured")
        for axes, column in ((left, "published_ms"), (right, "published_rps")):
            _mark_published(axes, rows, column)
        name_panel(left, "Latency (ms)")
        name_panel(right, "Throughput of a replica (requests/s)")
        _name_variants(left, rows, ["p99_ms", "published_ms"], rising=True)
        _name_variants(right, rows, ["throughput_rps", "published_rps"], rising=False)
        for axes in (left, right):
            axes.set_xlabel("accuracy (%)")
            axes.set_ylim(0, 1.2 * axes.dataLim.y1)
            axes.margins(x=0.12)
            axes.yaxis.set_major_locator(MaxNLocator(5))
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        write_caption(figure, caption)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, column: str, look: Look, label: str) -> None:
    axes.plot(
        rows["accuracy_pct"], rows[column], color=look.colour, linestyle=look.line_style, marker=look.marker,
        markersize=4.5, label=label, zorder=2,
    )  # fmt: skip


def _mark_published(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    axes.plot(
        rows["accuracy_pct"], rows[column], "D", markersize=5.5, markerfacecolor="none", markeredgecolor=INK,
        markeredgewidth=0.9, label="published", zorder=3,
    )  # fmt: skip


def _name_variants(axes: Axes, rows: pd.DataFrame, columns: list[str], *, rising: bool) -> None:
    """Name the points on the side of the line where nothing is: left of a rising one, else right.

    What is left of the first point is the axis; its name stands above it.
    """
    for place, ((_, row), top) in enumerate(
        zip(rows.iterrows(), rows[columns].max(axis="columns"), strict=True)
    ):
        aside, side = ((-5, "right") if place else (0, "center")) if rising else (5, "left")
        axes.annotate(
            short_name(str(row["variant"])), (row["accuracy_pct"], top),
            xytext=(aside, 3 if aside else 6), textcoords="offset points", ha=side, fontsize=6.5,
        )  # fmt: skip
