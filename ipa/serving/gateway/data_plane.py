"""MLServer's data plane, which counts nothing under names that clients make up."""

from mlserver.types import InferenceRequest, InferenceResponse

from ipa.serving.adopted_data_plane import AdoptedDataPlane


class PipelineDataPlane(AdoptedDataPlane):
    """The data plane of a server that serves one model."""

    async def infer(
        self, payload: InferenceRequest, name: str, version: str | None = None
    ) -> InferenceResponse:
        """Serve a request; one for a model that is not here is refused before it is counted.

        Every name and version would be a label of three metrics, for as long as the process lives.
        """
        await self._model_registry.get_model(name, version)
        return await super().infer(payload, name, version)
