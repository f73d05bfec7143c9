"""MLServer's data plane with something changed, in the place of the one that a server has made."""

from mlserver.handlers import DataPlane


class AdoptedDataPlane(DataPlane):  # type: ignore[misc]
    """A data plane that goes on with what another one has begun.

    Parameters
    ----------
    data_plane
        MLServer's own, whose metrics it goes on counting: they can be registered once only.
    """

    def __init__(self, data_plane: DataPlane) -> None:
        self.__dict__.update(data_plane.__dict__)
