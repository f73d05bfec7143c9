"""Latency over the batch size."""

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.figures import draw_batch_latency
from ipa.studies.measured_profiles import MeasuredProfile, latency_over_batch
from tests.support.toy_replicas import toy_point

SIZES = (1, 2, 4, 8)
VARIANTS = (("find", "light", 20), ("find", "heavy", 90), ("read", "only", 5))


def points(batches: int = 400) -> pd.DataFrame:
    measured = tuple(
        toy_point(stage, variant, 1, batch, batch * milliseconds + 10, batches)
        for stage, variant, milliseconds in (
            ("find", "light", 20),
            ("find", "heavy", 90),
            ("read", "only", 5),
        )
        for batch in SIZES
    )
    return latency_over_batch(MeasuredProfile("toy", measured, {}))


def test_every_stage_is_a_panel_and_every_variant_a_line_through_its_points() -> None:
    figure = draw_batch_latency(points(), "Z80")
    find, read = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["find", "read"]
    assert [text.get_text() for text in find.get_legend().get_texts()] == ["light", "heavy"]
    (line,) = (line for line in read.lines if line.get_label() == "only")
    assert line.get_ydata()[[0, -1]] == pytest.approx([15, 50])
    assert list(find.get_xticks()) == list(SIZES)
    assert figure.get_supxlabel() == "Z80"


def test_an_open_interval_is_drawn_without_its_end() -> None:
    open_ended = points(batches=20)
    assert (open_ended["p99_high_ms"] == float("inf")).all()
    figure = draw_batch_latency(open_ended, "")
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < 30
    assert 730 < high < 2000


def test_no_point_is_refused() -> None:
    with pytest.raises(ResultsError, match="latency over batch size"):
        draw_batch_latency(pd.DataFrame(), "")
