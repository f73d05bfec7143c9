"""What a run came to, and whether that is good enough."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infrastructure.chaos.account import Losses, Requests, find_losses, longest_gap_s
from infrastructure.chaos.happened import Floats, Happened, explained
from infrastructure.chaos.kinds import KINDS

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_AVAILABILITY = 0.995
MOST_P95_S = 0.25
MOST_OUTAGE_S = 10.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of answered requests from when they were due, in seconds.

    Parameters
    ----------
    requests
        How many there were.
    p50_s, p95_s, p99_s, max_s
        Quantiles, and the longest.
    """

    requests: int
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float

    @classmethod
    def of(cls, latency_s: Floats) -> "Latency":
        """Return the quantiles of some latencies; NaN of none."""
        if not len(latency_s):
            return cls(0, *[float("nan")] * 4)
        return cls(len(latency_s), *map(float, np.quantile(latency_s, (0.5, 0.95, 0.99, 1.0))))


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What an event did to the requests in its window.

    Parameters
    ----------
    happened
        The event.
    outage_s
        Longest time without any answer that has a part in the window.
    lost, sent_again
        Requests whose life touches the window: those without an answer, and those that needed several turns.
    p95_s
        Latency of the answered ones.
    """

    happened: Happened
    outage_s: float
    lost: int
    sent_again: int
    p95_s: float


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """What a run came to.

    Parameters
    ----------
    requests, answered
        Requests of the load, and those of them that were answered.
    sent_again
        Requests that needed several turns, under the same id.
    first_turn_share
        Share of requests that were answered at the first turn.
    losses
        Account of the others.
    calm, faulty
        Latencies outside and inside the windows of faults. Changes of the plan make no window.
    outage_s
        Longest time without any answer.
    lateness_p99_s
        By how much 1 % of the requests at least were sent later than due: what the load itself adds.
    events
        One entry per event, by their times.
    """

    requests: int
    answered: int
    sent_again: int
    first_turn_share: float
    losses: Losses
    calm: Latency
    faulty: Latency
    outage_s: float
    lateness_p99_s: float
    events: tuple[EventOutcome, ...]

    @property
    def availability(self) -> float:
        """Share of requests that were answered."""
        return self.answered / self.requests

    @property
    def not_carried_out(self) -> int:
        """Events that could not be carried out."""
        return sum(bool(event.happened.problem) for event in self.events)

    def bars(self) -> dict[str, bool]:
        """Return which of the bars are kept."""
        return {
            "every event carried out": self.not_carried_out == 0,
            "lost unexplained: 0": self.losses.unexplained == 0,
            "duplicated: 0": self.losses.duplicated == 0,
            "wrong answers: 0": self.losses.wrong == 0,
            f"availability >= {LEAST_AVAILABILITY:.1%}": self.availability >= LEAST_AVAILABILITY,
            f"p95 outside fault windows < {1000 * MOST_P95_S:g} ms": self.calm.p95_s < MOST_P95_S,
            f"longest outage <= {MOST_OUTAGE_S:g} s": self.outage_s <= MOST_OUTAGE_S,
        }

    def by_kind(self) -> pd.DataFrame:
        """Return a row per kind of event."""
        rows = [_kind_row(kind, self.events) for kind in KINDS]
        return pd.DataFrame([row for row in rows if row["events"]])

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        summary = {
            name: getattr(self, name)
            for name in (
                *("requests", "answered", "availability", "first_turn_share", "sent_again"),
                *("outage_s", "lateness_p99_s"),
            )
        }
        parts = {name: asdict(getattr(self, name)) for name in ("losses", "calm", "faulty")}
        events = [
            asdict(event.happened) | {key: value for key, value in asdict(event).items() if key != "happened"}
            for event in self.events
        ]
        kinds = self.by_kind().to_dict("records")
        return summary | {"bars": self.bars()} | parts | {"kinds": kinds, "events": events}


def judge(requests: Requests, happened: Sequence[Happened], journals: Sequence["pa.Table"]) -> ChaosOutcome:
    """Account for a run.

    Parameters
    ----------
    requests
        What the client saw.
    happened
        What was done meanwhile.
    journals
        What each gateway pod wrote down.
    """
    ordered = sorted(happened, key=lambda event: event.began_s)
    inside = explained(ordered, requests.due_s, requests.end_s)
    ok, again = requests.ok, requests.again > 0
    return ChaosOutcome(
        requests=len(ok),
        answered=int(ok.sum()),
        sent_again=int(again.sum()),
        first_turn_share=float((ok & ~again).mean()),
        losses=find_losses(requests, ordered, journals),
        calm=Latency.of(requests.latency_s[ok & ~inside]),
        faulty=Latency.of(requests.latency_s[ok & inside]),
        outage_s=longest_gap_s(requests, -np.inf, np.inf),
        lateness_p99_s=requests.lateness_p99_s,
        events=tuple(_event_outcome(requests, event) for event in ordered),
    )


def _event_outcome(requests: Requests, event: Happened) -> EventOutcome:
    touched = event.touches(requests.due_s, requests.end_s)
    return EventOutcome(
        event,
        longest_gap_s(requests, event.began_s, event.recovered_s),
        int((touched & ~requests.ok).sum()),
        int((touched & (requests.again > 0)).sum()),
        Latency.of(requests.latency_s[touched & requests.ok]).p95_s,
    )


def _kind_row(kind: str, events: Sequence[EventOutcome]) -> dict[str, Any]:
    ours = [event for event in events if event.happened.kind == kind]
    times_s = [took_s for event in ours if (took_s := event.happened.in_force_s) is not None]
    return {
        "kind": kind,
        "events": len(ours),
        "carried_out": sum(not event.happened.problem for event in ours),
        "lost": sum(event.lost for event in ours),
        "sent_again": sum(event.sent_again for event in ours),
        "longest_outage_s": max((event.outage_s for event in ours), default=0.0),
        "worst_p95_s": max((event.p95_s for event in ours), default=float("nan")),
        "in_force_median_s": float(np.median(times_s)) if times_s else None,
        "in_force_max_s": max(times_s, default=None),
    }
