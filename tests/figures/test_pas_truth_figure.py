"""The figures of PAS beside measured accuracy."""

import pandas as pd
import pytest

from ipa.errors import ResultsError
from ipa.figures import draw_pas_decisions, draw_pas_truth

CHOICES = (("d1", "r1", 0.4), ("d1", "r2", 0.5), ("d2", "r1", 0.6), ("d2", "r2", 0.7))


@pytest.fixture
def combinations() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "detector": detector,
                "recogniser": recogniser,
                "pas": pas,
                "measured": pas + 0.02,
                "low": pas - 0.01,
                "high": pas + 0.05,
                "difference": 0.02,
                "dependence": 0.05,
                "rescue": -0.03,
            }
            for detector, recogniser, pas in CHOICES
        ]
    )


@pytest.fixture
def decisions() -> pd.DataFrame:
    rows = [
        (rate, alpha, by, cores, 0.7)
        for rate in (10.0, 20.0)
        for alpha in (5.0, 50.0)
        for by, cores in (("pas", 4 if (rate, alpha) == (20.0, 50.0) else 2), ("measured", 2), ("truth", 2))
    ]
    return pd.DataFrame(rows, columns=["rate_rps", "alpha", "decided_by", "cost_cores", "accuracy"])


def test_every_combination_is_a_point_and_every_detector_a_bar(combinations: pd.DataFrame) -> None:
    figure = draw_pas_truth(combinations, "two by two")
    left, right = figure.axes
    assert len(left.containers) == 4
    heights = {round(bar.get_height(), 6) for container in right.containers for bar in container}
    assert heights == {0.05, -0.03}
    assert [label.get_text() for label in right.get_xticklabels()] == ["d1", "d2"]


def test_only_decisions_that_differ_are_written_into_the_map(decisions: pd.DataFrame) -> None:
    figure = draw_pas_decisions(decisions, "two rates")
    left, right = figure.axes[:2]
    assert [text.get_text() for text in right.texts] == ["+2"]
    assert right.texts[0].get_position() == (1, 1)
    assert [line.get_label() for line in left.lines] == ["by PAS", "by measured accuracy"]
    assert left.lines[0].get_xdata().tolist() == [2, 3]


def test_a_table_that_lacks_a_column_is_refused(combinations: pd.DataFrame, decisions: pd.DataFrame) -> None:
    with pytest.raises(ResultsError, match="lacks the column rescue"):
        draw_pas_truth(combinations.drop(columns="rescue"), "")
    with pytest.raises(ResultsError, match="lacks the column alpha"):
        draw_pas_decisions(decisions.drop(columns="alpha"), "")
