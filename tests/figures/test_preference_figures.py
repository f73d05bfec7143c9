"""Figure 14 and the maps over rate and SLA."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures import draw_preferences, draw_sensitivity
from ipa.figures.style import COLUMN_IN
from tests.support.tidy_frames import assert_reads_in_one_column


def points(edition: str = "as-published", **changes: object) -> pd.DataFrame:
    rows = [
        {
            "edition": edition,
            "pipeline": pipeline,
            "preference": preference,
            "cost_cores": cost,
            "accuracy": 30.0 + cost,
            "published_cost_cores": cost + 0.1,
            "published_accuracy": 30.0 + cost,
            "within": True,
            "within_with_ties": True,
        }
        for pipeline in ("video", "nlp")
        for preference, cost in (("accuracy", 9.0), ("balance", 4.0), ("resource", 2.0))
    ]
    return pd.DataFrame(rows).assign(**changes)


def curves(edition: str = "as-published") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"edition": edition, "pipeline": pipeline, "ratio_from": ratio, "cost": cost, "accuracy": cost}
            for pipeline in ("video", "nlp")
            for ratio, cost in ((0.0, 2.0), (1.0, 9.0))
        ]
    )


def caption(figure: Figure) -> str:
    return figure.get_supxlabel()


def test_every_pipeline_has_a_panel_and_a_point_per_preference() -> None:
    figure = draw_preferences(points(), curves(), "trace")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["video", "nlp"]
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_zorder() >= 4]
    assert sorted(drawn) == [2.0, 4.0, 9.0]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("changes", "entry", "fill"),
    [
        ({}, "published, met", "full"),
        ({"within": False}, "published, met by a tied plan", "left"),
        ({"within": False, "within_with_ties": False}, "published, missed", "full"),
    ],
)
def test_published_points_are_filled_by_whether_they_are_met(changes: Any, entry: Any, fill: Any) -> None:
    figure = draw_preferences(points(**changes), curves(), "trace")
    assert [text for text in legend(figure) if text.startswith("published")] == [entry]
    outlines = [line for line in figure.axes[0].lines if line.get_markersize() == 10]
    assert [line.get_fillstyle() for line in outlines] == [fill] * 3
    filled = [line.get_markerfacecolor() != "none" for line in outlines]
    assert filled == [entry != "published, met"] * 3


def test_an_edition_without_published_points_has_no_outlines_and_no_entry_for_them() -> None:
    frame = points("corrected", published_cost_cores=math.nan, published_accuracy=math.nan, within=False)
    figure = draw_preferences(frame, curves("corrected"), "trace")
    assert legend(figure) == ["any α/β", "accuracy first", "balanced", "resources first"]
    assert len([line for line in figure.axes[0].lines if line.get_markersize() == 10]) == 0


def test_a_point_off_the_line_says_why() -> None:
    line = curves().assign(accuracy=lambda frame: 30.0 + frame["cost"])
    assert not draw_preferences(points(), line, "").axes[0].texts
    dear = points(beta=0.0)
    dear.loc[dear["preference"] == "accuracy", "cost_cores"] = 20.0
    figure = draw_preferences(dear, line, "")
    assert [text.get_text() for text in figure.axes[0].texts] == ["β = 0:\ncores\nare free"]


def test_equal_points_all_show() -> None:
    figure = draw_preferences(points(cost_cores=4.0, accuracy=34.0), curves(), "")
    sizes = {
        line.get_zorder(): line.get_markersize() for line in figure.axes[0].lines if line.get_zorder() >= 4
    }
    assert sizes[min(sizes)] == max(sizes.values())
    assert len(set(sizes.values())) == 3


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(ResultsError, match="figure preferences: the table has no rows"):
        draw_preferences(points().head(0), curves(), "trace")


def choices() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "rate_rps": rate,
                "sla_s": sla,
                "stage": stage,
                "feasible": sla > 0.1,
                "cost_cores": rate if sla > 0.1 else math.nan,
                "pas": 0.5 if sla > 0.1 else math.nan,
                "variant": ("small" if rate < 2 else "large") if sla > 0.1 else "",
            }
            for rate in (1.0, 2.0, 3.0)
            for sla in (0.1, 1.0)
            for stage in ("detect", "translate")
        ]
    )


def test_a_map_shows_the_place_of_the_variant_and_leaves_the_infeasible_out() -> None:
    variants = {"detect": ["small", "large"], "translate": ["only"]}
    figure = draw_sensitivity(choices(), variants, 0.5, "toy")
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["detect", "cost (cores)", "PAS × 100"]
    shown = panels[0].collections[0].get_array()
    assert np.ma.getmaskarray(shown).tolist() == [[True] * 3, [False] * 3]
    assert shown[1].tolist() == [0, 1, 1]
    assert "translate: always only" in caption(figure)


def test_where_nothing_is_feasible_the_map_is_drawn_all_the_same() -> None:
    frame = choices()
    frame = frame[frame["sla_s"] == 0.1]
    figure = draw_sensitivity(
        pd.concat([frame, frame.assign(sla_s=0.05)]), {"detect": ["small", "large"]}, 1, ""
    )
    assert np.ma.getmaskarray(figure.axes[0].collections[0].get_array()).all()


def test_in_one_column_a_pipeline_has_a_row_and_an_edition_a_column() -> None:
    both = [pd.concat([rows("as-published"), rows("corrected")]) for rows in (points, curves)]
    figure = draw_preferences(*both, "trace", width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["video", "", "nlp", ""]
    assert figure.axes[1].get_title(loc="left").startswith("corrected")
