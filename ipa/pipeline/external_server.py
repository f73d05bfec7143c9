"""A variant that a server of somebody else's serves."""

import re
from dataclasses import dataclass

from ipa.errors import InvalidValueError, brief

PORT = "{port}"
"""What stands in a command for the port that the server has to open."""

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class ExternalServer:
    """Any server of the Open Inference Protocol (V2) over gRPC: Triton, OpenVINO, an MLServer of yours.

    Parameters
    ----------
    model
        Name of the model on that server.
    command
        Words of the command that starts one replica; ``{port}`` in a word is replaced by the port that its
        gRPC door has to open on 127.0.0.1. Empty if the server runs already.
    address
        Host and port of a server that runs already; empty if there is a command or an image.
    image
        Image of a container that serves one replica on Kubernetes, by its own command or by the one given,
        where ``{port}`` becomes 8081; its gRPC door has to be open there, its REST door on 8080. Empty: the
        image of IPA, with the command.

    Raises
    ------
    InvalidValueError
        If there is not either an address or a command or image, or it cannot be used.
    """

    model: str
    command: tuple[str, ...] = ()
    address: str = ""
    image: str = ""

    def __post_init__(self) -> None:
        if bool(self.command or self.image) == bool(self.address):
            raise InvalidValueError("takes either a command or an address, and one of them")
        if self.command and not any(PORT in word for word in self.command):
            raise InvalidValueError(
                f"its command must hold {PORT} where the port goes that the server has to open; "
                f"got {brief(' '.join(self.command), 200)}"
            )
        found = _ADDRESS.fullmatch(self.address)
        if self.address and not (found and 0 < int(found[2]) < 2**16):
            raise InvalidValueError(
                f"its address must be HOST:PORT, for example 127.0.0.1:8001, got {brief(self.address)!r}"
            )

    def command_on(self, port: int) -> list[str]:
        """Return the command that starts a replica on a port."""
        return [word.replace(PORT, str(port)) for word in self.command]
