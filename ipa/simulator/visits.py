"""Visits to a stage of a graph: the log of each, and the account that a user gets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.arrays import Floats, Ints
from ipa.results.requests import NONE
from ipa.simulator.log import NOBODY, StageLog, grow


@dataclass(frozen=True, slots=True)
class StageVisits:
    """What happened to each visit to a stage.

    Parameters
    ----------
    stage
        Name of the stage.
    request
        Number of the request of each visit, shape (v,).
    enter_s, start_s, end_s
        When it entered the queue, and when its service began and ended, in seconds, shape (v,); NaN for a
        visit that was dropped.
    batch
        Visits served together with it, shape (v,); 0 if dropped.
    """

    stage: str
    request: Ints
    enter_s: Floats
    start_s: Floats
    end_s: Floats
    batch: NDArray[np.int32]


def visits_of(name: str, log: StageLog, request: Ints, visit: Ints) -> StageVisits:
    """Return the account of some visits of a log."""
    return StageVisits(
        name, request, log.enter_s[visit], log.start_s[visit], log.end_s[visit], log.batch[visit]
    )


@dataclass(frozen=True, slots=True)
class Coming:
    """Visits that enter a stage, or what a stage that joins waits for.

    Parameters
    ----------
    request
        Number of the request of each, shape (v,).
    at_s
        When it comes, shape (v,).
    cause_stage, cause
        Place and number of the visit that it follows from, shape (v,); ``NONE`` at the first stage.
    """

    request: Ints
    at_s: Floats
    cause_stage: Ints
    cause: Ints

    def at(self, chosen: Ints) -> "Coming":
        """Return some of them, in the order given."""
        return Coming(self.request[chosen], self.at_s[chosen], self.cause_stage[chosen], self.cause[chosen])


def together(parts: list[Coming]) -> Coming:
    """Return all in the order of time; what comes at the same instant in the order of the parts."""
    if not parts:
        return Coming(NOBODY, np.empty(0), NOBODY, NOBODY)
    columns = [(part.request, part.at_s, part.cause_stage, part.cause) for part in parts]
    whole = Coming(*map(np.concatenate, zip(*columns, strict=True)))
    return whole.at(np.argsort(whole.at_s, kind="stable"))


class VisitLog(StageLog):
    """What happened to each visit to a stage, in the order of entry; visit ``NONE`` has an empty entry."""

    def __init__(self) -> None:
        super().__init__()
        self.visits = 0
        self.request: Ints = NOBODY
        self.nth: Ints = NOBODY
        """How many visits of the same request had entered before."""
        self.cause_stage: Ints = NOBODY
        self.cause: Ints = NOBODY
        self.left: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        """Whether it has ended and what follows from it has been sent on."""
        self.grow(1)

    def add(self, coming: Coming, nth: Ints) -> Ints:
        """Write new visits and return their numbers."""
        first, self.visits = self.visits, self.visits + len(coming.request)
        if self.visits >= len(self.request):
            self.grow(max(self.visits + 1, 2 * len(self.request)))
        new = slice(first, self.visits)
        self.request[new], self.nth[new], self.enter_s[new] = coming.request, nth, coming.at_s
        self.cause_stage[new], self.cause[new] = coming.cause_stage, coming.cause
        return np.arange(first, self.visits)

    def grow(self, size: int) -> None:
        """Make room for visits."""
        super().grow(size)
        self.request, self.nth = grow(self.request, size, NONE), grow(self.nth, size, NONE)
        self.cause_stage, self.cause = grow(self.cause_stage, size, NONE), grow(self.cause, size, NONE)
        self.left = grow(self.left, size, False)

    def forget_requests(self, count: int) -> Ints:
        """Remove the visits of the first requests; return the new number of each visit, -1 if it is gone."""
        stays = self.request[: self.visits] >= count
        kept = np.flatnonzero(stays)
        for name in (*self.COLUMNS, "request", "nth", "cause_stage", "cause", "left"):
            setattr(self, name, getattr(self, name)[kept])
        self.request -= count
        self.visits = len(kept)
        self.grow(self.visits + 1)
        return np.where(stays, np.cumsum(stays) - 1, NONE)
