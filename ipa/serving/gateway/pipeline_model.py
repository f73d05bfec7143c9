"""The pipeline as a model of MLServer, which its REST door calls and both doors describe."""

from mlserver import MLModel
from mlserver.errors import MLServerError
from mlserver.settings import ModelSettings
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, Parameters

from ipa.errors import TensorError
from ipa.serving.gateway.description import Description
from ipa.serving.gateway.front import Front, NotServedError
from ipa.serving.gateway.rest_door import RestError
from ipa.serving.runtimes.metadata import described
from ipa.serving.runtimes.pipeline_tensors import pipeline_outputs, request_inputs
from ipa.serving.v2.mlserver_types import make_response, read_request


class PipelineModel(MLModel):  # type: ignore[misc]
    """A pipeline that answers as a model.

    Parameters
    ----------
    settings
        Of MLServer; their extra parameters hold the ``Front`` (``front``) and the ``Description``
        (``description``).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._front: Front = settings.parameters.extra["front"]
        self._description: Description = settings.parameters.extra["description"]
        super().__init__(settings)
        pipeline = self._front.engine.pipeline
        # A request is one item, whatever the batches are that models take.
        self.inputs = described(request_inputs(pipeline), items=1)
        self.outputs = described(pipeline_outputs(pipeline), items=1)

    async def metadata(self) -> MetadataModelResponse:
        """Return what the pipeline takes and gives, as its tasks or else its models tell, and its stages."""
        stages = ", ".join(stage.name for stage in self._front.engine.stages)
        return MetadataModelResponse(
            name=self.name,
            versions=[],
            platform="ipa-pipeline",
            inputs=self.inputs or list(self._description.inputs),
            outputs=self.outputs or list(self._description.outputs),
            parameters=Parameters(stages=stages),
        )

    @property
    def ready(self) -> bool:
        """Whether the pipeline takes requests; MLServer asks when it is probed, and before it serves."""
        return self._front.engine.ready

    @ready.setter
    def ready(self, _loaded: bool) -> None:
        """Ignore what MLServer finds out by loading: there is nothing to load."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Serve one request."""
        wanted = frozenset(output.name for output in payload.outputs or ())
        try:
            answer = await self._front.serve(payload.id or "", read_request(payload), wanted)
        except TensorError as error:
            raise MLServerError(str(error), 400) from None
        except NotServedError as error:
            raise RestError(error) from None
        return make_response(self.name, answer.tensors, answer.id, answer.parameters)
