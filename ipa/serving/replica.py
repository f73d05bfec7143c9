"""What a replica is told to serve, and how it answers whoever started it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self

from ipa.pipeline.pipeline import Setting
from ipa.pipeline.profiles import ProfilePoint
from ipa.simulator.settings import Service

Source = Literal["emulated", "packaged", "random", "pretrained"]
"""Where weights come from: none are needed, out of packages, drawn at random, or from the hub."""


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """What a replica serves, and how.

    Parameters
    ----------
    name
        Name of the replica, unique in its pipeline, which it tells in the metadata of its model.
    model
        Name of the model that clients ask, which is the stage's.
    stage_index
        Position of the stage in its pipeline.
    task
        Kind of task; not needed where the source is ``emulated``.
    variant
        Name of the variant.
    source
        Where its weights come from.
    cores
        Cores that it may use, which is how many threads compute.
    max_batch
        Largest batch that it takes.
    profile
        Measurements of the variant on these cores, which an emulated one keeps to.
    service
        How an emulated variant's times are distributed around the profile.
    seed
        Seed of what is drawn: the times of an emulated variant, or random weights.
    settings
        What the runtime needs to know beside, by name.
    weights
        What the pipeline file says of where the weights come from (the key ``model`` of a variant).
    start_up_s
        Time that an emulated variant takes to start; it takes what it takes here if that is longer.
    asked_ns
        From when that counts, on ``time.monotonic_ns``; 0: from when it begins to load.
    hang_after_s
        Seconds after which a batch that is still computed hangs: the replica says from then on that it is
        neither ready nor alive, so that whoever asks starts it anew; None: nobody asks.
    """

    name: str
    model: str
    variant: str
    stage_index: int = 0
    task: str = ""
    source: Source = "emulated"
    cores: int = 1
    max_batch: int = 1
    profile: tuple[ProfilePoint, ...] = ()
    service: Service = "lognormal"
    seed: int = 0
    settings: Mapping[str, Setting] = field(default_factory=dict)
    weights: str = ""
    start_up_s: float = 0.0
    asked_ns: int = 0
    hang_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServerReady:
    """Says that a server serves.

    Parameters
    ----------
    grpc_port, http_port, metrics_port
        Where on 127.0.0.1 its doors are: V2 over gRPC, V2 over REST, and Prometheus metrics.
    pid
        Number of its process.
    """

    grpc_port: int
    http_port: int
    metrics_port: int
    pid: int


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """Says that a server could not be brought up.

    Parameters
    ----------
    message
        Why, in one line.
    """

    message: str


class Report(Protocol):
    """Takes a server's word on whether it serves; a pipe to another process does."""

    def send(self, message: ServerReady | ServerFailed, /) -> None:
        """Take the word."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
