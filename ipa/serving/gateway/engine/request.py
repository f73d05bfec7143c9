"""A request, and its visits to the stages."""

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Literal

from ipa.serving.v2 import Tensor

Outcome = Literal["in-flight", "ok", "dropped", "error"]


class VisitState(Enum):
    """Where a visit is."""

    WAITING = "waiting"
    SERVING = "serving"
    ENDED = "ended"
    GONE = "gone"
    """Dropped, failed or recalled."""


class Visit:
    """One visit of a request to a stage.

    Parameters
    ----------
    request
        Whose visit it is.
    place
        Position of the stage.
    nth
        How many visits of the request had entered the stage before.
    inputs
        What the stage's model gets.
    cause
        The visit whose end led here; None for the first one.
    enter_s
        When it entered the stage.
    """

    __slots__ = (
        "batch",
        "cause",
        "deadline_s",
        "end_s",
        "enter_s",
        "free_s",
        "inputs",
        "nth",
        "order",
        "outputs",
        "place",
        "request",
        "start_s",
        "state",
        "tries",
        "variant",
    )

    def __init__(
        self,
        request: "Request",
        place: int,
        nth: int,
        inputs: Sequence[Tensor],
        cause: "Visit | None",
        enter_s: float,
    ) -> None:
        self.request, self.place, self.nth, self.cause, self.enter_s = request, place, nth, cause, enter_s
        self.inputs: Sequence[Tensor] = inputs
        self.outputs: Sequence[Tensor] = ()
        self.state = VisitState.WAITING
        self.deadline_s = math.inf
        self.order = 0
        """Place in the order of entry to the stage."""
        self.tries = 0
        """Batches with it that failed."""
        self.free_s = self.start_s = self.end_s = math.nan
        """Since when the replica had been free; begin and end of the service."""
        self.batch = 0
        self.variant = ""


class Request:
    """One call of the pipeline.

    Parameters
    ----------
    number
        How many requests came before it.
    request_id
        What the client calls it.
    inputs
        What came with it.
    arrival_s
        When it came.
    stages
        How many stages the pipeline has.
    on_end
        Is called once, when the request has ended.
    """

    __slots__ = (
        "arrival_s",
        "end_s",
        "ended",
        "id",
        "inputs",
        "lost",
        "message",
        "missing",
        "number",
        "on_end",
        "outcome",
        "outputs",
        "place",
        "present",
        "reason",
        "recalled",
        "settled",
        "total",
        "visits",
        "way",
    )

    def __init__(
        self,
        number: int,
        request_id: str,
        inputs: Sequence[Tensor],
        arrival_s: float,
        stages: int,
        on_end: "Callable[[Request], None]",
    ) -> None:
        self.number, self.id, self.arrival_s, self.on_end = number, request_id, arrival_s, on_end
        self.inputs: Sequence[Tensor] = inputs
        self.outputs: Sequence[Tensor] = ()
        self.visits: list[list[Visit]] = [[] for _ in range(stages)]
        self.outcome: Outcome = "in-flight"
        self.reason = self.message = ""
        self.place = -1
        """Position of the stage in which it ended badly."""
        self.end_s = math.nan
        self.total = self.ended = self.present = 0
        """Visits that it makes if none is lost, that have ended, and that wait or are served now."""
        self.missing: dict[int, int] = {}
        """Per stage that joins and will be entered: visits that have to end before."""
        self.lost: Visit | None = None
        """The visit that was not served, with which it ended badly."""
        self.recalled = False
        """Whether nothing shall follow from its visits any more."""
        self.settled = False
        """Whether nothing of it is in the pipeline any more."""
        self.way: tuple[list[Visit | None], list[Visit]] | None = None
        """What ``path`` found, once that is for good."""

    @property
    def in_flight(self) -> bool:
        """Whether it has not ended."""
        return self.outcome == "in-flight"

    def first_expired(self, lost: Visit, now_s: float) -> Visit:
        """Return the visit of the earliest stage that expires with one, in the same instant."""
        waiting = (
            visit
            for visits in self.visits[: lost.place]
            for visit in visits
            if visit.state is VisitState.WAITING and visit.deadline_s <= now_s
        )
        return next(waiting, lost)

    def release(self) -> None:
        """Let go of all tensors, and of what would keep the visits in memory until they are searched for."""
        self.inputs = self.outputs = ()
        for visits in self.visits:
            for visit in visits:
                visit.inputs = visit.outputs = ()
                del visit.request

    def path(self) -> tuple[list[Visit | None], list[Visit]]:
        """Return what the records of a run tell of it.

        Returns
        -------
        told
            Per stage the visit on its slowest path, else the one that ended last; None if there was none.
        slowest
            The visits that lead from its arrival to its end without a gap, the last one first.
        """
        if self.way is not None:
            return self.way
        told = [_last_ended(visits) for visits in self.visits]
        visit = self.lost
        if self.outcome == "ok":
            visit = max((one for one in told if one), key=_end)
        slowest = []
        while visit is not None:
            slowest.append(visit)
            told[visit.place] = visit
            visit = visit.cause
        if self.outcome == "ok":
            self.way = told, slowest
        return told, slowest


def _last_ended(visits: Sequence[Visit]) -> Visit | None:
    """Return the visit that ended last; of those that ended at one instant, the one that entered last."""
    if len(visits) < 2:
        return visits[0] if visits else None
    return max(reversed(visits), key=_end)


def _end(visit: Visit) -> float:
    return math.inf if math.isnan(visit.end_s) else visit.end_s
