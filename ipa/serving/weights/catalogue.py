"""The sets of weights that ``ipa models`` lists, fetches and removes."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ipa.errors import UnknownNameError
from ipa.pipeline.load import load_pipeline, pipeline_names
from ipa.pipeline.pipeline import Pipeline
from ipa.registry import Registry
from ipa.serving.architectures import hub_id
from ipa.serving.weights.hub import HubWeights
from ipa.serving.weights.ocr import OCR_WEIGHTS

Progress = Callable[[int, int | None, str], None]
"""Called with what is done, what there is to do in all (None: not known), and at what it is."""


class WeightSet(Protocol):
    """The weights of one pipeline."""

    @property
    def title(self) -> str:
        """What they are."""
        ...

    @property
    def licence(self) -> str:
        """Under which terms they may be used."""
        ...

    @property
    def folder(self) -> Path:
        """Where they lie once they are fetched."""
        ...

    @property
    def download_bytes(self) -> int:
        """How much is to be downloaded; 0 if it is not known."""
        ...

    def is_complete(self) -> bool:
        """Whether all of them are on this machine."""
        ...

    def fetch(self, progress: Progress) -> None:
        """Download what is missing and check it."""
        ...

    def remove(self) -> None:
        """Delete them from this machine."""
        ...


WEIGHT_SETS: Registry[WeightSet] = Registry("set of weights")
WEIGHT_SETS.register("ocr", OCR_WEIGHTS)


def weight_set_names() -> list[str]:
    """Return the names of all sets: those that IPA describes, and the pipelines with models on the hub."""
    return [*WEIGHT_SETS, *(name for name in pipeline_names() if name not in WEIGHT_SETS)]


def weights_of(name: str) -> WeightSet:
    """Return a set of weights.

    Parameters
    ----------
    name
        Name of a set, or of a pipeline, or the path of a pipeline file.

    Raises
    ------
    UnknownNameError
        If it is none of these.
    """
    if name in WEIGHT_SETS:
        return WEIGHT_SETS[name]
    if name not in weight_set_names() and not name.endswith((".yaml", ".yml")):
        raise UnknownNameError("set of weights", name, [*weight_set_names(), "a path that ends in .yaml"])
    return hub_weights(load_pipeline(name))


def hub_weights(pipeline: Pipeline) -> HubWeights:
    """Return the trained weights of a pipeline's variants, as far as they are on the hub."""
    variants = [variant for stage in pipeline.stages for variant in stage.variants if variant.server is None]
    models = (hub_id(variant.model) for variant in variants)
    return HubWeights(
        pipeline.name,
        tuple(dict.fromkeys(model for model in models if model)),
        tuple(variant.name for variant in variants if not hub_id(variant.model)),
    )
