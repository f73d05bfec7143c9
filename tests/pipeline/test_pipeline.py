"""Variants, stages and pipelines."""

from dataclasses import replace

import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Edge, Pipeline


def test_a_variant_runs_on_its_base_allocation() -> None:
    variant = load_pipeline("video").stage("object-detection").variant("yolov5m")
    assert variant.profile is variant.profile_on(2)
    assert variant.profile.cores == 2


def test_an_unprofiled_allocation_lists_the_profiled_ones() -> None:
    variant = load_pipeline("video").stage("object-detection").variant("yolov5n")
    with pytest.raises(InvalidValueError, match=r"yolov5n has no profile on 3 cores; profiled on: 1"):
        variant.profile_on(3)


def test_an_unknown_stage_lists_the_stages() -> None:
    with pytest.raises(UnknownNameError, match="stage of pipeline video 'detection'; allowed: object-det"):
        load_pipeline("video").stage("detection")


def test_an_unknown_variant_lists_the_variants() -> None:
    with pytest.raises(UnknownNameError, match="variant of stage object-detection 'yolo'; allowed: yolov5n"):
        load_pipeline("video").stage("object-detection").variant("yolo")


def test_disabled_variants_cannot_be_chosen_but_stay_known() -> None:
    stage = load_pipeline("audio-qa").stage("speech-recognition")
    assert [variant.name for variant in stage.choices] == ["s2t-small", "s2t-medium", "s2t-large"]
    assert stage.variant("wav2vec2-base").enabled is False


def test_other_base_allocations_disable_what_they_do_not_name() -> None:
    video = load_pipeline("video")
    other = video.with_base_cores(
        {("object-detection", "yolov5m"): 1, ("image-classification", "resnet18"): 1}
    )
    assert [[(v.name, v.base_cores) for v in stage.choices] for stage in other.stages] == [
        [("yolov5m", 1)],
        [("resnet18", 1)],
    ]
    assert video.stages[0].variant("yolov5m").base_cores == 2


def test_an_allocation_that_was_not_profiled_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="object-detection/yolov5n: allocated 3 cores but profiled"):
        load_pipeline("video").with_base_cores({("object-detection", "yolov5n"): 3})


def graph(*edges: Edge, join: str | None = None) -> Pipeline:
    """Return a pipeline of stages a, b, c and d, of which the last has a given join."""
    stages = [replace(load_pipeline("video").stages[0], name=name) for name in "abcd"]
    return Pipeline("toy", (*stages[:3], replace(stages[3], join=join)), sla_s=1.0, edges=edges)


FORK = (Edge("a", "b", 2.0), Edge("a", "c", 0.25), Edge("b", "d"), Edge("c", "d"))


def test_a_join_of_several_branches_is_visited_once_and_a_sum_by_every_visit() -> None:
    assert graph(*FORK).rate_factors() == {"a": 1.0, "b": 2.0, "c": 0.25, "d": 1.0}
    assert graph(*FORK).joins() == (False, False, False, True)
    assert graph(*FORK, join="sum").rate_factors() == {"a": 1.0, "b": 2.0, "c": 0.25, "d": 2.25}
    multiplied = (*FORK[:3], Edge("c", "d", 4.0))
    assert graph(*multiplied, join="sum").rate_factors()["d"] == 3.0
    with pytest.raises(InvalidValueError, match=r"edge c -> d: .* a rate factor above 1 \(4.0\)"):
        graph(*multiplied)


def test_a_join_behind_thinned_branches_is_visited_where_any_brings_something() -> None:
    thinned = (Edge("a", "b", 0.5), Edge("a", "c", 0.25), Edge("b", "d"), Edge("c", "d"))
    assert graph(*thinned).rate_factors()["d"] == 1 - 0.5 * 0.75
    assert graph(*thinned, join="sum").rate_factors()["d"] == 0.75


def test_one_branch_is_joined_only_if_the_stage_says_so() -> None:
    gathered = (Edge("a", "b", 3.0), Edge("b", "c"), Edge("c", "d"))
    assert graph(*gathered).rate_factors()["d"] == 3.0
    assert graph(*gathered, join="all").rate_factors() == {"a": 1.0, "b": 3.0, "c": 3.0, "d": 1.0}


def test_an_unknown_join_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="join of stage d 'any'; allowed: all, sum"):
        graph(*FORK, join="any")


def test_in_a_chain_each_stage_follows_the_one_before() -> None:
    assert graph().predecessors() == {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}
    assert set(graph().rate_factors().values()) == {1.0}


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([*FORK, Edge("a", "e")], "unknown stage of pipeline toy 'e'; allowed: a, b, c, d"),
        ([*FORK, Edge("d", "a")], "edge d -> a leads back: list the stages"),
        ([*FORK, Edge("b", "b")], "edge b -> b leads back"),
        ([*FORK, Edge("a", "b")], "has an edge twice"),
        (FORK[:3], None),
        (FORK[1:], "several first stages: a, b; requests enter at one stage"),
        (
            [*FORK[1:], Edge("a", "b", 0.0)],
            "edge a -> b: the rate factor must be finite and above 0, not 0.0",
        ),
    ],
)
def test_edges_that_form_no_graph_are_refused(edges: list[Edge], message: str | None) -> None:
    if message is None:
        assert graph(*edges).edges
    else:
        with pytest.raises((InvalidValueError, UnknownNameError), match=message):
            graph(*edges)
