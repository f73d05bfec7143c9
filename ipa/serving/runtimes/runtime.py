"""What all runtimes have in common: tensors in, tensors out, who they are, and why they could not load."""

import logging
from abc import abstractmethod
from collections.abc import Sequence

from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.settings import ModelSettings
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse
from mlserver.types import Parameters as MLServerParameters

from ipa.errors import IpaError, TensorError, brief
from ipa.serving.replica import ReplicaSettings
from ipa.serving.stock_server import IDENTITY, StartUp
from ipa.serving.v2 import Parameters, Tensor, signature
from ipa.serving.v2.mlserver_types import make_response, read_parameters, read_request

_log = logging.getLogger(__name__)


class ReplicaRuntime(MLModel):  # type: ignore[misc]
    """A runtime of MLServer that serves one variant.

    Parameters
    ----------
    settings
        Settings of MLServer; their extra parameters hold the ``ReplicaSettings`` (``replica``) and a
        ``StartUp`` (``start_up``).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._loaded = False
        super().__init__(settings)
        self.replica: ReplicaSettings = settings.parameters.extra["replica"]
        self._start_up: StartUp = settings.parameters.extra["start_up"]

    @property
    def hangs(self) -> bool:
        """Whether it will never be done with what it does."""
        return False

    @property
    def ready(self) -> bool:
        """Whether it serves; MLServer says so once it is loaded."""
        return self._loaded and not self.hangs

    @ready.setter
    def ready(self, loaded: bool) -> None:
        self._loaded = loaded

    async def load(self) -> bool:
        """Load and warm the variant; MLServer reports it ready when this returns."""
        try:
            await self.prepare()
        except Exception as error:
            self._start_up.problem = (
                str(error)
                if isinstance(error, IpaError)
                else f"{type(error).__name__}: {brief(str(error), 300)}"
            )
            raise
        finally:
            self._start_up.loaded.set()
        return True

    async def metadata(self) -> MetadataModelResponse:
        """Return what the model is, with the name of the replica, its variant and its source of weights."""
        metadata = await super().metadata()
        told = {IDENTITY: self.replica.name, "variant": self.replica.variant, "source": self.replica.source}
        metadata.parameters = MLServerParameters(**told)
        return metadata

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one batch that came over REST."""
        try:
            tensors = read_request(payload)
        except TensorError as error:
            raise InferenceError(str(error)) from error
        outputs, parameters = await self.serve(tensors, read_parameters(payload))
        return make_response(self.name, outputs, payload.id or "", parameters)

    async def serve(
        self, tensors: Sequence[Tensor], parameters: Parameters
    ) -> tuple[Sequence[Tensor], Parameters]:
        """Answer one batch; what is wrong with it is the client's (400), what goes wrong here ours (500)."""
        try:
            items = self._check(tensors)
        except TensorError as error:
            raise InferenceError(str(error)) from error
        return await self.answer(tensors, items, parameters)

    def _check(self, tensors: Sequence[Tensor]) -> int:
        """Return how many items a batch has, or raise a TensorError."""
        if not tensors:
            raise TensorError("there is no input")
        signature(tensors)
        lengths = {tensor.shape[0] for tensor in tensors}
        items = tensors[0].shape[0]
        if len(lengths) > 1:
            raise TensorError(f"the inputs hold {sorted(lengths)} items; give all inputs as many")
        if not 1 <= items <= self.replica.max_batch:
            raise TensorError(f"a batch has 1 to {self.replica.max_batch} items here, not {items}")
        return items

    async def prepare(self) -> None:
        """Load the variant and warm it up; an error that is raised ends the server."""

    @abstractmethod
    async def answer(
        self, tensors: Sequence[Tensor], items: int, parameters: Parameters
    ) -> tuple[Sequence[Tensor], Parameters]:
        """Return the outputs for a batch and what is told beside them.

        Parameters
        ----------
        tensors
            Inputs of the batch, all with as many items.
        items
            Items in the batch.
        parameters
            What the caller says beside them.
        """
