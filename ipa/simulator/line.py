"""The queue of a stage, and what leaves it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.pipeline.batching import BatchPolicy
from ipa.simulator.replicas import ReplicaPool
from ipa.simulator.service import ServiceTimes

Scalar = TypeVar("Scalar", bound=np.generic)


SMALLEST = 64
"""Entries that a line has room for at first."""


class WaitingLine:
    """The queue of a stage in the order of entry; one entry per visit in each array.

    How it works: the arrays are windows on longer ones with free room behind, which grow by doubling, so that
    a visit costs the same however long the queue is. They belong to the line alone: entries may change places
    in them, and whoever keeps something of them copies it.
    """

    __slots__ = ("_deadline_s", "_end", "_entered_s", "_first", "_soonest_s", "_visit")

    def __init__(self) -> None:
        self._entered_s: Floats = np.empty(SMALLEST)
        self._deadline_s: Floats = np.empty(SMALLEST)
        self._visit: Ints = np.empty(SMALLEST, dtype=np.int64)
        self._first = self._end = 0
        # No entry expires before this.
        self._soonest_s = math.inf

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def entered_s(self) -> Floats:
        """When each entered, ascending but for what was moved to the front, shape (n,)."""
        return self._entered_s[self._first : self._end]

    @property
    def deadline_s(self) -> Floats:
        """When each expires, shape (n,); requests overtake each other, so it need not ascend."""
        return self._deadline_s[self._first : self._end]

    @property
    def visit(self) -> Ints:
        """The number of each, shape (n,)."""
        return self._visit[self._first : self._end]

    def append(self, entered_s: Floats, deadline_s: Floats, visit: Ints) -> None:
        """Add visits at the end."""
        if self._end + len(visit) > len(self._visit):
            self._make_room(len(visit))
        new = slice(self._end, self._end + len(visit))
        self._entered_s[new], self._deadline_s[new], self._visit[new] = entered_s, deadline_s, visit
        self._end = new.stop
        self._soonest_s = min(self._soonest_s, float(deadline_s.min(initial=math.inf)))

    def _make_room(self, count: int) -> None:
        """Move all to the front, of longer arrays unless half of these would be free."""
        needed = len(self) + count
        size = len(self._visit) if 2 * needed <= len(self._visit) else 2 * needed
        self._entered_s = _move(self.entered_s, size)
        self._deadline_s = _move(self.deadline_s, size)
        self._visit = _move(self.visit, size)
        self._first, self._end = 0, len(self)

    def pop_front(self, count: int) -> None:
        """Remove the first entries."""
        self._first += count

    def renumber(self, new: Callable[[Ints], Ints]) -> None:
        """Give all visits new numbers."""
        self.visit[:] = new(self.visit)

    def expire(self, before_s: float) -> int:
        """Move the entries whose deadline lies before a time to the front and return how many there are."""
        if self._soonest_s >= before_s:
            return 0
        late = self.deadline_s < before_s
        self._soonest_s = float(self.deadline_s.min(initial=math.inf, where=~late))
        count = int(np.count_nonzero(late))
        if count:
            order = np.argsort(~late, kind="stable")
            for column in (self.entered_s, self.deadline_s, self.visit):
                column[:] = column[order]
        return count


def _move(values: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Return a longer array that begins with some values."""
    longer = np.empty(size, dtype=values.dtype)
    longer[: len(values)] = values
    return longer


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
