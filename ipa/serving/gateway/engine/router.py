"""Where visits go: along a chain, or through a graph that thins, multiplies and joins them."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from ipa.pipeline.pipeline import Pipeline
from ipa.serving.gateway.engine.request import Request, Visit, VisitState
from ipa.serving.gateway.engine.stage_queue import StageQueue
from ipa.serving.gateway.engine.wiring import Wiring
from ipa.simulator.itinerary import Itinerary, Leg

BLOCK = 64
"""Requests whose itineraries are drawn at once: drawing one takes as long as drawing many."""


class Router:
    """Sends visits into stages, as the simulator does (``ipa.simulator`` on graphs).

    Parameters
    ----------
    pipeline
        The stages and what leads where.
    seed
        Of the draws that thin and multiply; they are those of a simulation with the same seed.
    ended
        Is told of every request that ends.
    """

    def __init__(self, pipeline: Pipeline, seed: int, ended: Callable[[Request], None]) -> None:
        self._itinerary = Itinerary(pipeline, seed)
        self._ended = ended
        self.wiring = Wiring(pipeline, self._itinerary.most_visits)
        stages = range(len(pipeline.stages))
        # What comes to a join is known when all visits have ended that could lead to it.
        self._awaited = {
            place: frozenset(self._itinerary.leading_to(place))
            for place in stages
            if self._itinerary.joins[place]
        }
        self._ways = [self._ways_from(place) for place in stages]
        self._queues: Sequence[StageQueue] = ()
        self._drawn = lru_cache(maxsize=8)(self._draw)

    def _ways_from(self, place: int) -> list[tuple[int, Leg | None]]:
        """Return where visits to a stage may lead, in the order of the stages; to a join, without an edge."""
        ways: list[tuple[int, Leg | None]] = [
            (leg.target, leg) for leg in self._itinerary.out_of(place) if leg.target not in self._awaited
        ]
        ways += [(join, None) for join, awaited in self._awaited.items() if place in awaited]
        return sorted(ways, key=lambda way: way[0])

    def connect(self, queues: Sequence[StageQueue]) -> None:
        """Say where the stages are."""
        self._queues = queues

    def start(self, request: Request) -> None:
        """Draw the itinerary of a request and let it enter the first stage."""
        visits = self._visits(request.number)
        request.total = sum(visits)
        request.missing = {
            join: sum(visits[before] for before in awaited)
            for join, awaited in self._awaited.items()
            if visits[join]
        }
        self._enter(request, 0, None, request.arrival_s)

    def _visits(self, number: int) -> tuple[int, ...]:
        block, nth = divmod(number, BLOCK)
        return self._drawn(block)[nth]

    def _draw(self, block: int) -> list[tuple[int, ...]]:
        drawn = self._itinerary.visits(np.arange(block * BLOCK, (block + 1) * BLOCK))
        return list(zip(*(stage.tolist() for stage in drawn), strict=True))

    def _enter(self, request: Request, place: int, cause: Visit | None, now_s: float) -> None:
        inputs = self.wiring.inputs(place, request, cause)
        visit = Visit(request, place, len(request.visits[place]), inputs, cause, now_s)
        request.visits[place].append(visit)
        request.present += 1
        self._queues[place].enter(visit)

    def follow(self, visit: Visit, now_s: float) -> None:
        """Send on what follows from a visit that has been served."""
        request = visit.request
        request.ended += 1
        if not request.recalled:
            for target, leg in self._ways[visit.place]:
                for _ in range(self._copies(leg, visit) if leg else self._come_together(target, request)):
                    self._enter(request, target, visit, now_s)
        request.present -= 1
        if request.in_flight and request.ended == request.total:
            request.end_s, request.outcome = now_s, "ok"
            request.outputs = self.wiring.answer(request)
            self._ended(request)

    def _come_together(self, join: int, request: Request) -> int:
        """Count a visit that a join waits for; return 1 if it was the last one, else 0."""
        if join not in request.missing:
            return 0
        request.missing[join] -= 1
        return int(request.missing[join] == 0)

    def _copies(self, leg: Leg, visit: Visit) -> int:
        """Return how many visits an edge sends after one."""
        if leg.factor == 1:
            return 1
        numbers = np.array([visit.request.number]), np.array([visit.nth])
        return int(self._itinerary.copies(leg, *numbers)[0])

    def recall(self, request: Request) -> None:
        """Let nothing more follow from a request, and take what waits of it out of the queues."""
        request.recalled = True
        for queue, visits in zip(self._queues, request.visits, strict=True):
            for visit in visits:
                if visit.state is VisitState.WAITING:
                    queue.withdraw(visit)
                    request.present -= 1
