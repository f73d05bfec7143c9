"""Which stages of a graph a request visits, and how often: drawn by counting, from its number.

An edge of factor f sends floor(f) visits after each visit, and one more with probability f - floor(f). The
draw depends on the seed, the edge, the number of the request and which of its visits to the source it is, on
nothing else: a request has the same itinerary under every plan, and however a simulation is cut into steps.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipa.arrays import Ints
from ipa.errors import InvalidValueError
from ipa.pipeline.pipeline import Edge, Pipeline
from ipa.simulator.failures import uniforms

_COPIES = 1000
"""Marks the numbers that multiply visits; replicas use those of their stages."""

MOST_VISITS = 10_000
"""Visits that a request can make in all."""


@dataclass(frozen=True, slots=True)
class Leg:
    """An edge of the graph by position: its number, the places of its stages, and its factor."""

    number: int
    source: int
    target: int
    factor: float


class Itinerary:
    """Draws what follows from visits.

    Parameters
    ----------
    pipeline
        A graph.
    seed
        Of the simulation.

    Raises
    ------
    InvalidValueError
        If a request can make more than ``MOST_VISITS`` visits.
    """

    def __init__(self, pipeline: Pipeline, seed: int) -> None:
        place = {stage.name: number for number, stage in enumerate(pipeline.stages)}
        edges = pipeline.edges or tuple(
            Edge(one, name) for name, before in pipeline.predecessors().items() for one in before
        )
        self._seed, self.joins = seed, pipeline.joins()
        self.legs = tuple(
            Leg(number, place[edge.source], place[edge.target], edge.factor)
            for number, edge in enumerate(edges)
        )
        self.most_visits = self._most_visits()
        if (most := sum(self.most_visits)) > MOST_VISITS:
            raise InvalidValueError(
                f"a request to pipeline {pipeline.name} can make {most:,} visits; the simulator takes at most"
                f" {MOST_VISITS:,}: lower the rate factors"
            )

    def into(self, place: int) -> tuple[Leg, ...]:
        """Return the edges that lead to a stage."""
        return tuple(leg for leg in self.legs if leg.target == place)

    def out_of(self, place: int) -> tuple[Leg, ...]:
        """Return the edges that lead away from a stage."""
        return tuple(leg for leg in self.legs if leg.source == place)

    def leading_to(self, place: int) -> tuple[int, ...]:
        """Return all stages from which a way leads to a stage, ascending."""
        found = {place}
        for leg in sorted(self.legs, key=lambda leg: leg.target, reverse=True):
            if leg.target in found:
                found.add(leg.source)
        return tuple(sorted(found - {place}))

    def copies(self, leg: Leg, request: Ints, nth: Ints) -> Ints:
        """Return how many visits an edge sends after the nth visit of each request to its source.

        Parameters
        ----------
        leg
            The edge.
        request, nth
            Number of the request since the simulation began, and of the visit, from 0, shape (v,).
        """
        whole = math.floor(leg.factor)
        if leg.factor == whole:
            return np.full(len(request), whole, dtype=np.int64)
        more = uniforms(self._seed, _COPIES, leg.number, request, nth) < leg.factor - whole
        return whole + more.astype(np.int64)

    def visits(self, request: Ints) -> list[Ints]:
        """Return how often each request will visit each stage, per stage, if nothing of it is dropped."""
        visits = [np.ones(len(request), dtype=np.int64)]
        for place in range(1, len(self.joins)):
            came = np.zeros(len(request), dtype=np.int64)
            for leg in self.into(place):
                came += self._sent(leg, request, visits[leg.source])
            visits.append(np.minimum(came, 1) if self.joins[place] else came)
        return visits

    def _sent(self, leg: Leg, request: Ints, visits: Ints) -> Ints:
        """Return what an edge sends in all, for a number of visits to its source per request."""
        who = np.repeat(np.arange(len(request)), visits)
        nth = np.arange(len(who)) - np.repeat(np.cumsum(visits) - visits, visits)
        copies = self.copies(leg, request[who], nth)
        return np.bincount(who, weights=copies, minlength=len(request)).astype(np.int64)

    def _most_visits(self) -> list[int]:
        most = [1]
        for place in range(1, len(self.joins)):
            came = sum(most[leg.source] * math.ceil(leg.factor) for leg in self.into(place))
            most.append(1 if self.joins[place] else came)
        return most
