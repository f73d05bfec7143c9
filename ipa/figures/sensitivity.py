"""Which variants are chosen at which arrival rate and SLA: the map a pipeline designer wants first."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ipa.figures.style import INK, MUTED, PAGE_IN, house_style, new_figure, write_caption
from ipa.figures.tables import require

COLUMNS = ("rate_rps", "sla_s", "stage", "feasible", "cost_cores", "pas", "variant")


def draw_sensitivity(
    choices: pd.DataFrame, variants: Mapping[str, Sequence[str]], sla_s: float, caption: str
) -> Figure:
    """Draw what is chosen over rate and SLA.

    Parameters
    ----------
    choices
        Rows of ``ipa.studies.tradeoffs.choice_map``.
    variants
        Variants of each stage, the least accurate first (``ipa.studies.run_tables.variants_by_accuracy``).
    sla_s
        The pipeline's own SLA, drawn as a line.
    caption
        Pipeline, edition and weights.

    Returns
    -------
    Figure
        One map per stage with a choice (the darker, the more accurate the variant), then cost and PAS.
        Hatched: no plan carries the rate within the SLA.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(choices, COLUMNS, "sensitivity")
    mapped = {stage: names for stage, names in variants.items() if len(names) > 1}
    fixed = [f"{stage}: always {names[0]}" for stage, names in variants.items() if len(names) == 1]
    panels, columns = len(mapped) + 2, 2
    rows = -(-panels // columns)
    with house_style(), mpl.rc_context({"axes.grid": False}):
        figure = new_figure(PAGE_IN, 0.45 + 2.15 * rows)
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in grid[panels:]:
            axes.set_axis_off()
        for axes, (stage, names) in zip(grid, mapped.items(), strict=False):
            _map_variants(axes, choices[choices["stage"] == stage], stage, list(names))
        whole = choices.drop_duplicates(["rate_rps", "sla_s"])
        _map_values(grid[panels - 2], whole, "cost_cores", "cost (cores)", logarithmic=True)
        _map_values(grid[panels - 1], whole.assign(pas=100 * whole["pas"]), "pas", "PAS × 100")
        for place, axes in enumerate(grid[:panels]):
            _finish(axes, whole, sla_s)
            axes.set_xlabel("arrival rate (requests/s)" if place >= panels - columns else "")
            axes.set_ylabel("SLA (s)" if place % columns == 0 else "")
        notes = ["hatched: no plan", "dashed: the pipeline's SLA", *fixed]
        write_caption(figure, "  ·  ".join([caption, *notes]))
    return figure


def _map_variants(axes: Axes, rows: pd.DataFrame, stage: str, names: list[str]) -> None:
    index = {name: number for number, name in enumerate(names)}
    table = rows.assign(chosen=[index.get(name, np.nan) for name in rows["variant"]])
    shades = mpl.colormaps["viridis_r"](np.linspace(0.06, 0.94, len(names)))
    mesh = _mesh(
        axes, table, "chosen", cmap=ListedColormap(shades),
        norm=BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names)),
    )  # fmt: skip
    bar = axes.figure.colorbar(mesh, ax=axes, ticks=range(len(names)), fraction=0.06, pad=0.02)
    bar.ax.set_yticklabels(names, fontsize=6)
    bar.ax.tick_params(length=0)
    bar.outline.set_linewidth(0.5)
    axes.set_title(stage, loc="left", fontweight="bold")


def _map_values(
    axes: Axes, rows: pd.DataFrame, column: str, title: str, *, logarithmic: bool = False
) -> None:
    known = rows[column].dropna()
    low, high = (known.min(), known.max()) if len(known) else (1.0, 2.0)
    norm = LogNorm(low, max(high, low * 1.01)) if logarithmic else mpl.colors.Normalize(low, high)
    mesh = _mesh(axes, rows, column, cmap=mpl.colormaps["cividis_r"], norm=norm)
    bar = axes.figure.colorbar(mesh, ax=axes, fraction=0.06, pad=0.02)
    if logarithmic:
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.tick_params(labelsize=6, length=2)
    bar.outline.set_linewidth(0.5)
    axes.set_title(title, loc="left", fontweight="bold")


def _mesh(axes: Axes, rows: pd.DataFrame, column: str, **colours: Any) -> QuadMesh:
    table = rows.pivot_table(column, "sla_s", "rate_rps", aggfunc="first", dropna=False).astype(float)
    # Hatches lie under the mesh and show where it has nothing.
    axes.patch.set(facecolor="#F2F2F2", hatch="////", edgecolor=MUTED)
    return axes.pcolormesh(
        table.columns.to_numpy(), table.index.to_numpy(), np.ma.masked_invalid(table.to_numpy()),
        shading="nearest", rasterized=True, **colours,
    )  # fmt: skip


def _finish(axes: Axes, rows: pd.DataFrame, sla_s: float) -> None:
    axes.set_yscale("log")
    # Half a row beyond the first and the last one; a lonely row is made as high as a factor of two.
    slas_s = np.sort(rows["sla_s"].unique())
    first, last = (slas_s[1] / slas_s[0], slas_s[-1] / slas_s[-2]) if len(slas_s) > 1 else (2.0, 2.0)
    axes.set_ylim(slas_s[0] / first**0.5, slas_s[-1] * last**0.5)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.axhline(sla_s, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
