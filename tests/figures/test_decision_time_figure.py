import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ipa.bench.decision_time import PUBLISHED_SIZES, beside_published
from ipa.errors import ResultsError
from ipa.figures.decision_time import draw_decision_time
from ipa.figures.style import COLUMN_IN
from tests.support.tidy_frames import assert_reads_in_one_column


def times(sizes: list[tuple[int, int]], solvers: list[str], refused_from: int = 10**6) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "solver": solver,
                "stages": stages,
                "variants": variants,
                "median_ms": np.nan if refused else 0.1 * stages,
                "worst_ms": np.nan if refused else 0.3 * stages,
                "refused": "too large" if refused else "",
            }
            for stages, variants in sizes
            for solver in solvers
            for refused in [solver != "exact" and stages >= refused_from]
        ]
    )


NINE = times([(stages, 9) for stages in range(1, 10)], ["exact", "gurobi"])
LARGER = times([(stages, 20) for stages in (10, 30, 50)], ["exact", "gurobi"], refused_from=30)
BESIDE = beside_published(times(list(PUBLISHED_SIZES), ["exact"]))


def words(figure: object) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def panel(figure: Figure, letter: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(f"({letter})"))


def test_published_points_and_every_solver_are_in_one_panel() -> None:
    axes = panel(draw_decision_time(NINE, LARGER, BESIDE, "a caption"), "d")
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert set(lines) == {"published (Gurobi)", "exact (ours)", "Gurobi, linear model"}
    np.testing.assert_allclose(lines["published (Gurobi)"].get_ydata()[-1], 2.2224)
    np.testing.assert_allclose(lines["exact (ours)"].get_ydata()[0], 1e-4)


def test_every_size_of_the_paper_has_its_time_ours_and_the_ratio_with_units() -> None:
    figure = draw_decision_time(NINE, LARGER, BESIDE, "a caption")
    last = {letter: panel(figure, letter).texts[-1].get_text() for letter in "abc"}
    assert [len(panel(figure, letter).texts) for letter in "abc"] == [81] * 3
    assert last == {"a": "2.2", "b": "9e-4", "c": "2.5k"}
    assert [panel(figure, letter).get_title(loc="left") for letter in "abc"] == [
        "(a) published (s)", "(b) ours, exact (s)", "(c) published over ours (times)"
    ]  # fmt: skip
    assert panel(figure, "a").images[0].norm is panel(figure, "b").images[0].norm


def test_times_of_both_are_written_in_seconds_with_two_digits() -> None:
    written = [text.get_text() for text in panel(draw_decision_time(NINE, LARGER, BESIDE, ""), "a").texts]
    assert {"1.0", "2.0", "0.10"} <= set(written)
    assert not {"1", "2", "0.1"} & set(written)


def test_in_one_column_the_panels_stand_below_each_other() -> None:
    figure = draw_decision_time(NINE, LARGER, BESIDE, "a caption", width_in=COLUMN_IN)
    assert_reads_in_one_column(figure)
    assert len({round(axes.get_position().x0, 2) for axes in figure.axes if axes.images}) == 1


def test_a_line_ends_where_the_licence_does() -> None:
    figure = draw_decision_time(NINE, LARGER, BESIDE, "a caption")
    lines = {line.get_label(): line for line in panel(figure, "e").get_lines()}
    assert list(lines["Gurobi, linear model"].get_xdata()) == [10]
    assert any("refused" in word for word in words(figure))


def test_no_refusal_is_claimed_where_there_is_none() -> None:
    figure = draw_decision_time(NINE, LARGER[LARGER["solver"] == "exact"], BESIDE, "a caption")
    assert not any("refused" in word for word in words(figure))


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(ResultsError, match="median_ms"):
        draw_decision_time(NINE.drop(columns="median_ms"), LARGER, BESIDE, "a caption")
