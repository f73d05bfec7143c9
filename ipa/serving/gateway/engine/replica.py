"""A replica as the engine sees it, and what goes to it and comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ipa.serving.gateway.engine.request import Visit
from ipa.serving.gateway.messages import ReplicaCondition
from ipa.serving.v2 import Tensor

Reason = Literal["unavailable", "model-error", "bad-answer"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a visit was not served.

    Parameters
    ----------
    reason
        ``unavailable``: the replica could not be reached, or hangs; ``bad-answer``: what it answered cannot
        be right; ``model-error``: its model failed on this input.
    message
        For people.
    """

    reason: Reason
    message: str

    @property
    def of_replica(self) -> bool:
        """Whether it is the replica that cannot be trusted, and not the input."""
        return self.reason != "model-error"


Result = Sequence[Tensor] | Fault
"""What became of a visit: the outputs of its stage, or why there are none."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a replica gets to serve at once.

    Parameters
    ----------
    number
        How many batches the stage had sent before.
    visits
        Whose inputs these are.
    hang_after_s
        Time after which a call without an answer counts as hung.
    """

    number: int
    visits: tuple[Visit, ...]
    hang_after_s: float


class Link(Protocol):
    """The way to one replica."""

    @property
    def name(self) -> str:
        """Name of the replica."""
        ...

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        """Send a batch, and call ``done`` later, once, with what became of each visit."""
        ...

    def watch(self, failures: int, recovered: Callable[[], None], /) -> None:
        """Ask whether the replica is ready, the more seldom the oftener it failed; call back once it is."""
        ...

    def close(self) -> None:
        """Let go of the replica."""
        ...


class Replica:
    """One replica of a stage.

    Parameters
    ----------
    link
        The way to it.
    free_s
        Since when it could serve.
    """

    __slots__ = (
        *("batch", "borrowed", "draining", "failures"),
        *("free_s", "link", "served", "since_s", "suspect"),
    )

    def __init__(self, link: Link, free_s: float) -> None:
        self.link, self.free_s = link, free_s
        self.batch: Batch | None = None
        self.since_s: float | None = None
        """When its batch was sent."""
        self.draining = self.suspect = self.borrowed = False
        self.served = self.failures = 0
        """Batches answered, and how many failed since the last one was."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.link.name

    @property
    def condition(self) -> ReplicaCondition:
        """What it is doing."""
        if self.draining:
            return "draining"
        if self.suspect:
            return "suspect"
        return "busy" if self.batch else "ready"
