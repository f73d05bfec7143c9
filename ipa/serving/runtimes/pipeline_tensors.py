"""What a whole pipeline takes and answers, as far as the tasks of its stages tell."""

from ipa.pipeline.pipeline import Pipeline, Stage
from ipa.serving.runtimes.catalogue import TASKS
from ipa.serving.runtimes.task import Task, TensorSpec


def request_inputs(pipeline: Pipeline) -> tuple[TensorSpec, ...]:
    """Return the inputs that a request has to have; none where the tasks of the stages are not known.

    Parameters
    ----------
    pipeline
        Any pipeline.

    Examples
    --------
    >>> from ipa.pipeline.load import load_pipeline
    >>> [spec.name for spec in request_inputs(load_pipeline("audio-qa"))]
    ['audio', 'context']
    """
    found: dict[str, TensorSpec] = {}
    for place, stage in enumerate(pipeline.stages):
        if (task := _task(stage)) is None:
            return ()
        for name, spec in _from_request(stage, task, first=place == 0):
            found.setdefault(name, TensorSpec(name, spec.datatype, spec.shape))
    return tuple(found.values())


def pipeline_outputs(pipeline: Pipeline) -> tuple[TensorSpec, ...]:
    """Return the outputs of the last stage; none where there are several, or its task is not known."""
    sources = {name for names in pipeline.predecessors().values() for name in names}
    last = [stage for stage in pipeline.stages if stage.name not in sources]
    task = _task(last[0]) if len(last) == 1 else None
    return () if task is None else task.outputs


def _task(stage: Stage) -> Task | None:
    return TASKS[stage.task] if stage.task in TASKS else None  # noqa: SIM401 (a registry has no get)


def _from_request(stage: Stage, task: Task, first: bool) -> list[tuple[str, TensorSpec]]:
    """Return the inputs of a stage that come from the request, by what they are called there."""
    specs = {spec.name: spec for spec in task.inputs}
    if not stage.inputs:
        return list(specs.items()) if first else []
    return [
        (source.tensor, specs[source.name])
        for source in stage.inputs
        if not source.stage and source.name in specs
    ]
