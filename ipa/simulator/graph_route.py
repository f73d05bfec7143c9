"""How visits go through a graph of stages: thinned, multiplied, and joined again, request by request."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.pipeline.pipeline import Pipeline
from ipa.results.requests import DROPPED, IN_FLIGHT, NONE, OK, StageRecords
from ipa.simulator.itinerary import Itinerary
from ipa.simulator.log import NOBODY, RequestLog, grow
from ipa.simulator.records import StageNames, stage_records
from ipa.simulator.route import Renumber
from ipa.simulator.visits import Coming, StageVisits, VisitLog, together, visits_of


@dataclass(slots=True)
class _Progress:
    """How far each request is.

    Parameters
    ----------
    total
        Visits that it will make if none is dropped, shape (n,).
    ended, present
        Visits that have ended, and that are in the pipeline, shape (n,).
    last_s
        When the latest of those that have ended did, shape (n,).
    dropped_visit
        Number of the visit whose drop ended it, in the stage that the log names, shape (n,).
    """

    total: Ints
    ended: Ints
    present: Ints
    last_s: Floats
    dropped_visit: Ints

    def keep(self, first: int, size: int) -> None:
        """Make all columns ``size`` long after removing the first entries."""
        for column, fill in zip(fields(self), (0, 0, 0, 0.0, NONE), strict=True):
            setattr(self, column.name, grow(getattr(self, column.name)[first:], size, fill))


class GraphRoute:
    """Every request has an itinerary of its own; see the package for what stages do with it.

    Parameters
    ----------
    pipeline
        A graph.
    log
        Of the requests.
    seed
        Of the simulation.
    """

    def __init__(self, pipeline: Pipeline, log: RequestLog, seed: int) -> None:
        self._log, self._itinerary = log, Itinerary(pipeline, seed)
        stages = len(pipeline.stages)
        self.logs = tuple(VisitLog() for _ in range(stages))
        self._coming: list[list[Coming]] = [[] for _ in range(stages)]
        self._progress = _Progress(NOBODY, NOBODY, NOBODY, np.empty(0), NOBODY)
        # What comes to a join is known when all visits have ended that could lead to it.
        self._awaited = [
            self._itinerary.leading_to(place) if joins else ()
            for place, joins in enumerate(self._itinerary.joins)
        ]
        # Per stage and request: visits that have entered; for a stage that joins, what it still waits for,
        # and whether anything will come.
        self._entered: list[Ints] = [NOBODY] * stages
        self._missing: list[Ints] = [NOBODY] * stages
        self._happens: list[NDArray[np.bool_]] = [np.empty(0, dtype=np.bool_)] * stages
        self._touched: list[Ints] = []
        self._last_s = 0.0
        self._forgotten = 0

    def offer(self, request: Ints) -> None:
        """Draw the itineraries of new requests."""
        self._resize(0, len(self._log.arrival_s))
        visits = self._itinerary.visits(request + self._forgotten)
        self._progress.total[request] = np.sum(visits, axis=0)
        for place, joins in enumerate(self._itinerary.joins):
            if joins:
                self._happens[place][request] = visits[place] > 0
                self._missing[place][request] = sum(visits[before] for before in self._awaited[place])

    def arrive(self, request: Ints, at_s: Floats) -> None:
        """Let requests enter the first stage."""
        nothing = np.full(len(request), NONE, dtype=np.int64)
        self._coming[0].append(Coming(request, at_s, nothing, nothing))

    def enter(self, place: int) -> tuple[Ints, Ints, Floats]:
        """Return what has come, or what has come together."""
        coming = together(self._coming[place])
        self._coming[place] = []
        if self._itinerary.joins[place]:
            coming = self._join(place, coming)
        np.add.at(self._progress.present, coming.request, 1)
        visit = self.logs[place].add(coming, self._nth(place, coming.request))
        return visit, coming.request, coming.at_s

    def _join(self, place: int, coming: Coming) -> Coming:
        """Return a visit for each request of which the last missing one has come."""
        np.subtract.at(self._missing[place], coming.request, 1)
        _, from_end = np.unique(coming.request[::-1], return_index=True)
        last = np.sort(len(coming.request) - 1 - from_end)
        who = coming.request[last]
        return coming.at(last[(self._missing[place][who] == 0) & self._happens[place][who]])

    def _nth(self, place: int, request: Ints) -> Ints:
        if self._itinerary.most_visits[place] == 1:
            return np.zeros(len(request), dtype=np.int64)
        order = np.argsort(request, kind="stable")
        ordered = request[order]
        first = np.searchsorted(ordered, ordered, side="left")
        nth = np.empty(len(request), dtype=np.int64)
        nth[order] = np.arange(len(request)) - first
        nth += self._entered[place][request]
        np.add.at(self._entered[place], request, 1)
        return nth

    def leave(self, place: int, visit: Ints, at_s: Floats) -> None:
        """Send on what follows from visits; every join that waits for them counts them as ended."""
        if not len(visit):
            return
        log, progress = self.logs[place], self._progress
        request = log.request[visit]
        log.left[visit] = True
        np.add.at(progress.ended, request, 1)
        np.subtract.at(progress.present, request, 1)
        np.maximum.at(progress.last_s, request, at_s)
        self._touched.append(request)
        self._last_s = max(self._last_s, at_s[-1])
        source = np.full(len(visit), place, dtype=np.int64)
        leaving = Coming(request, at_s, source, visit)
        for join, awaited in enumerate(self._awaited):
            if place in awaited:
                self._coming[join].append(leaving)
        for leg in self._itinerary.out_of(place):
            if not self._itinerary.joins[leg.target]:
                copies = self._itinerary.copies(leg, request + self._forgotten, log.nth[visit])
                self._coming[leg.target].append(leaving.at(np.repeat(np.arange(len(visit)), copies)))

    def drop(self, place: int, visit: Ints, at_s: Floats) -> int:
        """Write visits that expired: the earliest one ends its request; the others go on without effect."""
        if not len(visit):
            return 0
        visit, at_s = visit[order := np.argsort(at_s, kind="stable")], at_s[order]
        request = self.logs[place].request[visit]
        np.subtract.at(self._progress.present, request, 1)
        request, first = np.unique(request, return_index=True)
        visit, at_s = visit[first], at_s[first]
        known = self._log.outcome[request] == DROPPED
        earliest = ~known | (at_s < self._log.end_s[request])
        self._log.drop(request[earliest], at_s[earliest], place)
        self._progress.dropped_visit[request[earliest]] = visit[earliest]
        return int(np.count_nonzero(~known))

    def finish(self) -> tuple[int, float]:
        """Write the requests of which every visit has ended."""
        if not self._touched:
            return 0, self._last_s
        request = np.unique(np.concatenate(self._touched))
        self._touched = []
        request = request[self._progress.ended[request] == self._progress.total[request]]
        self._log.finish(request, self._progress.last_s[request])
        return len(request), self._last_s

    def present(self) -> NDArray[np.bool_]:
        """Return which requests have not ended, or were dropped while other visits go on."""
        n = self._log.requests
        return np.equal(self._log.outcome[:n], IN_FLIGHT) | (self._progress.present[:n] > 0)

    def records(self, names: StageNames, now_s: float, count: int) -> tuple[StageRecords, ...]:
        """Return per stage the visit on the slowest path, else the one that ended last."""
        told = [_last_visits(log, count) for log in self.logs]
        on_path = self._follow_back(told, count)
        return tuple(
            stage_records(
                name,
                variants,
                log,
                told[place],
                ~log.left[told[place]] & (log.end_s[told[place]] >= now_s),
                np.bincount(log.request[: log.visits], minlength=count)[:count].astype(np.int32),
                on_path[place],
            )
            for place, ((name, variants), log) in enumerate(zip(names, self.logs, strict=True))
        )

    def _follow_back(self, told: list[Ints], count: int) -> list[NDArray[np.bool_]]:
        """Follow each ended request back from its last visit, and tell of the visits on that path."""
        ends_s = np.array([log.end_s[visit] for log, visit in zip(self.logs, told, strict=True)])
        ends_s = np.where(np.isnan(ends_s) | (np.array(told) == NONE), -np.inf, ends_s)
        outcome = self._log.outcome[:count]
        stage = np.where(outcome == OK, ends_s.argmax(axis=0), self._log.dropped_stage[:count])
        last = np.array(told)[stage, np.arange(count)]
        visit = np.where(outcome == OK, last, self._progress.dropped_visit[:count])
        on_path: list[NDArray[np.bool_]] = [np.zeros(count, dtype=np.bool_) for _ in told]
        for place in reversed(range(len(told))):
            here = on_path[place]
            here |= stage == place
            told[place][here] = visit[here]
            log = self.logs[place]
            stage = np.where(here, log.cause_stage[told[place]], stage)
            visit = np.where(here, log.cause[told[place]], visit)
        return on_path

    def visits(self, names: StageNames) -> tuple[StageVisits, ...]:
        """Return the account of each stage."""
        return tuple(
            visits_of(name, log, log.request[: log.visits], np.arange(log.visits))
            for (name, _), log in zip(names, self.logs, strict=True)
        )

    def forget(self, count: int) -> list[Renumber]:
        """Remove the first requests and all their visits."""
        numbers = [log.forget_requests(count) for log in self.logs]
        for log in self.logs:
            for place, new in enumerate(numbers):
                here = log.cause_stage == place
                log.cause[here] = new[log.cause[here]]
        for place, new in enumerate(numbers):
            here = self._log.dropped_stage == place
            self._progress.dropped_visit[here] = new[self._progress.dropped_visit[here]]
        self._resize(count, len(self._log.arrival_s))
        self._forgotten += count
        return [new.__getitem__ for new in numbers]

    def _resize(self, first: int, size: int) -> None:
        """Make all columns ``size`` long after removing the first entries."""
        if not first and size == len(self._progress.total):
            return
        self._progress.keep(first, size)
        for place in range(len(self.logs)):
            self._entered[place] = grow(self._entered[place][first:], size, 0)
            self._missing[place] = grow(self._missing[place][first:], size, 0)
            self._happens[place] = grow(self._happens[place][first:], size, False)


def _last_visits(log: VisitLog, count: int) -> Ints:
    """Return per request the visit that ended last; one that has not ended counts as later."""
    last = np.full(count, NONE, dtype=np.int64)
    visit = np.flatnonzero(log.request[: log.visits] < count)
    end_s = log.end_s[visit]
    visit = visit[np.argsort(np.where(np.isnan(end_s), np.inf, end_s), kind="stable")]
    last[log.request[visit]] = visit
    return last
