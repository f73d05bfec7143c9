"""The hot loop: which batches leave a queue, and when.

It inlines the rule of ``ipa.pipeline.batching.BatchPolicy`` instead of calling it: the calls would cost more
than the rest of the loop. The tests hold it against an event-by-event model that does call the policy, and
the compiled engine (``ipa.simulator.compiled``) against this one, byte by byte.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from heapq import heapreplace
from math import exp, inf, nextafter

import numpy as np

from ipa.arrays import Floats
from ipa.pipeline.batching import BatchPolicy
from ipa.simulator.line import Serve, Served, WaitingLine, move_to
from ipa.simulator.replicas import ReplicaPool
from ipa.simulator.service import ServiceTimes


def serve(
    line: WaitingLine,
    policy: BatchPolicy,
    times: ServiceTimes,
    pool: ReplicaPool,
    normals: Floats,
    until_s: float,
) -> Served:
    """Form all batches that start before a time.

    Parameters
    ----------
    line
        All visits that enter before ``until_s``; expired ones are moved to the front of the others. Only as
        much of it is looked at as can be served, so that a long queue costs no more than a short one.
    policy
        Batching and dropping rule.
    times
        Service time per batch size.
    pool
        The replicas; updated.
    normals
        Random numbers, one is used per batch, so as many as there are requests suffice.
    until_s
        End of the step.

    Notes
    -----
    The next batch starts at max(first free replica, last change of the plan, min(entry of the request that
    fills it, oldest entry + wait)). Requests in it that expire before that instant are taken out and the
    instant is computed again. Taking a request out never makes a batch start earlier, so the order in which
    they are found does not matter, and requests further back may be left for later.
    """
    found = _form(line, policy, times, pool, normals, until_s)
    size_of = np.array(found.sizes, dtype=np.int64)
    return Served(
        found.head,
        np.array(found.expired, dtype=np.int64),
        len(found.sizes),
        np.repeat(found.start_s, size_of),
        np.repeat(found.end_s, size_of),
        np.repeat(found.free_s, size_of),
        np.repeat(size_of, size_of),
    )


FIRST_BLOCK = 1024
"""Entries of a line that are looked at first; each block after it is twice as long."""


@dataclass(slots=True)
class _Batches:
    """What the loop found: per batch its times and size, and the positions that expired."""

    head: int = 0
    start_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    free_s: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)


class _Front:
    """The first entries of a line as lists."""

    __slots__ = ("_block", "_line", "_normals", "deadline_s", "entered_s", "normal")

    def __init__(self, line: WaitingLine, normals: Floats) -> None:
        self._line, self._normals, self._block = line, normals, FIRST_BLOCK
        self.entered_s: list[float] = []
        self.deadline_s: list[float] = []
        self.normal: list[float] = []

    def load(self) -> int:
        """Add more of the line and of the random numbers, and return how many there are now."""
        line, known = self._line, len(self.entered_s)
        end = known + self._block
        if end < len(line):
            self._block *= 2
        self.entered_s += line.entered_s[known:end].tolist()
        self.deadline_s += line.deadline_s[known:end].tolist()
        self.normal += self._normals[known : min(end, len(line))].tolist()
        return len(self.entered_s)


# One piece on purpose: a call per request would cost as much as all the rest.
def _form(  # noqa: C901
    line: WaitingLine,
    policy: BatchPolicy,
    times: ServiceTimes,
    pool: ReplicaPool,
    normals: Floats,
    until_s: float,
) -> _Batches:
    # Lists are faster to index than arrays; these hold the front of the line, and more of it when needed.
    front = _Front(line, normals)
    entered_s, deadline_s, normal = front.entered_s, front.deadline_s, front.normal
    batch, wait_s = policy.batch, policy.wait_s
    scale_s, spread, dispatch_s = times.scale_s, times.spread, times.dispatch_s
    free_s, alike, earliest_s = pool.free_s, pool.alike, pool.earliest_s
    found = _Batches()
    expired, starts_s, ends_s, since_s, sizes = (
        found.expired, found.start_s, found.end_s, found.free_s, found.sizes,
    )  # fmt: skip
    head, drawn, known, waiting = 0, 0, front.load(), len(line)
    while head < waiting:
        full = head + batch
        if full <= known:
            start = entered_s[head] + wait_s
            filled = entered_s[full - 1]
            if filled < start:
                start = filled
            if free_s[0] > start:
                start = free_s[0]
            if earliest_s > start:
                start = earliest_s
            stop = full if filled <= start else bisect_right(entered_s, start, head, full)
        elif known < waiting:
            known = front.load()
            continue
        else:
            start = entered_s[head] + wait_s
            if free_s[0] > start:
                start = free_s[0]
            if earliest_s > start:
                start = earliest_s
            stop = bisect_right(entered_s, start, head)
        if start >= until_s:
            break
        if not alike and pool.crash(start):
            continue
        if deadline_s[head] < start:
            expired.append(head)
            head += 1
            continue
        size = stop - head
        if size > 1 and min(deadline_s[head:stop]) < start:
            late = next(i for i in range(head, stop) if deadline_s[i] < start)
            for column in (entered_s, deadline_s, line.entered_s, line.deadline_s, line.visit):
                move_to(column, head, late)
            # It is gone now: asked again in its new place, it might seem to be in time.
            expired.append(head)
            head += 1
            continue
        since_s.append(free_s[0])
        service = scale_s[size] * exp(spread[size] * normal[drawn]) + dispatch_s
        drawn += 1
        if alike:
            end = start + service
            if end <= start:
                end = nextafter(start, inf)
            heapreplace(free_s, end)
        else:
            end = pool.occupy(start, service)
        starts_s.append(start)
        ends_s.append(end)
        sizes.append(size)
        head = stop
    found.head = head
    return found


def engine(name: str) -> Serve:
    """Return the loop of an engine: ``python``, ``numba``, or ``auto`` (numba where it is installed).

    Raises
    ------
    MissingExtraError
        If numba is asked for and not installed.
    """
    if name == "python":
        return serve
    from ipa.simulator.compiled import compiled_or_none, compiled_serve

    return compiled_serve() if name == "numba" else compiled_or_none() or serve
