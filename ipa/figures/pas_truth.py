"""Is PAS right? PAS beside measured accuracy, why they differ, and what that does to decisions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipa.figures.style import (
    INK,
    MUTED,
    PAGE_IN,
    STAGE_LOOKS,
    Look,
    house_style,
    name_panel,
    new_figure,
    put_in_order,
    use_log_scale,
    write_caption,
)
from ipa.figures.tables import require

COLUMNS = ("detector", "recogniser", "pas", "measured", "low", "high", "difference", "dependence", "rescue")
LABELLED_COLUMNS = (
    "images",
    *(f"lost_by_{name}_{what}" for name in ("pas", "measured") for what in ("cores", "low", "high")),
)
DECISION_COLUMNS = ("rate_rps", "alpha", "decided_by", "cost_cores", "accuracy")

MARKERS = "ovs^DPX*"
DEPENDENCE, RESCUE, SUM = Look("#0072B2", hatch=""), Look("#E69F00", hatch="////"), Look(INK, marker="D")
DECIDED_LOOKS = {
    "pas": ("by PAS", Look("#D55E00", (4, 1.5), marker="v")),
    "measured": ("by measured accuracy", Look("#0072B2", (), marker="o")),
}


def draw_pas_truth(combinations: pd.DataFrame, caption: str) -> Figure:
    """Draw PAS against measured accuracy, and the two reasons for their difference.

    Parameters
    ----------
    combinations
        Rows of ``ipa.studies.pas_truth.combination_table``.
    caption
        What was measured.

    Returns
    -------
    Figure
        Left a point per combination with its confidence interval; on the dashed line PAS is right. Right the
        difference per detector, mean over the recognisers, and its parts.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(combinations, COLUMNS, "PAS and measured accuracy")
    with house_style():
        figure = new_figure(PAGE_IN, 3.1)
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_points(left, combinations)
        _draw_parts(right, combinations)
        write_caption(figure, caption)
    return figure


def _draw_points(axes: Axes, rows: pd.DataFrame) -> None:
    detectors = put_in_order(rows["detector"], ())
    recognisers = put_in_order(rows["recogniser"], ())
    ends = [rows[["pas", "low"]].min().min() - 0.02, rows[["pas", "high"]].max().max() + 0.02]
    axes.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)), label="PAS is right")
    for place, detector in enumerate(detectors):
        colour = STAGE_LOOKS[place % len(STAGE_LOOKS)].colour
        for number, recogniser in enumerate(recognisers):
            row = rows[(rows["detector"] == detector) & (rows["recogniser"] == recogniser)].iloc[0]
            errors = [[row["measured"] - row["low"]], [row["high"] - row["measured"]]]
            axes.errorbar(
                row["pas"], row["measured"], yerr=errors, color=colour, marker=MARKERS[number % len(MARKERS)],
                markersize=4.5, markeredgecolor="white", markeredgewidth=0.4, elinewidth=0.7, zorder=3,
            )  # fmt: skip
        axes.plot([], [], color=colour, linewidth=2.5, label=detector)
    for number, recogniser in enumerate(recognisers):
        axes.plot(
            [], [], marker=MARKERS[number % len(MARKERS)], color=MUTED, linestyle="none", markersize=4.5,
            label=recogniser,
        )  # fmt: skip
    axes.set(xlim=ends, ylim=ends, xlabel="PAS", ylabel="measured end-to-end accuracy")
    axes.legend(
        loc="upper left", fontsize=6.2, ncols=2, handlelength=1.4, columnspacing=0.9, labelspacing=0.3
    )
    name_panel(axes, "Every combination")


def _draw_parts(axes: Axes, rows: pd.DataFrame) -> None:
    means = rows.groupby("detector", sort=False)[["dependence", "rescue", "difference"]].mean()
    places = np.arange(len(means))
    parts = (
        ("dependence", DEPENDENCE, "stages err on the same images"),
        ("rescue", RESCUE, "right though a stage is wrong, less the reverse"),
    )
    for column, look, label in parts:
        axes.bar(
            places, means[column], 0.6, color=look.colour, hatch=look.hatch, edgecolor="white", label=label,
        )  # fmt: skip
    axes.plot(
        places, means["difference"], linestyle="none", marker=SUM.marker, color=SUM.colour, markersize=4.5,
        markeredgecolor="white", markeredgewidth=0.5, label="measured - PAS",
    )  # fmt: skip
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xticks(places, means.index, rotation=20)
    axes.set_ylabel("accuracy")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.45 * (high - low))
    axes.legend(loc="upper left", fontsize=6.2, labelspacing=0.3)
    name_panel(axes, "Where PAS errs")


def draw_pas_decisions(decisions: pd.DataFrame, caption: str) -> Figure:
    """Draw what decisions by PAS and by measured accuracies buy, and where they differ.

    Parameters
    ----------
    decisions
        Rows of ``ipa.studies.pas_decisions.decision_table``.
    caption
        What was decided.

    Returns
    -------
    Figure
        Left mean accuracy over mean cost, a point per weight of the accuracy; right the cores that PAS pays
        beyond the decision by measured accuracies, per rate and weight.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(decisions, DECISION_COLUMNS, "decisions")
    with house_style():
        figure = new_figure(PAGE_IN, 3.1)
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
        _draw_bought(left, decisions)
        _draw_extra_cores(right, decisions)
        write_caption(figure, caption)
    return figure


def _draw_bought(axes: Axes, decisions: pd.DataFrame) -> None:
    for name, (label, look) in DECIDED_LOOKS.items():
        rows = decisions[decisions["decided_by"] == name]
        means = rows.groupby("alpha")[["cost_cores", "accuracy"]].mean()
        axes.plot(
            means["cost_cores"], means["accuracy"], color=look.colour, linestyle=look.line_style,
            marker=look.marker, markersize=4, label=label,
        )  # fmt: skip
    axes.set(xlabel="mean cost (cores)", ylabel="mean measured accuracy")
    axes.legend(loc="lower right")
    name_panel(axes, "What is bought, α by α")


def _draw_extra_cores(axes: Axes, decisions: pd.DataFrame) -> None:
    cores = decisions.pivot_table(index="alpha", columns=["decided_by", "rate_rps"], values="cost_cores")
    extra = cores["pas"] - cores["measured"]
    most = max(1.0, float(np.nanmax(np.abs(extra.to_numpy()))))
    axes.imshow(extra, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-most, vmax=most)
    for (y, x), value in np.ndenumerate(extra.to_numpy()):
        if value:
            dark = abs(value) > 0.6 * most
            axes.text(
                x, y, f"{value:+.0f}", ha="center", va="center", fontsize=6, color="white" if dark else INK,
            )  # fmt: skip
    axes.set_xticks(range(extra.shape[1]), [f"{rate:g}" for rate in extra.columns], rotation=45)
    axes.set_yticks(range(extra.shape[0]), [f"{alpha:g}" for alpha in extra.index])
    axes.set(xlabel="arrival rate (requests/s)", ylabel="α (β = 1)")
    axes.grid(visible=False)
    name_panel(axes, "Cores that PAS pays beyond measured accuracy")


def draw_labelled_images(losses: pd.DataFrame, caption: str) -> Figure:
    """Draw what decisions lose that were taken with so many labelled images.

    Parameters
    ----------
    losses
        Rows of ``ipa.studies.labelled_images.labelling_table``.
    caption
        What was drawn and judged.

    Returns
    -------
    Figure
        Loss over the number of images, both logarithmic: by PAS and by measured accuracies, means with the
        5th to 95th percentile of the draws.

    Raises
    ------
    ResultsError
        If the table is empty or lacks a column.
    """
    require(losses, LABELLED_COLUMNS, "labelled images")
    with house_style():
        figure = new_figure(PAGE_IN, 2.7)
        axes = figure.subplots()
        for place, (name, (label, look)) in enumerate(DECIDED_LOOKS.items()):
            mean = losses[f"lost_by_{name}_cores"]
            ends = [mean - losses[f"lost_by_{name}_low"], losses[f"lost_by_{name}_high"] - mean]
            axes.errorbar(
                losses["images"] * (0.98, 1.02)[place], mean, yerr=np.maximum(ends, 0), color=look.colour,
                linestyle=look.line_style, marker=look.marker, markersize=4, elinewidth=0.8, capsize=2,
                label=label,
            )  # fmt: skip
        low = float(losses[["lost_by_pas_low", "lost_by_measured_low"]].min().min())
        high = float(losses[["lost_by_pas_high", "lost_by_measured_high"]].max().max())
        use_log_scale(axes, "x", float(losses["images"].min()), float(losses["images"].max()))
        use_log_scale(axes, "y", max(low, 1e-3), high)
        axes.set(xlabel="labelled images", ylabel="lost by the decision (cores)")
        axes.legend(loc="upper right")
        name_panel(axes, "How many images it takes")
        write_caption(figure, caption)
    return figure
