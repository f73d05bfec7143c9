"""MLServer whose clients can neither load nor unload models."""

from mlserver import MLServer
from mlserver.errors import MLServerError
from mlserver.handlers import ModelRepositoryHandlers
from mlserver.types import RepositoryIndexRequest, RepositoryIndexResponse

from ipa.serving.adopted_data_plane import AdoptedDataPlane
from ipa.serving.replica_door import ReplicaDoor


class NoRepository(ModelRepositoryHandlers):  # type: ignore[misc]
    """Refuses what the repository part of the protocol asks for."""

    async def index(self, payload: RepositoryIndexRequest) -> RepositoryIndexResponse:
        """List no models."""
        del payload
        return RepositoryIndexResponse(root=[])

    async def load(self, name: str) -> bool:
        """Load nothing."""
        raise _refusal(name)

    async def unload(self, name: str) -> bool:
        """Unload nothing."""
        raise _refusal(name)


class MortalDataPlane(AdoptedDataPlane):
    """The data plane of a server that does not live any more once its model hangs."""

    async def live(self) -> bool:
        """Whether no model hangs; those of others do not tell."""
        models = await self._model_registry.get_models()
        return not any(getattr(model, "hangs", False) for model in models)


class ClosedServer(MLServer):  # type: ignore[misc]
    """MLServer that serves the model it was started with, and no other, until it ends."""

    def _create_servers(self) -> None:
        self._data_plane = MortalDataPlane(self.__dict__["_data_plane"])
        self._model_repository_handlers = NoRepository(self._model_repository, self._model_registry)
        super()._create_servers()
        self._grpc_server = ReplicaDoor(self._settings, self._data_plane, self._model_repository_handlers)


def _refusal(name: str) -> MLServerError:
    return MLServerError(f"model {name} is loaded and unloaded by whoever runs this server", 403)
