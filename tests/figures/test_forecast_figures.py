"""Figures 7 and 16, the errors and the quantile as a knob."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ipa.errors import ResultsError
from ipa.figures import (
    draw_forecast_errors,
    draw_forecaster_ablation,
    draw_load_forecasts,
    draw_quantile_tradeoff,
)
from ipa.figures.forecasters import look
from ipa.figures.style import COLUMN_IN
from ipa.studies.forecast_errors import score_table, series_table
from ipa.studies.forecasters import FIGURE_16, beside_published
from tests.support.tidy_frames import assert_reads_in_one_column

RATES_RPS = np.random.default_rng(0).poisson(9, 300)
LOAD = pd.DataFrame({"workload": "bursty", "time_s": range(300), "load_rps": RATES_RPS})


def texts(figure: Figure) -> Any:
    return [t.get_text() for legend in figure.legends for t in legend.get_texts()]


def averages(*editions: str, violation_pct: float = 1.0) -> Any:
    content = [
        {
            "edition": edition, "trace": "real", "pipeline": pipeline, "forecaster": forecaster,
            "cost_cores": cost, "violation_pct": violation_pct / cost, "dropped_pct": 0.0, "pas_pct": 40.0,
        }
        for edition in editions
        for pipeline in ("video", "nlp")
        for forecaster, cost in (
            ("max", 4.0), ("lstm", 3.5), ("oracle", 3.8), ("quantile-0.9", 5.0), ("quantile-0.5", 3.0),
        )
    ]  # fmt: skip
    return pd.DataFrame(content)


def test_figure_7_has_a_panel_per_workload_with_truth_and_forecasts() -> None:
    both = series_table({"bursty": RATES_RPS, "mine": RATES_RPS}, ["lstm", "mlp"])
    load = pd.concat([LOAD, LOAD.assign(workload="mine")])
    figure = draw_load_forecasts(both, load, "seed 7")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["bursty", "mine"]
    truth, lstm, mlp = figure.axes[0].lines
    rows = both[both["workload"] == "bursty"].set_index("forecaster")
    assert truth.get_ydata().tolist() == rows.loc["mlp", "true_rps"].tolist()
    assert lstm.get_ydata().tolist() == rows.loc["lstm", "forecast_rps"].tolist()
    assert mlp.get_xdata().tolist() == list(range(120, 281, 10))
    assert texts(figure) == ["load", "true maximum of the next 20 s", "LSTM", "mlp (ours)"]
    assert figure.get_supxlabel() == "seed 7"


def test_three_workloads_leave_no_empty_panel() -> None:
    names = ("a", "b", "c")
    figure = draw_load_forecasts(
        series_table(dict.fromkeys(names, RATES_RPS), ["max"]),
        pd.concat([LOAD.assign(workload=name) for name in names]),
        "",
    )
    assert len(figure.axes) == 3


def test_errors_are_ordered_by_smape_and_bounds_are_hatched() -> None:
    scores = score_table({"a": RATES_RPS}, ["max", "last", "near-oracle"])
    figure = draw_forecast_errors(scores, "a", "")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(scores["smape_pct"], reverse=True)
    assert names[widths.index(scores["smape_pct"][0])] == "reactive (max)"
    hatched = [bool(bar.get_hatch()) for bar in figure.axes[0].patches]
    assert hatched == [name == "near-oracle" for name in names]
    assert figure.axes[0].lines[0].get_xdata()[0] == 6.6


def test_whiskers_tell_how_much_windows_as_short_as_the_published_one_differ() -> None:
    scores = score_table({"a": RATES_RPS}, ["max", "last"])
    windows = pd.DataFrame({"forecaster": "max", "percentile": [10, 50, 90], "paired_pct": [5.0, 8.0, 12.0]})
    figure = draw_forecast_errors(scores, "a", "a week", windows)
    segments = figure.axes[0].collections[0].get_segments()
    assert [point[0] for point in segments[0]] == [5.0, 12.0]
    caption = figure.get_supxlabel()
    assert "6.6 %, one window of 20 min" in caption
    assert "whiskers" in caption
    assert "whiskers" not in draw_forecast_errors(scores, "a", "a week").get_supxlabel()


def test_a_load_of_nothing_has_forecasts_to_draw() -> None:
    nothing = np.zeros(300, dtype=int)
    figure = draw_load_forecasts(
        series_table({"none": nothing}, ["max"]), LOAD.assign(workload="none", load_rps=0), ""
    )
    assert figure.axes[0].get_ylim() == (0, 1)


def panel_of(figure: Figure, heading: str) -> Any:
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(heading))


def test_figure_16_shows_costs_as_points_on_a_logarithmic_axis_beside_the_published_ones() -> None:
    figure = draw_forecaster_ablation(beside_published(averages(FIGURE_16)), "trace")
    cost = panel_of(figure, f"Cost, {FIGURE_16}")
    assert cost.get_yscale() == "log"
    assert not cost.patches
    assert list(cost.lines[0].get_ydata()) == [3.5, 3.5]
    assert texts(figure)[0] == "LSTM"
    assert texts(figure)[-1] == "published"


def test_figure_16_has_no_panel_in_which_nothing_is_to_be_seen() -> None:
    table = beside_published(averages(FIGURE_16, "corrected", violation_pct=0.0))
    figure = draw_forecaster_ablation(table, "trace")
    headings = [axes.get_title(loc="left").split(",")[0] for axes in figure.axes]
    # Drops were published with one edition only; nobody is late in either.
    assert headings[:3] == ["Cost", "Drops", "Accuracy"]
    assert headings[3:] == ["Cost", "Accuracy"]
    drops = panel_of(figure, "Drops")
    assert next(line for line in drops.lines).get_ydata()[0] == 0.4779
    assert [text.get_text() for text in drops.texts][-1] == "ours: none"
    # Zeros would stand on the published points.
    assert [text.get_text() for text in drops.texts].count("0") == 0


def test_figure_16_tells_what_is_averaged() -> None:
    table = beside_published(averages(FIGURE_16, "corrected")).assign(runs=5)
    table.loc[table["edition"] == FIGURE_16, "runs"] = 1
    caption = draw_forecaster_ablation(table, "trace").get_supxlabel()
    assert f"{FIGURE_16}: one run" in caption
    assert "corrected: means of 5 runs" in caption


def test_the_knob_leaves_out_pipelines_where_nobody_is_late_and_names_them() -> None:
    table = averages("corrected")
    table.loc[table["pipeline"] == "nlp", "violation_pct"] = 0.0
    figure = draw_quantile_tradeoff(table, "trace")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["video"]
    assert figure.get_supxlabel() == "trace  ·  nobody late under any forecaster: nlp"
    nowhere = draw_quantile_tradeoff(table.assign(violation_pct=0.0), "trace")
    assert [text.get_text() for text in nowhere.axes[0].texts] == ["Nobody is late at any level."]
    assert nowhere.get_supxlabel().endswith("under any forecaster: video, nlp")
    assert not nowhere.legends


def test_the_quantiles_form_a_line_from_low_to_high() -> None:
    figure = draw_quantile_tradeoff(averages("corrected"), "")
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [3.0, 5.0]
    assert line.get_ydata().tolist() == pytest.approx([1 / 3, 1 / 5])
    assert texts(figure) == ["quantile 0.5 to 0.9", "reactive (max)", "LSTM", "oracle"]


def test_forecasters_with_the_same_outcome_all_show_around_the_knob() -> None:
    points = draw_quantile_tradeoff(averages("corrected"), "").axes[0].lines[1:]
    assert len(points) == 3
    largest_first = sorted(points, key=lambda line: -line.get_markersize())
    assert len({line.get_markersize() for line in points}) == 3
    assert sorted(points, key=lambda line: line.get_zorder()) == largest_first


def test_looks_differ_in_colour_and_marker() -> None:
    named = [look(name) for name in ("lstm", "max", "oracle", "mlp", "linear", "ewma-poisson", "quantile-1")]
    assert len({one.colour for one in named}) == len({one.marker for one in named}) == len(named)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_load_forecasts(pd.DataFrame(), LOAD, ""), "load forecasts"),
        (
            lambda: draw_load_forecasts(series_table({"a": RATES_RPS}, ["max"]), LOAD[:0], ""),
            "load forecasts",
        ),
        (lambda: draw_forecast_errors(score_table({"a": RATES_RPS}, ["max"]), "b", ""), "series b"),
        (lambda: draw_forecaster_ablation(averages("corrected"), ""), "published_cost_cores"),
        (lambda: draw_quantile_tradeoff(averages("corrected").query("forecaster == 'max'"), ""), "quantile"),
    ],
)  # fmt: skip
def test_a_table_that_a_figure_cannot_be_drawn_from_is_refused(
    draw: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ResultsError, match=message):
        draw()


def test_figure_16_in_one_column_names_the_edition_in_every_panel_and_leaves_no_gap() -> Any:
    table = beside_published(averages(FIGURE_16, "corrected", violation_pct=0.0))
    figure = draw_forecaster_ablation(table, "trace", width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    headings = [axes.get_title(loc="left") for axes in figure.axes]
    assert headings == [
        *(f"{name}, {FIGURE_16}" for name in ("Cost", "Drops", "Accuracy")),
        "Cost, corrected", "Accuracy, corrected",
    ]  # fmt: skip
    assert [axes.get_subplotspec().rowspan.start for axes in figure.axes] == [0, 1, 2, 3, 4]
