"""The figure that draws a live run over its simulation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures.live_against_simulated import LOOKS, draw_live_against_simulated

NAMES = ("on one machine", "simulated")


def tables(names: Sequence[str] = NAMES) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    curves, timeline, steps = [], [], []
    for place, name in enumerate(names):
        shift = 1 + 0.1 * place
        curves.append(
            pd.DataFrame({"latency_s": [0.1 * shift, 0.2 * shift, 3 * shift], "share": [0.3, 0.6, 1]})
        )
        timeline.append(pd.DataFrame({"time_s": [2.5, 7.5], "latency_s": [0.1, np.nan], "rate_rps": [5, 0]}))
        steps.append(pd.DataFrame({"time_s": [0.0, 10.0], "cost_cores": [2, 4 + place]}))
        for kind in (curves, timeline, steps):
            kind[-1]["platform"] = name
    return pd.concat(curves), pd.concat(timeline), pd.concat(steps)


def drawn(names: Sequence[str] = NAMES) -> Figure:
    return draw_live_against_simulated(*tables(names), sla_s=2.0, caption="what was run")


def test_both_sides_are_drawn_alike_in_every_panel() -> None:
    cdf, latency, cost = drawn().axes[:3]
    for axes in (cdf, latency, cost):
        styles = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
        assert {LOOKS[name].colour for name in NAMES} <= {colour for colour, _ in styles}
        assert len({style for _, style in styles}) >= 2
    live = cdf.lines[0]
    assert live.get_xdata().tolist() == [0.1, 0.2, 3]
    assert live.get_ydata().tolist() == [30, 60, 100]


def test_a_run_in_a_cluster_stands_beside_where_there_is_one() -> None:
    figure = drawn(tuple(LOOKS))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "on one machine",
        "in a cluster",
        "simulated",
        "SLA",
    ]
    assert [len(axes.lines) for axes in figure.axes[:3]] == [4, 3, 3]


def test_sides_and_sla_are_named_once() -> None:
    figure = drawn()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*NAMES, "SLA"]
    assert any(line.get_xdata()[0] == 2.0 for line in figure.axes[0].lines)


def test_the_costs_are_those_of_the_steps() -> None:
    cost = drawn().axes[2]
    assert [line.get_ydata().tolist() for line in cost.lines] == [[2, 4], [2, 5]]


@pytest.mark.parametrize("place", range(3))
def test_a_table_without_rows_is_refused(place: int) -> None:
    given = list(tables())
    given[place] = given[place][:0]
    with pytest.raises(ResultsError):
        draw_live_against_simulated(*given, sla_s=2.0, caption="")
