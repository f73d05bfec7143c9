"""Tensors as MLServer describes them in the metadata of a model."""

from collections.abc import Iterable

from mlserver.types import MetadataTensor

from ipa.serving.runtimes.task import TensorSpec


def described(specs: Iterable[TensorSpec], items: int = -1) -> list[MetadataTensor]:
    """Return the description of tensors.

    Parameters
    ----------
    specs
        What is known of them.
    items
        Items that each holds; -1: any number.
    """
    return [
        MetadataTensor(name=spec.name, datatype=spec.datatype, shape=[items, *spec.shape]) for spec in specs
    ]
