"""The hot loop: which batches leave a queue, and when.

It inlines the rule of ``ipa.batching.BatchPolicy`` instead of calling it: the calls would cost more than the
rest of the loop. The tests hold it against an event-by-event model that does call the policy.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from heapq import heapreplace
from math import exp
from typing import Any

from ipa.batching import BatchPolicy
from ipa.simulator.service import ServiceTimes


@dataclass(slots=True)
class WaitingLine:
    """The queue of a stage in the order of entry; one entry per request in each list.

    Parameters
    ----------
    entered_s
        When it entered, ascending.
    deadline_s
        When it expires; not necessarily ascending, since requests overtake each other in earlier stages.
    request
        Its number.
    """

    entered_s: list[float] = field(default_factory=list)
    deadline_s: list[float] = field(default_factory=list)
    request: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entered_s)

    def move_to(self, head: int, position: int) -> None:
        """Move an entry forward to ``head``; those it passes step back by one and keep their order."""
        for column in self._columns():
            column[head : position + 1] = [column[position], *column[head:position]]

    def pop_front(self, count: int) -> None:
        """Remove the first entries."""
        for column in self._columns():
            del column[:count]

    def expire(self, before_s: float) -> int:
        """Move the entries whose deadline lies before a time to the front and return how many there are."""
        late = [deadline_s < before_s for deadline_s in self.deadline_s]
        order = sorted(range(len(late)), key=lambda position: not late[position])
        for column in self._columns():
            column[:] = [column[position] for position in order]
        return sum(late)

    def _columns(self) -> tuple[list[Any], ...]:
        return self.entered_s, self.deadline_s, self.request


@dataclass(slots=True)
class Served:
    """What left a queue: batches in the order of their start, and expired requests.

    Parameters
    ----------
    start_s, end_s, size
        Start and end of service in seconds, and requests, per batch.
    head
        Entries at the front of the line that are gone.
    expired
        Positions among these that expired; the others were served, in order.
    """

    start_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    head: int = 0
    expired: list[int] = field(default_factory=list)


def serve(
    line: WaitingLine,
    policy: BatchPolicy,
    times: ServiceTimes,
    free_s: list[float],
    normals: list[float],
    until_s: float,
) -> Served:
    """Form all batches that start before a time.

    Parameters
    ----------
    line
        All requests that enter before ``until_s``; expired ones are moved to the front of the others.
    policy
        Batching and dropping rule.
    times
        Service time per batch size.
    free_s
        Heap of the times from which each replica is free; updated.
    normals
        Standard normals, one is used per batch, so as many as there are requests suffice.
    until_s
        End of the step.

    Notes
    -----
    The next batch starts at max(first free replica, min(entry of the request that fills it, oldest entry +
    wait)). Requests in it that expire before that instant are taken out and the instant is computed again.
    Taking a request out never makes a batch start earlier, so the order in which they are found does not
    matter, and requests further back may be left for later.
    """
    entered_s, deadline_s = line.entered_s, line.deadline_s
    batch, wait_s = policy.batch, policy.wait_s
    scale_s, spread = times.scale_s, times.spread
    served = Served()
    expired, add_start, add_end, add_size = (
        served.expired,
        served.start_s.append,
        served.end_s.append,
        served.size.append,
    )
    head, drawn, waiting = 0, 0, len(entered_s)
    while head < waiting:
        start = entered_s[head] + wait_s
        full = head + batch
        if full <= waiting:
            filled = entered_s[full - 1]
            if filled < start:
                start = filled
            if free_s[0] > start:
                start = free_s[0]
            stop = full if filled <= start else bisect_right(entered_s, start, head, full)
        else:
            if free_s[0] > start:
                start = free_s[0]
            stop = bisect_right(entered_s, start, head)
        if start >= until_s:
            break
        if deadline_s[head] < start:
            expired.append(head)
            head += 1
            continue
        size = stop - head
        if size > 1 and min(deadline_s[head:stop]) < start:
            line.move_to(head, next(i for i in range(head, stop) if deadline_s[i] < start))
            continue
        end = start + scale_s[size] * exp(spread[size] * normals[drawn])
        drawn += 1
        heapreplace(free_s, end)
        add_start(start)
        add_end(end)
        add_size(size)
        head = stop
    served.head = head
    return served
