"""The sets of weights that ``ipa models`` lists, fetches and removes."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ipa.registry import Registry
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
