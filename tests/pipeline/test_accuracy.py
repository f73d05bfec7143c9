"""How accuracies of variants combine into the accuracy of a pipeline."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.accuracy import METRICS, rank_normalised

accuracy = st.floats(0.01, 1)
stage_accuracies = st.lists(accuracy, min_size=1, max_size=8)


def test_pas_is_the_product_of_the_accuracies() -> None:
    assert METRICS["pas"].total([0.5, 0.8, 0.9]) == pytest.approx(0.36)


def test_the_mean_is_the_mean() -> None:
    assert METRICS["mean"].total([0.5, 0.8, 0.2]) == pytest.approx(0.5)


def test_the_rank_sum_adds_ranks() -> None:
    metric = METRICS["rank-sum"]
    assert metric.stage_scores([0.9, 0.1, 0.5]) == (1.0, 0.0, 0.5)
    assert metric.total([1.0, 0.5]) == 1.5


def test_the_rank_product_keeps_the_lightest_variant_above_zero() -> None:
    metric = METRICS["rank-product"]
    assert metric.stage_scores([0.1, 0.5, 0.9]) == (0.05, 0.5, 1.0)
    assert metric.total([0.05, 1.0]) == 0.05


def test_another_floor_leaves_the_registered_metric_alone() -> None:
    assert METRICS["rank-product"].with_floor(0.2).stage_scores([0.1, 0.9]) == (0.2, 1.0)
    assert METRICS["rank-product"].floor == 0.05


@pytest.mark.parametrize("floor", [-0.1, 1.1, math.nan])
def test_a_floor_outside_0_to_1_is_refused(floor: float) -> None:
    with pytest.raises(InvalidValueError, match="floor"):
        METRICS["pas"].with_floor(floor)


@pytest.mark.parametrize(("name", "additive"), [("pas", False), ("rank-product", False), ("rank-sum", True)])
def test_only_sums_are_additive(name: str, additive: bool) -> None:
    assert METRICS[name].additive is additive


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="allowed: pas, rank-sum, rank-product, mean"):
        METRICS["sum"]


def test_a_variant_alone_in_its_stage_has_rank_one() -> None:
    assert rank_normalised([0.3]) == (1.0,)


def test_equal_accuracies_share_the_lower_rank() -> None:
    assert rank_normalised([0.5, 0.5, 0.9]) == (0.0, 0.0, 1.0)


@given(st.lists(accuracy, min_size=2, max_size=8, unique=True))
def test_distinct_accuracies_are_ranked_in_equal_steps_from_0_to_1(accuracies: list[float]) -> None:
    ranks = sorted(rank_normalised(accuracies))
    n = len(accuracies)
    assert ranks == pytest.approx([k / (n - 1) for k in range(n)])


@given(stage_accuracies, st.sampled_from(sorted(METRICS)))
def test_a_more_accurate_variant_never_scores_lower(accuracies: list[float], name: str) -> None:
    scores = METRICS[name].stage_scores(accuracies)
    by_accuracy = [score for _, score in sorted(zip(accuracies, scores, strict=True))]
    assert by_accuracy == sorted(by_accuracy)


@given(st.lists(accuracy, min_size=1, max_size=6), st.data())
def test_a_better_stage_never_makes_the_pipeline_worse(scores: list[float], data: st.DataObject) -> None:
    stage = data.draw(st.integers(0, len(scores) - 1))
    better = [*scores[:stage], data.draw(st.floats(scores[stage], 1)), *scores[stage + 1 :]]
    for name in METRICS:
        assert METRICS[name].total(better) >= METRICS[name].total(scores) - 1e-12
