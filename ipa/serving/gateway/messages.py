"""What goes over the control socket: which replicas serve a stage, and what has become of them.

All are plain values, so that JSON carries them; ``encode`` and ``decode`` turn them into it and back.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from ipa.errors import GatewayError, brief
from ipa.pipeline.plan import StagePlan

ReplicaCondition = Literal["ready", "busy", "draining", "suspect"]


@dataclass(frozen=True, slots=True)
class ReplicaAddress:
    """Where a replica answers.

    Parameters
    ----------
    name
        Unique among all replicas that the gateway ever gets: a replica that was started anew has a new one.
    address
        ``HOST:PORT`` of its V2 gRPC service.
    model
        Name of the model that it serves.
    """

    name: str
    address: str
    model: str


@dataclass(frozen=True, slots=True)
class StageAssignment:
    """What serves a stage from now on.

    Parameters
    ----------
    plan
        Variant, batch size and longest wait. Its number of replicas need not be that of ``replicas``, which
        are the ones that are ready.
    replicas
        All that serve; the gateway lets go of every other one.
    """

    plan: StagePlan
    replicas: tuple[ReplicaAddress, ...]


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """One replica as the gateway sees it.

    Parameters
    ----------
    name
        Its name.
    state
        ``ready``, ``busy`` with a batch, ``draining``: busy with its last one, or ``suspect``: it failed and
        gets no batch until it answers a readiness probe or is replaced.
    busy_since_s
        When its batch was sent, on the gateway's clock; None if it has none.
    served
        Batches it has answered.
    consecutive_failures
        Batches and probes that failed since it last answered.
    borrowed
        Whether it is another's, and only helps.
    """

    name: str
    state: ReplicaCondition
    busy_since_s: float | None
    served: int
    consecutive_failures: int
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage as the gateway sees it.

    Parameters
    ----------
    stage
        Its name.
    plan
        What it was told last; None before that.
    waiting
        Visits in its queue.
    replicas
        Those that serve, and those that still drain.
    """

    stage: str
    plan: StagePlan | None
    waiting: int
    replicas: tuple[ReplicaState, ...]


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The gateway at one instant.

    Parameters
    ----------
    now_s
        The instant, on the gateway's clock, whose zero ``set_clock`` sets (before that, its start).
    stages
        One entry per stage, in the pipeline's order.
    drained
        Names of replicas that it was told to let go of and holds nothing of any more, the latest 1000.
    arrived, ok, dropped, errors
        Requests since it started: all that came, and how they ended.
    in_flight
        Requests that have not ended.
    """

    now_s: float
    stages: tuple[StageState, ...]
    drained: tuple[str, ...]
    arrived: int
    ok: int
    dropped: int
    errors: int
    in_flight: int

    def holds(self, replica: str) -> bool:
        """Whether a replica serves or still drains; one that the gateway never heard of does not."""
        return any(known.name == replica for stage in self.stages for known in stage.replicas)


Message = TypeVar("Message")


def encode(message: object) -> bytes:
    """Return a dataclass, or a tuple of some, as JSON."""
    if isinstance(message, tuple):
        return json.dumps([asdict(item) for item in message]).encode()
    return json.dumps(asdict(message)).encode()  # type: ignore[call-overload]


def decode(kind: type[Message], data: bytes) -> Message:
    """Return a message from its JSON; one of another kind is an error."""
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise GatewayError(f"not a message of the gateway: {where}: {first['msg']}: {brief(data)}") from None
