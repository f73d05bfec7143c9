"""A pipeline describes what its requests need, and what it answers, from the tasks of its stages."""

from dataclasses import replace

import pytest

from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.pipeline import Pipeline
from ipa.serving.runtimes.catalogue import TASKS
from ipa.serving.runtimes.pipeline_tensors import pipeline_outputs, request_inputs


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("video", ["image"], ["label", "score"]),
        ("audio-qa", ["audio", "context"], ["answer", "score"]),
        ("audio-sent", ["audio"], ["label", "score"]),
        ("sum-qa", ["text", "question"], ["answer", "score"]),
        ("nlp", ["text"], ["text"]),
        ("calls", ["audio", "question"], ["text"]),
        ("traffic", ["image"], []),
    ],
)
def test_the_pipelines_of_the_paper_say_what_they_take_and_answer(
    name: str, inputs: list[str], outputs: list[str]
) -> None:
    pipeline = load_pipeline(name)
    assert [spec.name for spec in request_inputs(pipeline)] == inputs
    assert [spec.name for spec in pipeline_outputs(pipeline)] == outputs


def outputs_of(pipeline: Pipeline, stage: str) -> dict[str, str]:
    return {spec.name: spec.datatype for spec in TASKS[pipeline.stage(stage).task].outputs}


@pytest.mark.parametrize("name", pipeline_names())
def test_every_stage_gets_the_inputs_that_its_task_takes(name: str) -> None:
    pipeline = load_pipeline(name)
    for stage, before in zip(pipeline.stages, pipeline.predecessors().values(), strict=True):
        task = TASKS[stage.task]
        wanted = {spec.name: spec.datatype for spec in task.inputs}
        if stage.inputs:
            assert {source.name for source in stage.inputs} == set(wanted)
            for source in stage.inputs:
                if source.stage:
                    assert outputs_of(pipeline, source.stage)[source.tensor] == wanted[source.name]
        elif before:
            assert outputs_of(pipeline, before[0]) == wanted


def test_without_tasks_a_pipeline_takes_anything() -> None:
    pipeline = load_pipeline("audio-qa").without_tasks()
    assert request_inputs(pipeline) == pipeline_outputs(pipeline) == ()
    assert all(not stage.inputs and not stage.task for stage in pipeline.stages)


def test_a_stage_of_an_unknown_task_makes_the_inputs_unknown() -> None:
    pipeline = load_pipeline("video")
    own = replace(pipeline.stages[1], task="own", inputs=())
    assert request_inputs(replace(pipeline, stages=(pipeline.stages[0], own))) == ()
