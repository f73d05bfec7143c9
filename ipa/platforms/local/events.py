"""What happened to the processes of a live pipeline, and when."""

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

EventKind = Literal[
    "starting",
    "ready",
    "start-failed",
    "released",
    "drained",
    "stopped",
    "died",
    "hung",
    "plan",
    "in-force",
    "plan-refused",
]

TROUBLE: frozenset[EventKind] = frozenset({"start-failed", "died", "hung", "plan-refused"})
"""Events that nobody asked for."""

KEPT = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a process.

    Parameters
    ----------
    time_s
        When, on the pipeline's clock.
    kind
        What.
    subject
        Name of the process, or of the stage.
    detail
        More about it, in words.
    """

    time_s: float
    kind: EventKind
    subject: str
    detail: str = ""


class EventLog:
    """The latest events, oldest first; those that nobody asked for are logged as warnings.

    Parameters
    ----------
    now
        The pipeline's clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._counts: Counter[EventKind] = Counter()

    def add(self, kind: EventKind, subject: str, detail: str = "") -> None:
        """Write down what happened now."""
        event = Event(self._now(), kind, subject, detail)
        self._kept.append(event)
        self._counts[kind] += 1
        level = logging.WARNING if kind in TROUBLE else logging.INFO
        _log.log(level, "%8.3f s: %s %s%s", event.time_s, subject, kind, f": {detail}" if detail else "")

    def shift(self, by_s: float) -> None:
        """Move what happened so far on the clock, which was set anew: by so many seconds into the past."""
        self._kept = deque((replace(event, time_s=event.time_s - by_s) for event in self._kept), KEPT)

    def events(self) -> tuple[Event, ...]:
        """Return the latest events."""
        return tuple(self._kept)

    def count(self, kind: EventKind) -> int:
        """Return how often something happened, also beyond what is kept."""
        return self._counts[kind]
