"""What the pipeline tells of itself: the inputs of its first model and the outputs of its last one."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlserver.grpc import dataplane_pb2 as pb
from mlserver.types import MetadataTensor

from ipa.pipeline.pipeline import Pipeline


@dataclass(slots=True)
class Description:
    """Inputs and outputs as clients see them; empty as far as the models do not tell.

    Parameters
    ----------
    pipeline
        What is described.
    """

    pipeline: Pipeline
    inputs: tuple[MetadataTensor, ...] = ()
    outputs: tuple[MetadataTensor, ...] = ()

    def learn(self, place: int, told: pb.ModelMetadataResponse) -> None:
        """Take over what a replica of a stage tells of its model."""
        if place == 0:
            names = {source.name: source.tensor for source in self.pipeline.stages[0].inputs}
            self.inputs = tuple(_tensors(told.inputs, names))
        ancestors = {name for before in self.pipeline.predecessors().values() for name in before}
        last = [stage.name for stage in self.pipeline.stages if stage.name not in ancestors]
        # Of several ends no model tells alone how the answer looks.
        if last == [self.pipeline.stages[place].name]:
            self.outputs = tuple(_tensors(told.outputs, {}))


def _tensors(
    told: Iterable[pb.ModelMetadataResponse.TensorMetadata], names: dict[str, str]
) -> Iterable[MetadataTensor]:
    for tensor in told:
        # A request is one item, whatever the batches are that the model takes.
        yield MetadataTensor(
            name=names.get(tensor.name, tensor.name),
            datatype=tensor.datatype,
            shape=[1, *tensor.shape[1:]],
        )
