"""Figure 2."""

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ipa.errors import ResultsError
from ipa.figures import draw_variant_tradeoff
from ipa.studies.profiling import figure2


def test_latency_and_throughput_stand_over_accuracy_with_the_published_points() -> None:
    figure = draw_variant_tradeoff(figure2(), "one core")
    latency, throughput = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Latency (ms)", "Throughput of a replica (requests/s)"
    ]  # fmt: skip
    p99, _, published = latency.lines
    assert p99.get_ydata()[0] == pytest.approx(74.1, abs=0.1)
    assert list(published.get_ydata()) == [70, 110, 135, 240, 300]
    assert list(throughput.lines[1].get_ydata()) == [19, 11, 9, 5, 4]
    assert latency.texts[0].get_text() == "resnet18"
    assert figure.get_supxlabel() == "one core"


def test_one_variant_is_enough_and_none_is_refused() -> None:
    assert len(draw_variant_tradeoff(figure2()[:1], "").axes) == 2
    with pytest.raises(ResultsError, match="variant trade-off"):
        draw_variant_tradeoff(pd.DataFrame(), "")


def test_no_name_of_a_variant_runs_into_the_axis() -> None:
    figure = draw_variant_tradeoff(figure2(), "one core")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        left = axes.get_window_extent().x0
        assert all(text.get_window_extent(canvas.get_renderer()).x0 > left for text in axes.texts)
