"""A variant that a server of somebody else's serves."""

import re
from dataclasses import dataclass

from ipa.errors import InvalidValueError, brief
from ipa.limits import MEMORY_MB, USER

PORT, HTTP_PORT, METRICS_PORT = "{port}", "{http_port}", "{metrics_port}"
"""What stands in a command for the port of gRPC, and for those of REST and metrics if a server has them."""

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
        gRPC door has to open, ``{http_port}`` and ``{metrics_port}`` by those of REST and of metrics, for a
        server that has them. On one machine it opens them on 127.0.0.1, on Kubernetes on all addresses of its
        pod (8081, 8080 and 8082). Empty if the server runs already.
    address
        Host and port of a server that runs already; empty if there is a command or an image.
    image
        Image of a container that serves one replica on Kubernetes, by the command, or by its own: then its
        gRPC door has to be on 8081 and its REST door on 8080. Empty: the image of IPA, with the command.
    user
        Number of the user that the container runs as on Kubernetes, never root. None: 65532, as all of IPA.
    writable_root
        Whether the container may write into its root on Kubernetes; ``/tmp`` it always may.
    memory_mb
        Memory that a replica may take on Kubernetes. None: what the platform gives to replicas that compute.

    Raises
    ------
    InvalidValueError
        If there is not either an address or a command or image, or it cannot be used.
    """

    model: str
    command: tuple[str, ...] = ()
    address: str = ""
    image: str = ""
    user: int | None = None
    writable_root: bool = False
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        if bool(self.command or self.image) == bool(self.address):
            raise InvalidValueError("takes either an address, or a command or an image or both")
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
        self._check_container()

    def _check_container(self) -> None:
        """Check what is said of its container; there is none where a server runs already."""
        said = {"user": self.user, "writable_root": self.writable_root, "memory_mb": self.memory_mb}
        if self.address and (given := [name for name, value in said.items() if value]):
            raise InvalidValueError(
                f"{given[0]} is for a container, and the server at {self.address} runs already"
            )
        if self.user is not None:
            USER.check("user", self.user)
        if self.memory_mb is not None:
            MEMORY_MB.check("memory_mb", self.memory_mb)

    @property
    def has_http(self) -> bool:
        """Whether it is known to have a REST door too."""
        return not self.address and (not self.command or self._names(HTTP_PORT))

    @property
    def has_metrics(self) -> bool:
        """Whether it is known to have a door for metrics."""
        return self._names(METRICS_PORT)

    def command_on(self, port: int, http_port: int, metrics_port: int) -> list[str]:
        """Return the command that starts a replica on these ports."""
        ports = {PORT: port, HTTP_PORT: http_port, METRICS_PORT: metrics_port}
        words = list(self.command)
        for name, number in ports.items():
            words = [word.replace(name, str(number)) for word in words]
        return words

    def _names(self, door: str) -> bool:
        return any(door in word for word in self.command)
