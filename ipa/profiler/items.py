"""What the batches of a measurement are made of: inputs as the stage gets them in the pipeline."""

from collections.abc import Mapping, Sequence

from ipa.errors import ProfilerError
from ipa.pipeline.config import PipelineConfig, StageConfig
from ipa.pipeline.stage_inputs import StageInput
from ipa.serving.v2 import Signature, Tensor, merge, signature

Item = Sequence[Tensor]
"""The inputs, or outputs, of one request."""


def stages_before(config: PipelineConfig, stage: StageConfig) -> tuple[str, ...]:
    """Return the stages that lead to one, directly, in the order of the file."""
    if any(other.after for other in config.stages):
        return tuple(name for name, _ in stage.after)
    place = config.stages.index(stage)
    return tuple(before.name for before in config.stages[max(0, place - 1) : place])


def needed_stages(config: PipelineConfig, stage: StageConfig) -> list[StageConfig]:
    """Return the stages whose outputs a stage needs, and those that these need, in the order of the file."""
    needed: set[str] = set()
    for other in reversed(config.stages[: config.stages.index(stage) + 1]):
        if other is stage or other.name in needed:
            sources = stage_inputs(config, other)
            named = {source.stage for source in sources if source.stage}
            needed |= named if sources else set(stages_before(config, other))
    return [other for other in config.stages if other.name in needed]


def stage_inputs(config: PipelineConfig, stage: StageConfig) -> tuple[StageInput, ...]:
    """Return where the inputs of a stage come from, if its pipeline file says."""
    before = [other.name for other in config.stages[: config.stages.index(stage)]]
    return tuple(StageInput.parse(name, source, before) for name, source in stage.inputs)


def inputs_of(
    config: PipelineConfig, stage: StageConfig, request: Item, outputs: Mapping[str, Item]
) -> list[Tensor]:
    """Return what a stage's model gets of a request.

    Parameters
    ----------
    config
        The pipeline.
    stage
        Stage whose inputs are asked for.
    request
        Tensors of the request.
    outputs
        What the stages before have answered, by name.

    Raises
    ------
    ProfilerError
        If a tensor is not there.
    """
    sources = stage_inputs(config, stage)
    if not sources:
        before = stages_before(config, stage)
        return [tensor for name in before for tensor in outputs[name]] if before else list(request)
    return [_renamed(_find(source, request, outputs, stage), source.name) for source in sources]


def request_of(config: PipelineConfig, inputs: Item) -> list[Tensor]:
    """Return the request whose tensors are the inputs of the first stage's model."""
    sources = {source.name: source.tensor for source in stage_inputs(config, config.stages[0])}
    return [_renamed(tensor, sources.get(tensor.name, tensor.name)) for tensor in inputs]


def batch_of(items: Sequence[Item], size: int, number: int) -> list[Tensor]:
    """Return a batch of the items, in turns: batch 0 begins with the first item, the next where it ended."""
    return merge([list(items[(number * size + place) % len(items)]) for place in range(size)])


def alike(items: Sequence[Item]) -> list[Item]:
    """Return those items that can stand in one batch: the largest group of one signature."""
    groups: dict[Signature, list[Item]] = {}
    for item in items:
        groups.setdefault(signature(item), []).append(item)
    return max(groups.values(), key=len)


def _find(source: StageInput, request: Item, outputs: Mapping[str, Item], stage: StageConfig) -> Tensor:
    there = outputs[source.stage] if source.stage else request
    for tensor in there:
        if tensor.name == source.tensor:
            return tensor
    where = f"outputs of stage {source.stage}" if source.stage else "inputs of the request"
    names = ", ".join(tensor.name for tensor in there)
    raise ProfilerError(
        f"input {source.name} of stage {stage.name} is {source.tensor}, but the {where} are: {names}"
    )


def _renamed(tensor: Tensor, name: str) -> Tensor:
    return Tensor(name, tensor.datatype, tensor.shape, tensor.data)
