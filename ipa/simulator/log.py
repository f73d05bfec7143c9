"""Where a simulation writes what happens to each request: one growing array per quantity."""

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.results.requests import DROPPED, EXPIRED, IN_FLIGHT, NONE, OK

if TYPE_CHECKING:
    from ipa.simulator.line import Served

Scalar = TypeVar("Scalar", bound=np.generic)


NOBODY: Ints = np.empty(0, dtype=np.int64)
"""No requests, or no visits."""


class StageLog:
    """What happened to each visit to a stage; NaN, 0 and ``NONE`` where it has not happened."""

    COLUMNS = ("enter_s", "start_s", "end_s", "free_s", "batch", "variant")

    def __init__(self) -> None:
        self.enter_s: Floats = np.empty(0)
        self.start_s: Floats = np.empty(0)
        self.end_s: Floats = np.empty(0)
        self.free_s: Floats = np.empty(0)
        self.batch: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self.variant: NDArray[np.int16] = np.empty(0, dtype=np.int16)

    def grow(self, size: int) -> None:
        """Make room for visits."""
        if size == len(self.enter_s):
            return
        self.enter_s = grow(self.enter_s, size, np.nan)
        self.start_s = grow(self.start_s, size, np.nan)
        self.end_s = grow(self.end_s, size, np.nan)
        self.free_s = grow(self.free_s, size, np.nan)
        self.batch = grow(self.batch, size, 0)
        self.variant = grow(self.variant, size, NONE)

    def serve(self, visit: Ints, served: "Served", variant: int) -> None:
        """Write the service of visits, one value per visit in each array."""
        self.start_s[visit] = served.start_s
        self.end_s[visit] = served.end_s
        self.free_s[visit] = served.free_s
        self.batch[visit] = served.size
        self.variant[visit] = variant

    def forget(self, count: int, size: int) -> None:
        """Remove the first visits of ``size``."""
        for column in (self.enter_s, self.start_s, self.end_s, self.free_s):
            _shift(column, count, size, np.nan)
        _shift(self.batch, count, size, 0)
        _shift(self.variant, count, size, NONE)


class RequestLog:
    """What happened to each request."""

    def __init__(self) -> None:
        self.requests = 0
        self.arrival_s: Floats = np.empty(0)
        self.end_s: Floats = np.empty(0)
        self.outcome: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        self.reason: NDArray[np.int8] = np.empty(0, dtype=np.int8)
        self.dropped_stage: NDArray[np.int16] = np.empty(0, dtype=np.int16)

    def add(self, arrival_s: Floats) -> Ints:
        """Write new requests and return their numbers."""
        first, self.requests = self.requests, self.requests + len(arrival_s)
        if self.requests > len(self.arrival_s):
            self._grow(max(self.requests, 2 * len(self.arrival_s)))
        self.arrival_s[first : self.requests] = arrival_s
        return np.arange(first, self.requests)

    def finish(self, request: Ints, end_s: Floats) -> None:
        """Write answered requests."""
        self.end_s[request] = end_s
        self.outcome[request] = OK

    def drop(self, request: Ints, end_s: Floats, stage: int) -> None:
        """Write requests that expired in a stage."""
        if not len(request):
            return
        self.end_s[request] = end_s
        self.outcome[request] = DROPPED
        self.reason[request] = EXPIRED
        self.dropped_stage[request] = stage

    def forget(self, count: int) -> None:
        """Remove the first requests; the numbers of all others fall by ``count``."""
        for column in (self.arrival_s, self.end_s):
            _shift(column, count, self.requests, np.nan)
        _shift(self.outcome, count, self.requests, IN_FLIGHT)
        _shift(self.reason, count, self.requests, NONE)
        _shift(self.dropped_stage, count, self.requests, NONE)
        self.requests -= count

    def _grow(self, size: int) -> None:
        self.arrival_s = grow(self.arrival_s, size, np.nan)
        self.end_s = grow(self.end_s, size, np.nan)
        self.outcome = grow(self.outcome, size, IN_FLIGHT)
        self.reason = grow(self.reason, size, NONE)
        self.dropped_stage = grow(self.dropped_stage, size, NONE)


def grow(values: NDArray[Scalar], size: int, fill: float) -> NDArray[Scalar]:
    """Return an array with room for more entries; the same one if there is."""
    if size == len(values):
        return values
    longer = np.full(size, fill, dtype=values.dtype)
    longer[: len(values)] = values
    return longer


def _shift(values: NDArray[Scalar], count: int, size: int, fill: float) -> None:
    """Move the first ``size`` values forward over the first ``count``."""
    values[: size - count] = values[count:size]
    values[size - count : size] = cast("Scalar", fill)
