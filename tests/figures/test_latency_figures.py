"""The figures of the latency notebook, drawn from small tables."""

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures.burst import draw_burst
from ipa.figures.cluster_effects import draw_cluster_effects
from ipa.figures.latency import draw_latency_breakdown, draw_latency_distribution
from ipa.figures.style import COLUMN_IN
from ipa.studies.burst import attribute
from ipa.studies.latency import published_latency
from tests.support.tidy_frames import assert_reads_in_one_column

KEYS = {"edition": "as-published", "trace": "synthetic"}
METHODS = ("ipa", "rim")


def curves() -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"share": [0.0, 0.5, 1.0], "latency_s": [0.2, 0.5 * n, 8.0]}).assign(
                pipeline=pipeline, method=method, kind=kind, **KEYS
            )
            for pipeline in ("video", "nlp")
            for n, method in enumerate(METHODS, 1)
            for kind in ("seconds", "requests")
        ]
    )


def summary() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"pipeline": pipeline, "method": method, "seed": seed, "sla_s": sla_s, **KEYS}
            for pipeline, sla_s in (("video", 6.89), ("nlp", 17.61))
            for method in METHODS
            for seed in (3, 4)
        ]
    )


def parts() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "pipeline": "video",
                "method": method,
                "seed": 3,
                "stage": stage,
                "part": part,
                "mean_s": 0.1,
                **KEYS,
            }
            for method in METHODS
            for stage, part in [
                *((stage, part) for stage in ("one", "two") for part in ("queue", "batch wait", "service")),
                ("", "network"),
            ]
        ]
    )


def effects() -> pd.DataFrame:
    frame = pd.DataFrame({"group": ["plain", "network", "network"], "label": ["defaults", "low", "high"]})
    for name in ("violation_share", "dropped_share", "latency_p99_s", "running_mean_cores"):
        frame[name], frame[f"{name}_interval"] = [0.1, 0.2, 0.4], [0.0, 0.05, np.inf]
    return frame


def reactions() -> pd.DataFrame:
    flags = ("forecast", "interval", "start_up", "profile")
    return pd.DataFrame(
        [
            {
                **{name: bool(code >> bit & 1) for bit, name in enumerate(flags)},
                "seed": seed,
                "second": second,
                "late_share": code / 15 * (second < 2),
            }
            for code in range(16)
            for seed in (0, 1)
            for second in range(4)
        ]
    )


SMALL = {
    "distribution": lambda: draw_latency_distribution(curves(), summary(), published_latency(), "a note"),
    "breakdown": lambda: draw_latency_breakdown(parts(), "a note"),
    "effects": lambda: draw_cluster_effects(effects(), "a note"),
    "reaction": lambda: draw_burst(reactions(), attribute(reactions()), "a note"),
}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


@pytest.mark.parametrize("name", SMALL)
def test_every_figure_carries_its_caption_and_leaves_the_style_alone(name: str) -> None:
    before = dict(mpl.rcParams)
    assert any("a note" in text for text in texts(SMALL[name]()))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    "draw",
    [
        lambda empty: draw_latency_distribution(empty, summary()),
        lambda empty: draw_latency_distribution(curves(), empty),
        draw_latency_breakdown,
        lambda empty: draw_cluster_effects(empty, ""),
        lambda empty: draw_burst(empty, empty, ""),
    ],
)
def test_an_empty_table_is_refused(draw: Callable[..., Any]) -> None:
    with pytest.raises(ResultsError, match="no rows"):
        draw(pd.DataFrame())


def test_the_distribution_has_a_column_per_pipeline_a_row_per_kind_and_the_sla() -> None:
    figure = SMALL["distribution"]()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["video", "nlp", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == [
        "share of per-second p99",
        "share of requests",
    ]
    slas = [line.get_xdata()[0] for axes in figure.axes for line in axes.lines if line.get_linestyle() == ":"]
    assert {6.89, 17.61} <= set(slas)
    assert all(axes.get_xscale() == "log" for axes in figure.axes)


def test_published_quantiles_are_marked_where_they_belong() -> None:
    figure = SMALL["distribution"]()
    marks = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert marks[0].get_xydata().tolist() == [[0.818, 0.5], [1.323, 0.9], [9.815, 0.99]]
    assert len({mark.get_marker() for mark in marks}) == len(marks) == 2
    assert not [line for line in figure.axes[2].lines if line.get_linestyle() == "None"]
    assert "open markers: published p50, p90 and p99" in figure.get_supxlabel()
    assert "open markers" not in draw_latency_distribution(curves(), summary()).get_supxlabel()


def test_the_caption_tells_how_far_the_medians_are_apart() -> None:
    both = summary().assign(p50_s=0.409)
    both = both[(both["pipeline"] == "video") & (both["method"] == "ipa")]
    drawn = curves()[lambda frame: frame["pipeline"] == "video"]
    caption = draw_latency_distribution(drawn, both, published_latency()).get_supxlabel()
    assert "the published ones are 2.0 to 2.0 times ours" in caption.replace("\n", " ")


def test_the_bars_of_the_breakdown_stack_to_the_mean_latency() -> None:
    figure = SMALL["breakdown"]()
    tops = [bar.get_y() + bar.get_height() for bar in figure.axes[0].patches]
    assert max(tops) == pytest.approx(0.7)
    assert {"stage 1", "stage 2", "network"} <= set(texts(figure))
    assert "stage 3" not in texts(figure)


def test_the_legend_of_the_breakdown_has_only_what_occurs() -> None:
    frame = parts()
    frame.loc[frame["part"] == "network", "mean_s"] = 1e-17
    shown = texts(draw_latency_breakdown(frame))
    assert "network" not in shown
    assert "batch wait" in shown


def test_a_run_that_answered_nobody_has_figures_all_the_same() -> None:
    assert draw_latency_distribution(curves().assign(latency_s=np.nan), summary()).axes
    assert draw_latency_breakdown(parts().assign(mean_s=np.nan)).axes


def test_effects_are_labelled_and_a_single_seed_has_no_whisker() -> None:
    figure = SMALL["effects"]()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["plain: defaults", "network: low", "network: high"]


def test_the_parts_of_the_reaction_reach_from_ideal_to_real() -> None:
    figure = SMALL["reaction"]()
    bars = figure.axes[1].patches
    assert bars[0].get_y() == pytest.approx(0.0)
    assert bars[3].get_y() + bars[3].get_height() == pytest.approx(bars[4].get_height())
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(100.0)
    assert figure.axes[1].get_title(loc="left") == "Shapley value of each cause (points)"
    assert "averaged over all orders" in figure.get_supxlabel()


def test_in_one_column_a_pipeline_has_a_row_of_the_distribution() -> None:
    figure = draw_latency_distribution(curves(), summary(), published_latency(), width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    rows = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    assert rows == [0, 0, 1, 1]


def test_in_one_column_three_breakdowns_take_two_rows_and_leave_no_empty_panel() -> None:
    three = pd.concat([parts().assign(pipeline=name) for name in ("video", "nlp", "sum-qa")])
    figure = draw_latency_breakdown(three, width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    assert len(figure.axes) == 3
