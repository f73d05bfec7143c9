"""The figure of a frontier."""

import math

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures import draw_frontier


def points(count: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cost_cores": [2 * n + 1 for n in range(count)],
            "accuracy": [0.2 + 0.1 * n for n in range(count)],
            "pas": [0.2 + 0.1 * n for n in range(count)],
            "supported": [n != 1 for n in range(count)],
            "ratio_from": [math.nan if n == 1 else 10.0 * n for n in range(count)],
            "ratio_to": [math.nan if n == 1 else 10.0 * (n + 1) for n in range(count)],
            "plan": [f"plan-{n}" for n in range(count)],
        }
    )


def methods(**status: str) -> pd.DataFrame:
    rows = [("ipa", 3, 0.3), ("mine", 5, 0.25)]
    return pd.DataFrame(
        [
            {"method": name, "status": status.get(name, "optimal"), "cost_cores": cost, "accuracy": accuracy}
            for name, cost, accuracy in rows
        ]
    )


def texts(figure: Figure) -> list[str]:
    legend = figure.axes[1].get_legend()
    assert legend is not None
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [
        text.get_text() for text in legend.get_texts()
    ]


def test_every_plan_is_listed_with_the_weights_that_choose_it() -> None:
    shown = texts(draw_frontier(points(), methods(), "toy", "pas", "caption"))
    assert {"plan-0", "plan-1", "plan-2", "below 10", "none", "20–30", "30.00", "PAS"} <= set(shown)


def test_methods_are_named_also_those_outside_the_paper_and_those_that_fail() -> None:
    shown = texts(draw_frontier(points(), methods(mine="infeasible"), "toy", "pas", "caption"))
    assert "IPA" in shown
    assert "mine (breaks the SLA)" in shown


def test_a_long_frontier_is_cut_and_says_so() -> None:
    shown = texts(draw_frontier(points(20), methods(), "toy", "rank-sum", "caption"))
    assert "and 4 more, see the table" in shown
    assert "plan-16" not in shown


def test_an_empty_frontier_is_refused() -> None:
    with pytest.raises(ResultsError, match="figure frontier: the table has no rows"):
        draw_frontier(points(0), methods(), "toy", "pas", "caption")


def test_a_lonely_plan_has_ticks_at_whole_cores() -> None:
    axes = draw_frontier(points(1), methods(), "t", "pas", "c").axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(float(tick).is_integer() for tick in ticks)


def test_numbers_keep_off_the_axes() -> None:
    figure = draw_frontier(points(12), methods(), "t", "pas", "c")
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.x0 > axes.bbox.x0
        assert box.y1 < axes.bbox.y1
