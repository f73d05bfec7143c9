"""Figures 7 and 16, the errors and the quantile as a knob."""

import numpy as np
import pandas as pd
import pytest

from ipa.bench.forecast import FIGURE_16, beside_published
from ipa.errors import ResultsError
from ipa.figures.forecast import (
    forecast_errors,
    forecaster_ablation,
    load_forecasts,
    look,
    quantile_tradeoff,
)
from ipa.forecast.evaluation import score_table, series_table

RATES_RPS = np.random.default_rng(0).poisson(9, 300)
LOAD = pd.DataFrame({"workload": "bursty", "time_s": range(300), "load_rps": RATES_RPS})


def texts(figure):
    return [t.get_text() for legend in figure.legends for t in legend.get_texts()]


def averages(*editions, violation_pct=1.0):
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


def test_figure_7_has_a_panel_per_workload_with_truth_and_forecasts():
    both = series_table({"bursty": RATES_RPS, "mine": RATES_RPS}, ["lstm", "mlp"])
    load = pd.concat([LOAD, LOAD.assign(workload="mine")])
    figure = load_forecasts(both, load, "seed 7")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["bursty", "mine"]
    truth, lstm, mlp = figure.axes[0].lines
    rows = both[both["workload"] == "bursty"].set_index("forecaster")
    assert truth.get_ydata().tolist() == rows.loc["mlp", "true_rps"].tolist()
    assert lstm.get_ydata().tolist() == rows.loc["lstm", "forecast_rps"].tolist()
    assert mlp.get_xdata().tolist() == list(range(120, 281, 10))
    assert texts(figure) == ["load", "true maximum of the next 20 s", "LSTM", "mlp (ours)"]
    assert figure.get_supxlabel() == "seed 7"


def test_three_workloads_leave_no_empty_panel():
    names = ("a", "b", "c")
    figure = load_forecasts(
        series_table(dict.fromkeys(names, RATES_RPS), ["max"]),
        pd.concat([LOAD.assign(workload=name) for name in names]),
        "",
    )
    assert len(figure.axes) == 3


def test_errors_are_ordered_by_smape_and_bounds_are_hatched():
    scores = score_table({"a": RATES_RPS}, ["max", "last", "near-oracle"])
    figure = forecast_errors(scores, "a", "")
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(scores["smape_pct"], reverse=True)
    assert names[widths.index(scores["smape_pct"][0])] == "reactive (max)"
    hatched = [bool(bar.get_hatch()) for bar in figure.axes[0].patches]
    assert hatched == [name == "near-oracle" for name in names]
    assert figure.axes[0].lines[0].get_xdata()[0] == 6.6


def test_figure_16_shows_ours_as_bars_and_published_values_as_diamonds():
    figure = forecaster_ablation(beside_published(averages(FIGURE_16, "corrected")), "")
    cost, violations, drops = figure.axes[:3]
    assert len(figure.axes) == 6
    assert cost.get_title(loc="left") == f"Cost, {FIGURE_16}"
    assert [bar.get_height() for bar in cost.patches[:2]] == [3.5, 3.5]
    diamonds = [line.get_ydata() for line in drops.lines]
    assert diamonds[0][0] == 0.4779
    assert len(violations.lines) == 0
    assert [t.get_text() for t in drops.texts] == ["ours: none"]
    assert figure.axes[5].get_title(loc="left") == "Accuracy"
    assert texts(figure)[0] == "LSTM"
    assert texts(figure)[-1] == "published"


def test_the_quantiles_form_a_line_from_low_to_high():
    figure = quantile_tradeoff(averages("corrected"), "")
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [3.0, 5.0]
    assert line.get_ydata().tolist() == pytest.approx([1 / 3, 1 / 5])
    assert texts(figure) == ["quantile 0.5 to 0.9", "reactive (max)", "LSTM", "oracle"]


def test_looks_differ_in_colour_and_marker():
    named = [look(name) for name in ("lstm", "max", "oracle", "mlp", "linear", "ewma-poisson", "quantile-1")]
    assert len({one.colour for one in named}) == len({one.marker for one in named}) == len(named)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: load_forecasts(pd.DataFrame(), LOAD, ""), "load forecasts"),
        (lambda: load_forecasts(series_table({"a": RATES_RPS}, ["max"]), LOAD[:0], ""), "load forecasts"),
        (lambda: forecast_errors(score_table({"a": RATES_RPS}, ["max"]), "b", ""), "series b"),
        (lambda: forecaster_ablation(averages("corrected"), ""), "published_cost_cores"),
        (lambda: quantile_tradeoff(averages("corrected").query("forecaster == 'max'"), ""), "quantile"),
    ],
)  # fmt: skip
def test_a_table_that_a_figure_cannot_be_drawn_from_is_refused(draw, message):
    with pytest.raises(ResultsError, match=message):
        draw()
