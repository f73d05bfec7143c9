"""The hot loop compiled with numba (optional extra ``fast``): same bytes as ``ipa.simulator.engine.serve``.

Only for replicas that are all alike; the stage takes the interpreted loop otherwise.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ipa.arrays import Floats, Ints
from ipa.errors import MissingExtraError
from ipa.pipeline.batching import BatchPolicy
from ipa.simulator.line import Serve, Served, WaitingLine
from ipa.simulator.replicas import ReplicaPool
from ipa.simulator.service import ServiceTimes


# One piece on purpose, as its model; numba compiles no closures over changing values.
def _serve_arrays(  # noqa: C901
    entered_s: Floats,
    deadline_s: Floats,
    visit: Ints,
    batch: int,
    wait_s: float,
    scale_s: Floats,
    spread: Floats,
    dispatch_s: float,
    free_s: Floats,
    earliest_s: float,
    normals: Floats,
    until_s: float,
    times_s: Floats,
    size_of: Ints,
    expired: Ints,
) -> tuple[int, int, int, int]:
    """Do what ``ipa.simulator.engine.serve`` does, on arrays; numba compiles it.

    ``free_s`` is a heap and stays one; no batch starts before ``earliest_s``. ``times_s`` (rows start, end,
    free) and ``size_of`` take what was served, ``expired`` what was not. Returns how many entries are gone,
    were served and expired, and how many batches there were.
    """
    waiting, replicas = len(entered_s), len(free_s)
    head = served = late = drawn = 0
    while head < waiting:
        start = entered_s[head] + wait_s
        full = head + batch
        if full <= waiting:
            start = min(start, entered_s[full - 1])
        else:
            full = waiting
        start = max(start, free_s[0], earliest_s)
        if start >= until_s:
            break
        if deadline_s[head] < start:
            expired[late] = head
            late += 1
            head += 1
            continue
        stop, found = head + 1, -1
        while stop < full and entered_s[stop] <= start:
            if found < 0 and deadline_s[stop] < start:
                found = stop
            stop += 1
        if found >= 0:
            moved_entered, moved_deadline, moved = entered_s[found], deadline_s[found], visit[found]
            for i in range(found, head, -1):
                entered_s[i], deadline_s[i], visit[i] = entered_s[i - 1], deadline_s[i - 1], visit[i - 1]
            entered_s[head], deadline_s[head], visit[head] = moved_entered, moved_deadline, moved
            expired[late] = head
            late += 1
            head += 1
            continue
        size = stop - head
        since = free_s[0]
        end = start + (scale_s[size] * math.exp(spread[size] * normals[drawn]) + dispatch_s)
        if end <= start:
            end = np.nextafter(start, np.inf)
        drawn += 1
        place, child = 0, 1
        while child < replicas:
            if child + 1 < replicas and free_s[child + 1] < free_s[child]:
                child += 1
            if free_s[child] >= end:
                break
            free_s[place] = free_s[child]
            place, child = child, 2 * child + 1
        free_s[place] = end
        for i in range(served, served + size):
            times_s[0, i] = start
            times_s[1, i] = end
            times_s[2, i] = since
            size_of[i] = size
        served += size
        head = stop
    return head, served, late, drawn


@cache
def _compile_loop() -> Callable[..., tuple[int, int, int, int]]:
    try:
        from numba import njit
    except ImportError as error:
        raise MissingExtraError("numba, which compiles the simulator,", "fast") from error
    compile_: Callable[..., Any] = njit(cache=True)
    compiled: Callable[..., tuple[int, int, int, int]] = compile_(_serve_arrays)
    return compiled


def compiled_serve() -> Serve:
    """Return the compiled loop; a MissingExtraError if numba is not installed."""
    _compile_loop()
    return _serve


def compiled_or_none() -> Serve | None:
    """Return the compiled loop; None if numba is not installed."""
    try:
        return compiled_serve()
    except MissingExtraError:
        return None


def _serve(
    line: WaitingLine,
    policy: BatchPolicy,
    times: ServiceTimes,
    pool: ReplicaPool,
    normals: Floats,
    until_s: float,
) -> Served:
    waiting = len(line)
    free_s = np.array(pool.free_s)
    times_s, size_of, expired = (
        np.empty((3, waiting)),
        np.empty(waiting, dtype=np.int64),
        np.empty(waiting, dtype=np.int64),
    )
    head, served, late, batches = _compile_loop()(
        line.entered_s,
        line.deadline_s,
        line.visit,
        policy.batch,
        policy.wait_s,
        times.scales,
        times.spreads,
        times.dispatch_s,
        free_s,
        pool.earliest_s,
        normals,
        until_s,
        times_s,
        size_of,
        expired,
    )
    pool.free_s[:] = free_s.tolist()
    start_s, end_s, since_s = times_s[:, :served]
    return Served(head, expired[:late], batches, start_s, end_s, since_s, size_of[:served])
