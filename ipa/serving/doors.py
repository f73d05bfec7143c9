"""Where a server of IPA opens its doors."""

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Doors:
    """Host and ports of a server; 0 is the kernel's choice.

    Parameters
    ----------
    host
        Address that it listens on: this machine only, or ``0.0.0.0`` for all.
    http_port, grpc_port, metrics_port
        V2 over REST, V2 over gRPC, and what only monitoring asks.
    connection_age_s
        About the age at which connections over gRPC are ended in order, so that clients spread anew over all
        servers behind one address; None: never.
    """

    host: str = LOOPBACK
    http_port: int = 0
    grpc_port: int = 0
    metrics_port: int = 0
    connection_age_s: float | None = None

    @property
    def own_host(self) -> str:
        """Where the server reaches itself."""
        return LOOPBACK if self.host == "0.0.0.0" else self.host  # noqa: S104 (compared, not bound)


LOCAL_DOORS = Doors()
"""On this machine only, on ports of the kernel's choice."""
