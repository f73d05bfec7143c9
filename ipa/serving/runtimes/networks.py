"""Networks of PyTorch and transformers: made, or read from where they were fetched to."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import MissingExtraError, WeightsError
from ipa.serving.architectures import architecture_of, hub_id
from ipa.serving.replica import ReplicaSettings
from ipa.serving.weights.hub import hub_folder

TORCH = "PyTorch, which runs the paper's models,"
TRANSFORMERS = "transformers, which has the paper's models,"

LIBRARIES = (
    "torch",
    "transformers.modeling_utils",
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
)
"""What takes seconds to import; none of it starts a thread, so that a process may fork afterwards."""


def torch_library() -> Any:
    """Return the module ``torch``."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(TORCH, "models") from error
    return torch


def transformers_library() -> Any:
    """Return the module ``transformers``, without its progress bars."""
    torch_library()
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError(TRANSFORMERS, "models") from error
    transformers.utils.logging.disable_progress_bar()
    return transformers


def check_network(replica: ReplicaSettings) -> None:
    """Raise an IpaError if the network of a variant cannot be made here; nothing is imported for that."""
    for module, feature in (("torch", TORCH), ("transformers", TRANSFORMERS)):
        if find_spec(module) is None:
            raise MissingExtraError(feature, "models")
    if replica.source == "pretrained":
        hub_folder(trained_weights(replica.weights))
    else:
        architecture_of(replica.weights)


def trained_weights(model: str) -> str:
    """Return the hub's id of trained weights for a variant's model.

    Raises
    ------
    WeightsError
        If there are none.
    """
    if not (found := hub_id(model)):
        raise WeightsError(
            f"there are no trained weights for {model or 'this variant'} that IPA can load; give the variant"
            " the id of a model on the Hugging Face hub (its key model), a server of its own (its key"
            " server), or take --source random"
        )
    return found


class Network:
    """A network that runs one batch at a time, on as many threads as its replica has cores.

    To be made and called in the same thread: PyTorch counts threads per thread.

    Parameters
    ----------
    replica
        Tells the model, the source of its weights, its cores and the seed.
    kind
        Name of its class in transformers without the family, for example ``ForCTC``.
    """

    def __init__(self, replica: ReplicaSettings, kind: str) -> None:
        self._torch, library = torch_library(), transformers_library()
        self._torch.set_num_threads(replica.cores)
        self._torch.manual_seed(replica.seed)
        self.folder: Path | None = None
        if replica.source == "pretrained":
            self.folder = hub_folder(trained_weights(replica.weights))
            model = getattr(library, f"AutoModel{kind}").from_pretrained(self.folder, local_files_only=True)
        else:
            architecture = architecture_of(replica.weights)
            config = getattr(library, architecture.config)(**architecture.sizes)
            model = getattr(library, f"AutoModel{kind}").from_config(config)
        self.model = model.eval()

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return sum(values.numel() for values in self.model.parameters())

    def __call__(self, **arrays: NDArray[Any]) -> Any:
        """Return what it computes for one batch."""
        with self._torch.inference_mode():
            return self.model(**self._tensors(arrays))

    def generate(self, arrays: dict[str, NDArray[Any]], **options: Any) -> NDArray[np.int64]:
        """Return the tokens that it writes for every item of a batch."""
        with self._torch.inference_mode():
            tokens = self.model.generate(**self._tensors(arrays), **options)
        found: NDArray[np.int64] = tokens.numpy()
        return found

    def _tensors(self, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {name: self._torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def probabilities(scores: Any) -> NDArray[np.float32]:
    """Return the softmax over the last axis of a tensor of PyTorch."""
    found: NDArray[np.float32] = scores.softmax(-1).float().numpy()
    return found
