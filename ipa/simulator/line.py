"""The queue of a stage, and what leaves it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.pipeline.batching import BatchPolicy
from ipa.simulator.replicas import ReplicaPool
from ipa.simulator.service import ServiceTimes


def _floats() -> Floats:
    return np.empty(0)


def _ints() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class WaitingLine:
    """The queue of a stage in the order of entry; one entry per visit in each array.

    Parameters
    ----------
    entered_s
        When it entered, ascending, shape (n,).
    deadline_s
        When it expires, shape (n,); not necessarily ascending, since requests overtake each other in earlier
        stages.
    visit
        Its number, shape (n,).
    """

    entered_s: Floats = field(default_factory=_floats)
    deadline_s: Floats = field(default_factory=_floats)
    visit: Ints = field(default_factory=_ints)

    def __len__(self) -> int:
        return len(self.entered_s)

    def append(self, entered_s: Floats, deadline_s: Floats, visit: Ints) -> None:
        """Add visits at the end."""
        if len(self):
            entered_s = np.concatenate((self.entered_s, entered_s))
            deadline_s = np.concatenate((self.deadline_s, deadline_s))
            visit = np.concatenate((self.visit, visit))
        self.entered_s, self.deadline_s, self.visit = entered_s, deadline_s, visit

    def pop_front(self, count: int) -> None:
        """Remove the first entries."""
        self.entered_s = self.entered_s[count:]
        self.deadline_s = self.deadline_s[count:]
        self.visit = self.visit[count:]

    def expire(self, before_s: float) -> int:
        """Move the entries whose deadline lies before a time to the front and return how many there are."""
        late = self.deadline_s < before_s
        count = int(np.count_nonzero(late))
        if count:
            order = np.argsort(~late, kind="stable")
            self.entered_s = self.entered_s[order]
            self.deadline_s = self.deadline_s[order]
            self.visit = self.visit[order]
        return count


@dataclass(frozen=True, slots=True)
class Served:
    """What left the front of a queue.

    Parameters
    ----------
    head
        Entries at the front of the line that are gone, served or expired.
    expired
        Positions among these that expired, shape (e,); the others were served, in order.
    batches
        How many batches were formed.
    start_s, end_s, free_s, size
        Per served visit, shape (head - e,): start and end of the service of its batch, since when the
        replica that took it had been free, and how many visits the batch had.
    """

    head: int
    expired: Ints
    batches: int
    start_s: Floats
    end_s: Floats
    free_s: Floats
    size: Ints


def move_to(column: "list[Any] | NDArray[Any]", head: int, position: int) -> None:
    """Move an entry forward to ``head``; those it passes step back by one and keep their order."""
    moved = column[position]
    column[head + 1 : position + 1] = column[head:position]
    column[head] = moved


Serve = Callable[[WaitingLine, BatchPolicy, ServiceTimes, ReplicaPool, Floats, float], Served]
