"""What a gateway has to know before it starts; the plan comes later."""

import math
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from ipa.errors import InvalidValueError
from ipa.pipeline.pipeline import Pipeline
from ipa.serving.doors import Doors


@dataclass(frozen=True, slots=True)
class ServedPipeline:
    """What a gateway serves and what it bears, wherever it runs; can be sent to another process.

    Parameters
    ----------
    pipeline
        What it serves.
    model
        Name under which clients call the pipeline, as if it were a model of the V2 protocol.
    drop_after_s
        Per stage the age in seconds, since its arrival at the pipeline, beyond which a waiting request is
        dropped; infinity never drops. Empty: never in any stage.
    queue_limit
        Visits that may wait in one stage; a request that finds the first queue full is refused, and one that
        finds a later one full is dropped there.
    seed
        Of the draws that thin and multiply visits in a graph.
    journal_limit
        Ended requests that are remembered.
    hang_after_s
        Seconds after which a batch without an answer counts as hung; None: the larger of 5 s and 20 times the
        p99 that the profile has for it.

    Raises
    ------
    InvalidValueError
        If a number lies outside its domain.
    """

    pipeline: Pipeline
    model: str
    _: KW_ONLY
    drop_after_s: tuple[float, ...] = ()
    queue_limit: int = 10_000
    seed: int = 0
    journal_limit: int = 200_000
    hang_after_s: float | None = None

    def __post_init__(self) -> None:
        stages = len(self.pipeline.stages)
        if len(self.drop_after_s) not in (0, stages):
            raise InvalidValueError(
                f"drop_after_s has {len(self.drop_after_s)} limits; pipeline {self.pipeline.name} has"
                f" {stages} stages"
            )
        if not all(limit_s > 0 for limit_s in self.drop_after_s):
            raise InvalidValueError(
                f"drop_after_s is {self.drop_after_s}; each must be positive (inf: never)"
            )
        for name in ("queue_limit", "journal_limit"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.hang_after_s is not None and not 0 < self.hang_after_s < math.inf:
            raise InvalidValueError(f"hang_after_s is {self.hang_after_s}; it must be positive and finite")

    def drop_limit_s(self, place: int) -> float:
        """Return the age in seconds beyond which a request is dropped at a stage."""
        return self.drop_after_s[place] if self.drop_after_s else math.inf


@dataclass(frozen=True, slots=True)
class GatewaySettings(ServedPipeline):
    """A gateway on this machine, which is told its plan over a socket.

    Parameters
    ----------
    control_socket
        Unix socket on which the gateway is told its plan; created with mode 0600.
    control_token
        What every call on the control socket has to show.
    grpc_port, http_port
        Ports on 127.0.0.1; 0 lets the kernel pick one. A gateway that replaces another one gets its ports.

    Raises
    ------
    InvalidValueError
        If there is no token, or as for every served pipeline.
    """

    control_socket: Path
    control_token: str
    _: KW_ONLY
    grpc_port: int = 0
    http_port: int = 0

    def __post_init__(self) -> None:
        # A dataclass with slots is made anew: super() without arguments does not find itself in it.
        ServedPipeline.__post_init__(self)
        if not self.control_token:
            raise InvalidValueError("control_token is empty; whoever owns the gateway makes one up")

    @property
    def doors(self) -> Doors:
        """Where it opens its doors."""
        return Doors(http_port=self.http_port, grpc_port=self.grpc_port)
