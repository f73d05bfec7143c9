"""Tensors as MLServer describes them in the metadata of a model."""

from collections.abc import Iterable

from mlserver.types import MetadataTensor

from ipa.serving.runtimes.task import TensorSpec


def described(specs: Iterable[TensorSpec]) -> list[MetadataTensor]:
    """Return the description of batches of any length."""
    return [MetadataTensor(name=spec.name, datatype=spec.datatype, shape=[-1, *spec.shape]) for spec in specs]
