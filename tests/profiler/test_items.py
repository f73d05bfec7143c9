"""What a stage's model gets, in the pipeline and in its batches."""

from pathlib import Path

import numpy as np
import pytest

from ipa.errors import ProfilerError
from ipa.pipeline.config import PipelineConfig
from ipa.pipeline.load import pipeline_config
from ipa.profiler.items import alike, batch_of, inputs_of, needed_stages, request_of, stages_before
from ipa.serving.v2 import Tensor
from tests.support.toy_replicas import write_toy_pipeline

IMAGE = Tensor.of("image", np.array([[1, 2]], dtype=np.int32))
CROP = Tensor.of("crop", np.array([[3]], dtype=np.int32))


def config(folder: Path, **keys: object) -> PipelineConfig:
    return pipeline_config(write_toy_pipeline(folder, **keys))


def test_the_first_stage_gets_the_request_and_a_later_one_all_outputs_before_it(tmp_path: Path) -> None:
    find, read = config(tmp_path).stages
    pipeline = config(tmp_path)
    assert inputs_of(pipeline, find, [IMAGE], {}) == [IMAGE]
    assert inputs_of(pipeline, read, [IMAGE], {"find": [CROP]}) == [CROP]
    assert [stage.name for stage in needed_stages(pipeline, read)] == ["find"]
    assert needed_stages(pipeline, find) == []


def test_named_inputs_come_from_where_the_file_says_under_the_name_that_the_model_knows(
    tmp_path: Path,
) -> None:
    pipeline = config(tmp_path, inputs={"text": "find.crop", "context": "request.image"})
    found = inputs_of(pipeline, pipeline.stages[1], [IMAGE], {"find": [CROP]})
    assert {tensor.name: tensor.data for tensor in found} == {"text": CROP.data, "context": IMAGE.data}


def test_a_stage_that_takes_inputs_of_the_request_only_needs_no_other(tmp_path: Path) -> None:
    pipeline = config(tmp_path, inputs={"picture": "request.image"})
    assert needed_stages(pipeline, pipeline.stages[1]) == []
    assert stages_before(pipeline, pipeline.stages[1]) == ("find",)


def test_in_a_graph_only_the_stages_that_lead_there_are_before(tmp_path: Path) -> None:
    pipeline = config(tmp_path, after={"find": 0.5})
    assert stages_before(pipeline, pipeline.stages[1]) == ("find",)
    assert stages_before(pipeline, pipeline.stages[0]) == ()


def test_the_request_has_the_names_that_the_first_stage_asks_for(tmp_path: Path) -> None:
    file = write_toy_pipeline(tmp_path)
    file.write_text(
        file.read_text().replace("name: find\n", "name: find\n  inputs: {image: request.frame}\n", 1)
    )
    pipeline = pipeline_config(file)
    request = request_of(pipeline, [IMAGE])
    assert [tensor.name for tensor in request] == ["frame"]
    assert inputs_of(pipeline, pipeline.stages[0], request, {}) == [IMAGE]


def test_an_output_that_is_missing_is_told_with_those_there_are(tmp_path: Path) -> None:
    pipeline = config(tmp_path, inputs={"text": "find.boxes"})
    with pytest.raises(ProfilerError, match="is boxes, but the outputs of stage find are: crop"):
        inputs_of(pipeline, pipeline.stages[1], [IMAGE], {"find": [CROP]})


def test_batches_take_the_items_in_turns() -> None:
    items = [[Tensor.of("x", np.array([[n]]))] for n in range(3)]
    taken = [batch_of(items, 2, number)[0].numpy().ravel().tolist() for number in range(3)]
    assert taken == [[0, 1], [2, 0], [1, 2]]


def test_only_items_of_one_shape_go_into_a_batch() -> None:
    short, long = ([Tensor.of("sound", np.zeros((1, n), np.float32))] for n in (3, 5))
    assert alike([short, long, short]) == [short, short]
