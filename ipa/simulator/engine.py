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
        All visits that enter before ``until_s``; expired ones are moved to the front of the others.
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
    lists = line.entered_s.tolist(), line.deadline_s.tolist(), line.visit.tolist()
    found = _form(lists, policy, times, pool, normals[: len(line)].tolist(), until_s)
    if found.moved:
        line.entered_s, line.deadline_s = np.array(lists[0]), np.array(lists[1])
        line.visit = np.array(lists[2], dtype=np.int64)
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


@dataclass(slots=True)
class _Batches:
    """What the loop found: per batch its times and size, and the positions that expired."""

    head: int = 0
    moved: bool = False
    start_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    free_s: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)


# One piece on purpose: a call per request would cost as much as all the rest.
def _form(  # noqa: C901
    lists: tuple[list[float], list[float], list[int]],
    policy: BatchPolicy,
    times: ServiceTimes,
    pool: ReplicaPool,
    normals: list[float],
    until_s: float,
) -> _Batches:
    entered_s, deadline_s, _ = lists
    batch, wait_s = policy.batch, policy.wait_s
    scale_s, spread, dispatch_s = times.scale_s, times.spread, times.dispatch_s
    free_s, alike, earliest_s = pool.free_s, pool.alike, pool.earliest_s
    found = _Batches()
    expired, starts_s, ends_s, since_s, sizes = (
        found.expired, found.start_s, found.end_s, found.free_s, found.sizes,
    )  # fmt: skip
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
            if earliest_s > start:
                start = earliest_s
            stop = full if filled <= start else bisect_right(entered_s, start, head, full)
        else:
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
            for column in lists:
                move_to(column, head, late)
            found.moved = True
            # It is gone now: asked again in its new place, it might seem to be in time.
            expired.append(head)
            head += 1
            continue
        since_s.append(free_s[0])
        service = scale_s[size] * exp(spread[size] * normals[drawn]) + dispatch_s
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
