"""The pipelines of figure 13 and the table beside the published points; no timing is asserted."""

import pandas as pd
import pytest

from ipa.bench.decision_time import (
    PUBLISHED_SIZES,
    beside_published,
    decision_times,
    published_decision_times,
    verdicts,
)
from ipa.errors import InvalidValueError
from ipa.optimizer.random_problems import scaled_pipeline
from ipa.pipeline.load import load_pipeline

VIDEO = load_pipeline("video")


def names(stages: int, variants: int) -> list[list[str]]:
    return [[v.name for v in stage.variants] for stage in scaled_pipeline(VIDEO, stages, variants).stages]


def test_few_variants_are_the_lightest_ones() -> None:
    assert names(2, 3) == [["yolov5n", "yolov5s", "yolov5m"]] * 2


def test_further_variants_are_clones_of_the_heaviest() -> None:
    (stage,) = names(1, 8)
    assert stage[4:] == ["yolov5x", "yolov5x-clone-1", "yolov5x-clone-2", "yolov5x-clone-3"]
    clone, heaviest = (scaled_pipeline(VIDEO, 1, 8).stages[0].variants[at] for at in (7, 4))
    assert (clone.accuracy, clone.base_cores, clone.profiles) == (
        heaviest.accuracy, heaviest.base_cores, heaviest.profiles,
    )  # fmt: skip


def test_stages_are_clones_of_the_first_with_as_many_slas() -> None:
    scaled = scaled_pipeline(VIDEO, 7, 5)
    assert [stage.name for stage in scaled.stages] == [f"stage-{n}" for n in range(1, 8)]
    assert scaled.sla_s == pytest.approx(7 * 4.62)


@pytest.mark.parametrize("size", [(0, 1), (1, 0)])
def test_no_stage_or_no_variant_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidValueError, match="there has to be a stage and a variant"):
        scaled_pipeline(VIDEO, *size)


def test_every_size_and_solver_has_a_row() -> None:
    times = decision_times(VIDEO, [(1, 2), (3, 9)], ["exact", "highs"], solves=3)
    assert list(zip(times["stages"], times["variants"], times["solver"], strict=True)) == [
        (1, 2, "exact"), (1, 2, "highs"), (3, 9, "exact"), (3, 9, "highs"),
    ]  # fmt: skip
    assert (times["proven"] == 3).all()
    assert (times["same_plan"] == 3).all()


def test_the_published_grid_is_complete() -> None:
    published = published_decision_times()
    sizes = set(zip(published["stages"], published["variants"], strict=True))
    assert sizes == set(PUBLISHED_SIZES)
    corner = published[(published["stages"] == 9) & (published["variants"] == 9)]
    assert corner["published_ms"].tolist() == [pytest.approx(2222.4)]


def test_the_speed_up_is_the_published_time_over_ours() -> None:
    times = pd.DataFrame(
        {"solver": ["exact", "highs"], "stages": 9, "variants": 8, "median_ms": [0.5, 2.0], "worst_ms": 3.0}
    )
    (row,) = beside_published(times).to_dict("records")
    assert row["published_ms"] == pytest.approx(1620.0)
    assert row["speed_up"] == pytest.approx(1620.0 / 0.5)


def test_verdicts_count_sizes_and_name_what_was_refused() -> None:
    times = pd.DataFrame(
        {
            "solver": ["a", "a", "b", "b"],
            "n": [3, 3, 3, 0],
            "proven": [3, 3, 2, 0],
            "same_plan": [3, 3, 3, 0],
            "refused": ["", "", "", "licence"],
        }
    )
    assert verdicts(times).to_dict("records") == [
        {"solver": "a", "sizes": 2, "refused": 0, "all proven": "yes", "all as exact": "yes"},
        {"solver": "b", "sizes": 2, "refused": 1, "all proven": "no", "all as exact": "yes"},
    ]
