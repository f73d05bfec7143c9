"""Trained weights from the Hugging Face hub: fetched by ``ipa models fetch PIPELINE``, never unasked."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ipa.errors import MissingExtraError, WeightsError
from ipa.paths import cache_dir
from ipa.serving.weights.wheels import Progress

COMPLETE = "ipa-complete.json"
"""File in the folder of a model that says that all of it is there."""

WANTED = (".json", ".txt", ".model", ".safetensors")
"""Ends of the names of files that are fetched; a model without ``.safetensors`` gets its ``.bin`` instead."""


@dataclass(frozen=True, slots=True)
class HubWeights:
    """The trained weights of one pipeline.

    Parameters
    ----------
    name
        Name of the pipeline.
    models
        Ids of its variants' models on the hub.
    without
        Variants whose weights are not there.
    """

    name: str
    models: tuple[str, ...]
    without: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What they are."""
        return f"{len(self.models)} models from the Hugging Face hub"

    @property
    def licence(self) -> str:
        """Under which terms they may be used."""
        return "as each model's page says"

    @property
    def folder(self) -> Path:
        """Where all models from the hub lie, those of other pipelines too: pipelines share some."""
        return cache_dir() / "weights" / "hub"

    @property
    def download_bytes(self) -> int:
        """Not known before the hub is asked."""
        return 0

    def is_complete(self) -> bool:
        """Whether all of them are on this machine."""
        return bool(self.models) and all(_is_complete(model) for model in self.models)

    def fetch(self, progress: Progress) -> None:
        """Download what is missing.

        Raises
        ------
        WeightsError
            If there is nothing to fetch, or the hub cannot be reached.
        """
        if not self.models:
            raise WeightsError(
                f"no variant of pipeline {self.name} has weights on the hub: {', '.join(self.without)}; "
                "run it with --source random or emulated"
            )
        for model in self.models:
            if not _is_complete(model):
                _fetch(model, progress)

    def remove(self) -> None:
        """Delete them from this machine."""
        for model in self.models:
            shutil.rmtree(model_folder(model), ignore_errors=True)


def model_folder(model: str) -> Path:
    """Return where a model from the hub lies once it is fetched."""
    return cache_dir() / "weights" / "hub" / model.replace("/", "--")


def hub_folder(model: str) -> Path:
    """Return where a model from the hub lies.

    Raises
    ------
    WeightsError
        If it was not fetched.
    """
    if not _is_complete(model):
        raise WeightsError(
            f"the weights of {model} are not on this machine; fetch them once: ipa models fetch PIPELINE, "
            "or take others: --source random"
        )
    return model_folder(model)


def _is_complete(model: str) -> bool:
    return (model_folder(model) / COMPLETE).is_file()


def _fetch(model: str, progress: Progress) -> None:
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtraError("huggingface_hub, which fetches trained weights,", "models") from error
    folder = model_folder(model)
    try:
        found = hub.HfApi().model_info(model, files_metadata=True)
        sizes = _wanted({file.rfilename: file.size or 0 for file in found.siblings})
        done, total = 0, sum(sizes.values())
        for name, size in sizes.items():
            progress(done, total, f"{model}: {name}")
            hub.hf_hub_download(model, name, revision=found.sha, local_dir=folder)
            done += size
        progress(done, total, model)
    except Exception as error:
        # The library's errors come from three HTTP clients and have no base of their own.
        raise WeightsError(
            f"{model} cannot be fetched from the Hugging Face hub ({_first_line(error)}); fetch it where"
            f" there is a network and copy {folder} from there, or take other weights: --source random"
        ) from error
    told = json.dumps({"model": model, "revision": found.sha})
    folder.joinpath(COMPLETE).write_text(told, encoding="utf-8")


def _wanted(sizes: dict[str, int]) -> dict[str, int]:
    """Return the files at the top of a model's folder that are needed to run it."""
    top = {name: size for name, size in sizes.items() if "/" not in name}
    ends: Sequence[str] = WANTED if any(name.endswith(".safetensors") for name in top) else (*WANTED, ".bin")
    return {name: size for name, size in top.items() if name.endswith(tuple(ends))}


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
