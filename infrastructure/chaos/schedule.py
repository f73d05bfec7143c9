"""When what happens: drawn from a seed, the same for the same seed and length."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from infrastructure.chaos.kinds import KINDS, Kind, KindName

RECOVERY_S = 10.0
"""Time after a fault that counts as its own: what is worse than usual then is explained by it."""

SHORTEST_RUN_S = 60.0

CALM_SHARE, LONGEST_CALM_S = 0.1, 30.0
"""Part of a run before the first event and after the last, at most so long: to compare with, to recover."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is to happen.

    Parameters
    ----------
    kind
        What.
    number
        How many of its kind come before it; chooses what it hits.
    due_s
        When, after the first request was due.
    lasts_s
        How long what it takes away stays away.
    """

    kind: KindName
    number: int
    due_s: float
    lasts_s: float


class _Span(NamedTuple):
    first_s: float
    end_s: float


def make_schedule(duration_s: float, seed: int = 0) -> tuple[Event, ...]:
    """Return all events of a run, by their times.

    One fault follows the other, in a random order, and each has the time to recover to itself as far as the
    length of the run allows. Changes of the plan come at any time but while the API server is away: nobody
    could ask for one then.

    Parameters
    ----------
    duration_s
        Length of the load.
    seed
        Of order and times.

    Raises
    ------
    ValueError
        If the run is too short for all kinds of events.
    """
    if duration_s < SHORTEST_RUN_S:
        raise ValueError(f"a run lasts at least {SHORTEST_RUN_S:g} s, not {duration_s:g} s")
    rng = np.random.default_rng(seed)
    calm_s = min(LONGEST_CALM_S, CALM_SHARE * duration_s)
    span = _Span(calm_s, duration_s - calm_s)
    faults = tuple(_faults(span, duration_s, rng))
    changes = _changes(span, duration_s, faults, rng)
    return tuple(sorted((*faults, *changes), key=lambda event: event.due_s))


def _faults(span: _Span, duration_s: float, rng: np.random.Generator) -> Iterator[Event]:
    kinds = [kind for kind in KINDS.values() if kind.is_fault for _ in range(kind.count_in(duration_s))]
    order = [kinds[place] for place in rng.permutation(len(kinds))]
    lasts_s = [kind.lasts_in(duration_s) for kind in order]
    free_s = span.end_s - span.first_s - sum(lasts_s)
    recovery_s = min(RECOVERY_S, free_s / len(order))
    # Where recoveries take all that is free, what is left may be a little less than nothing.
    rest_s = _parts(max(0.0, free_s - recovery_s * len(order)), len(order), rng)
    numbers: dict[KindName, int] = {}
    now_s = span.first_s
    for kind, takes_s, spare_s in zip(order, lasts_s, rest_s, strict=True):
        now_s += spare_s
        number = numbers[kind.name] = numbers.get(kind.name, -1) + 1
        yield Event(kind.name, number, round(now_s, 3), takes_s)
        now_s += takes_s + recovery_s


def _parts(whole_s: float, count: int, rng: np.random.Generator) -> list[float]:
    """Return a time cut at random into so many parts."""
    cuts = np.sort(rng.uniform(0.0, whole_s, count))
    return [float(part_s) for part_s in np.diff(cuts, prepend=0.0)]


def _changes(
    span: _Span, duration_s: float, faults: tuple[Event, ...], rng: np.random.Generator
) -> Iterator[Event]:
    kind: Kind = KINDS["plan-change"]
    closed = [
        _Span(event.due_s, event.due_s + event.lasts_s + RECOVERY_S)
        for event in faults
        if event.kind == "api-server-down"
    ]
    count = kind.count_in(duration_s)
    step_s = (span.end_s - span.first_s) / count
    for number in range(count):
        due_s = span.first_s + step_s * (number + float(rng.uniform()))
        for one in closed:
            if one.first_s <= due_s < one.end_s:
                due_s = one.end_s
        yield Event(kind.name, number, round(due_s, 3), 0.0)
