"""MLServer's data plane, which counts nothing under names that clients make up."""

from mlserver.handlers import DataPlane
from mlserver.types import InferenceRequest, InferenceResponse


class PipelineDataPlane(DataPlane):  # type: ignore[misc]
    """The data plane of a server that serves one model.

    Parameters
    ----------
    data_plane
        MLServer's own, whose metrics it goes on counting: they can be registered once only.
    """

    def __init__(self, data_plane: DataPlane) -> None:
        self.__dict__.update(data_plane.__dict__)

    async def infer(
        self, payload: InferenceRequest, name: str, version: str | None = None
    ) -> InferenceResponse:
        """Serve a request; one for a model that is not here is refused before it is counted.

        Every name and version would be a label of three metrics, for as long as the process lives.
        """
        await self._model_registry.get_model(name, version)
        return await super().infer(payload, name, version)
