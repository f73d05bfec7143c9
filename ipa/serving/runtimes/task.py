"""A kind of task: what goes in, what comes out, and how a variant that does it is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ipa.errors import TensorError
from ipa.serving.replica import ReplicaSettings, Source
from ipa.serving.v2 import Tensor

Model = Callable[[Mapping[str, Tensor]], Sequence[Tensor]]
"""A loaded variant: takes the inputs of a batch by name and returns its outputs. It may block.

Every output holds as many items as the inputs. What it raises fails the batch and not the server.
"""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What is known of a tensor beforehand.

    Parameters
    ----------
    name
        Its name.
    datatype
        Its datatype in the protocol.
    shape
        Shape of one item; -1 for an axis of any length. A scalar per item is ``()``.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] = ()

    def check(self, tensor: Tensor) -> None:
        """Raise a TensorError unless a batch fits."""
        # Axes of length 1 hold nothing; clients write a scalar per item as [b] or as [b, 1].
        item = [length for length in tensor.shape[1:] if length != 1]
        wanted = [length for length in self.shape if length != 1]
        fits = len(item) == len(wanted) and all(
            length in {-1, given} for length, given in zip(wanted, item, strict=True)
        )
        if tensor.datatype != self.datatype or not fits:
            raise TensorError(
                f"input {self.name} must be {self.datatype} with items of shape {list(self.shape)}, "
                f"not {tensor.datatype} with items of shape {list(tensor.shape[1:])}"
            )


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of task.

    Parameters
    ----------
    inputs, outputs
        Tensors that every variant takes and gives.
    load
        Returns a variant, loaded; imports the libraries that it needs itself, so that others need not have
        them. It may block.
    sample
        Returns the inputs of one item, with which a variant is warmed up.
    sources
        Where weights can come from.
    libraries
        Modules that take long to import and that variants need: a template imports them before it forks.
    check_weights
        Raises an IpaError, without loading anything, if what a variant needs is not on this machine.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    load: Callable[[ReplicaSettings], Model]
    sample: Callable[[], Sequence[Tensor]]
    sources: tuple[Source, ...]
    libraries: tuple[str, ...] = ()
    check_weights: Callable[[ReplicaSettings], object] = lambda _replica: None

    def check(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the inputs of a batch by name, no others; what is missing or does not fit is an error."""
        given = {tensor.name: tensor for tensor in tensors}
        wanted = {spec.name for spec in self.inputs}
        if not wanted <= set(given):
            raise TensorError(
                f"takes the inputs {', '.join(sorted(wanted))}, not {', '.join(sorted(given)) or 'none'}; "
                "the pipeline file can rename what it gets (the key inputs of its stage)"
            )
        for spec in self.inputs:
            spec.check(given[spec.name])
        return {name: given[name] for name in wanted}
