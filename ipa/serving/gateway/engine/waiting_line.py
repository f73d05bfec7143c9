"""The visits that wait in a stage, in the order of entry, and which of them is too old first."""

import math
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from ipa.serving.gateway.engine.request import Visit, VisitState

SMALLEST = 64
"""Entries that are not worth tidying up."""


class WaitingLine:
    """A queue whose members may leave from the middle: those stay as empty places until they are passed."""

    def __init__(self) -> None:
        self._line: deque[Visit] = deque()
        self._deadlines: list[tuple[float, int, Visit]] = []
        self._waiting = 0
        self._entered = 0

    def __len__(self) -> int:
        return self._waiting

    def append(self, visit: Visit) -> None:
        """Add a visit at the end."""
        visit.order = self._entered
        self._entered += 1
        self._line.append(visit)
        self._count_in(visit)

    def put_back(self, visits: Iterable[Visit]) -> None:
        """Add visits that were taken before, where they were."""
        back = list(visits)
        for visit in back:
            self._count_in(visit)
        self._line = deque(sorted([*back, *self._line], key=lambda visit: visit.order))

    def _count_in(self, visit: Visit) -> None:
        visit.state = VisitState.WAITING
        self._waiting += 1
        if visit.deadline_s < math.inf:
            heappush(self._deadlines, (visit.deadline_s, visit.order, visit))

    @property
    def oldest(self) -> Visit:
        """The first visit; there must be one."""
        while self._line[0].state is not VisitState.WAITING:
            self._line.popleft()
        return self._line[0]

    def take(self, count: int) -> tuple[Visit, ...]:
        """Remove and return the first visits, at most as many as there are."""
        taken = []
        for _ in range(count):
            taken.append(self.oldest)
            self._line.popleft()
        self._waiting -= count
        return tuple(taken)

    def remove(self, visit: Visit) -> None:
        """Remove a visit that waits, for good."""
        visit.state = VisitState.GONE
        self._waiting -= 1
        if len(self._line) > 2 * self._waiting + SMALLEST:
            self._line = deque(one for one in self._line if one.state is VisitState.WAITING)

    def next_deadline_s(self) -> float:
        """Return when the next visit is too old; infinity if none ever is."""
        while self._deadlines and self._deadlines[0][2].state is not VisitState.WAITING:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else math.inf

    def remove_late(self, now_s: float, *, at_deadline: bool) -> list[Visit]:
        """Remove and return the visits whose deadline lies before now, or now as well, the earliest first."""
        late = []
        while (deadline_s := self.next_deadline_s()) < now_s or (at_deadline and deadline_s == now_s):
            visit = heappop(self._deadlines)[2]
            self.remove(visit)
            late.append(visit)
        return late
