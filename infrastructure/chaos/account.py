"""What became of every request, beside what was done to the cluster meanwhile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infrastructure.chaos.happened import Bools, Floats, Happened, explained
from ipa.results.requests import IN_FLIGHT, OK, REASONS
from ipa.serving.load_generator import LoadAccount
from ipa.serving.load_generator.account import NOT_YET, SENT_AGAIN, WRONG

if TYPE_CHECKING:
    import pyarrow as pa

NS = 1e9


@dataclass(frozen=True, slots=True)
class Requests:
    """All requests of a load as their client saw them; times on the clock of the load, shape (n,).

    Parameters
    ----------
    ids
        Their ids.
    due_s, sent_s, end_s
        When each was due, was sent first, and ended; one that never was or did, at the end of time.
    ok
        Whether it was answered.
    ended
        Whether it ended at all.
    again
        How often it was sent again.
    wrong
        Whether its answer was not the one to it.
    reasons
        Why it failed; empty for one that did not.
    """

    ids: tuple[str, ...]
    due_s: Floats
    sent_s: Floats
    end_s: Floats
    ok: Bools
    ended: Bools
    again: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    wrong: Bools
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, account: LoadAccount) -> "Requests":
        """Return the requests of a load generator's account."""
        size = len(account)
        ended = (account.outcome != IN_FLIGHT) & (account.end_ns != NOT_YET)
        return cls(
            tuple(account.id(place) for place in range(size)),
            (account.due_ns - account.zero_ns) / NS,
            np.where(account.sent_ns != NOT_YET, (account.sent_ns - account.zero_ns) / NS, np.inf),
            np.where(ended, (account.end_ns - account.zero_ns) / NS, np.inf),
            account.outcome == OK,
            ended,
            account.numbers.get(SENT_AGAIN, np.zeros(size, np.int64)),
            account.right == WRONG,
            tuple("" if code < 0 else REASONS[code] for code in account.reason.tolist()),
        )

    @property
    def lateness_p99_s(self) -> float:
        """By how much the 99th percentile of them was sent later than due."""
        return float(np.quantile((self.sent_s - self.due_s)[np.isfinite(self.sent_s)], 0.99))

    @property
    def latency_s(self) -> Floats:
        """From when it was due to its end."""
        return self.end_s - self.due_s


@dataclass(frozen=True, slots=True)
class Losses:
    """Requests that ended badly.

    Parameters
    ----------
    lost
        Requests without an answer.
    unexplained
        Those of them that never ended, or whose life touches the window of no fault.
    reasons
        How many of them ended why.
    wrong
        Answers that were not those to the request.
    duplicated
        Requests that were served to their end more than once, or more than once by a stage.
    unseen
        Answered requests that no gateway's journal tells of: it was lost with its pod.
    """

    lost: int
    unexplained: int
    reasons: Mapping[str, int]
    wrong: int
    duplicated: int
    unseen: int


def find_losses(requests: Requests, happened: Sequence[Happened], journals: Iterable["pa.Table"]) -> Losses:
    """Account for every request.

    Parameters
    ----------
    requests
        What the client saw.
    happened
        What was done meanwhile.
    journals
        What each gateway pod wrote down; of one that was killed, what was read from it before.
    """
    lost = ~requests.ok
    inside = explained(happened, requests.due_s, requests.end_s)
    reasons = [reason or "no end" for reason, bad in zip(requests.reasons, lost, strict=True) if bad]
    served = _times_served(requests.ids, journals)
    return Losses(
        lost=int(lost.sum()),
        unexplained=int((lost & ~(inside & requests.ended)).sum()),
        reasons={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        wrong=int(requests.wrong.sum()),
        duplicated=int((served > 1).sum()),
        unseen=int((requests.ok & (served == 0)).sum()),
    )


def _times_served(
    ids: Sequence[str], journals: Iterable["pa.Table"]
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return how often each request was served: the most often by a stage, or to its end by all gateways."""
    place_of = {one: place for place, one in enumerate(ids)}
    times, most = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    for journal in journals:
        stages = [name for name in journal.column_names if name.endswith("_visits")]
        visits = np.array([journal.column(name).to_numpy() for name in stages])
        rows = zip(journal.column("id").to_pylist(), journal.column("outcome").to_pylist(), strict=True)
        for row, (one, outcome) in enumerate(rows):
            if (place := place_of.get(one)) is not None and outcome == "ok":
                times[place] += 1
                most[place] = max(most[place], *visits[:, row])
    return np.maximum(times, most)


def longest_gap_s(requests: Requests, first_s: float, end_s: float) -> float:
    """Return the longest time without any answer that has a part in an interval.

    Before the first request and after the last answer nothing is missed.
    """
    answered_s = np.sort(requests.end_s[requests.ok])
    edges_s = np.concatenate([[requests.due_s.min()], answered_s, [_last_s(requests)]])
    touches = (edges_s[:-1] <= end_s) & (edges_s[1:] >= first_s)
    gaps_s = np.diff(edges_s)[touches]
    return float(gaps_s.max()) if len(gaps_s) else 0.0


def _last_s(requests: Requests) -> float:
    """Return when the load was over: the last request had been due, or the last answer had come."""
    answered_s = requests.end_s[requests.ok]
    return float(max(requests.due_s.max(), answered_s.max(initial=0.0)))
