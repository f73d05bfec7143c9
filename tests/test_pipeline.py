"""Variants, stages and pipelines."""

import pytest

from ipa.config import load_pipeline
from ipa.errors import InvalidValueError, UnknownNameError


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
