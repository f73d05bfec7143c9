"""How visits go from stage to stage: what the simulator asks of a chain and of a graph alike.

What stages serve are *visits*, known by numbers of their own in each stage. In a chain a request visits each
stage once, and its number is that of its visits; in a graph it may visit a stage often, or not at all.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.results.requests import IN_FLIGHT, StageRecords
from ipa.simulator.log import NOBODY, RequestLog, StageLog
from ipa.simulator.records import StageNames, stage_records
from ipa.simulator.visits import StageVisits, visits_of

Renumber = Callable[[Ints], Ints]
"""Turns old numbers of visits into new ones."""


class Route(Protocol):
    """Where visits come from and go to. ``place`` is the position of a stage."""

    @property
    def logs(self) -> Sequence[StageLog]:
        """What happens to the visits of each stage."""
        ...

    def offer(self, request: Ints, /) -> None:
        """Prepare for requests that were written to the log."""
        ...

    def arrive(self, request: Ints, at_s: Floats, /) -> None:
        """Let requests enter the first stage, in the order of time."""
        ...

    def enter(self, place: int, /) -> tuple[Ints, Ints, Floats]:
        """Return the visits that have come to a stage, in order, with their requests and times of entry."""
        ...

    def leave(self, place: int, visit: Ints, at_s: Floats, /) -> None:
        """Send on what follows from visits that have ended, in the order of time."""
        ...

    def drop(self, place: int, visit: Ints, at_s: Floats, /) -> int:
        """Write visits that expired in a stage; return how many requests that ends."""
        ...

    def finish(self) -> tuple[int, float]:
        """Write the requests answered since the last call: how many, and when the last visit ended."""
        ...

    def present(self) -> NDArray[np.bool_]:
        """Return per request whether it has not ended, or has visits in the pipeline still."""
        ...

    def records(self, names: StageNames, now_s: float, count: int, /) -> tuple[StageRecords, ...]:
        """Return what is known at a time of the first requests, per stage."""
        ...

    def visits(self, names: StageNames, /) -> tuple[StageVisits, ...]:
        """Return what happened to each visit, per stage."""
        ...

    def forget(self, count: int, /) -> list[Renumber]:
        """Forget the first requests, which are not present; return how to renumber each stage's visits."""
        ...


class ChainRoute:
    """Every request visits each stage once, one after the other.

    Parameters
    ----------
    log
        Of the requests.
    stages
        How many there are.
    """

    def __init__(self, log: RequestLog, stages: int) -> None:
        self._log = log
        self.logs = tuple(StageLog() for _ in range(stages))
        self._coming: tuple[Ints, Floats] = (NOBODY, np.empty(0))

    def offer(self, _request: Ints) -> None:
        """Make room in the log of each stage."""
        for stage in self.logs:
            stage.grow(len(self._log.arrival_s))

    def arrive(self, request: Ints, at_s: Floats) -> None:
        """Let requests enter the first stage."""
        self._coming = request, at_s

    def enter(self, place: int) -> tuple[Ints, Ints, Floats]:
        """Return the requests that left the stage before."""
        request, at_s = self._coming
        self.logs[place].enter_s[request] = at_s
        return request, request, at_s

    def leave(self, _place: int, visit: Ints, at_s: Floats) -> None:
        """Keep them for the next stage, or for the client."""
        self._coming = visit, at_s

    def drop(self, place: int, visit: Ints, at_s: Floats) -> int:
        """Write dropped requests."""
        self._log.drop(visit, at_s, place)
        return len(visit)

    def finish(self) -> tuple[int, float]:
        """Write the requests that left the last stage."""
        request, at_s = self._coming
        self._log.finish(request, at_s)
        return len(request), at_s.max(initial=0.0)

    def present(self) -> NDArray[np.bool_]:
        """Return which requests have not ended."""
        return np.equal(self._log.outcome[: self._log.requests], IN_FLIGHT)

    def records(self, names: StageNames, now_s: float, count: int) -> tuple[StageRecords, ...]:
        """Return what is known at a time; the end of a service that is still going on is not."""
        in_flight = self._log.outcome[:count] == IN_FLIGHT
        return tuple(
            stage_records(name, variants, stage, slice(count), in_flight & (stage.end_s[:count] >= now_s))
            for (name, variants), stage in zip(names, self.logs, strict=True)
        )

    def visits(self, names: StageNames) -> tuple[StageVisits, ...]:
        """Return the account of each stage, without the requests that have not come to it."""
        everyone = np.arange(self._log.requests)
        return tuple(
            visits_of(name, stage, request, request)
            for (name, _), stage in zip(names, self.logs, strict=True)
            for request in [everyone[~np.isnan(stage.enter_s[: self._log.requests])]]
        )

    def forget(self, count: int) -> list[Renumber]:
        """Let the numbers of all others fall."""
        for stage in self.logs:
            stage.forget(count, self._log.requests)
        return [lambda request: request - count] * len(self.logs)
