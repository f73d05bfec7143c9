"""How long requests took in the last interval, from what the pods of a gateway count."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

P99 = 0.99

PODS_KEPT = 128
"""Pods of one gateway, those that have gone included, of which it is remembered what they counted."""

LATENCY = "ipa_request_latency_seconds"
ENDED = "ipa_requests_ended"


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests that ended.

    Parameters
    ----------
    answered
        By the latency in seconds that they took at most, cumulative; infinity counts them all.
    failed
        Those that were not answered: dropped, refused or failed.
    """

    answered: Mapping[float, float] = field(default_factory=dict)
    failed: float = 0.0

    @property
    def ended(self) -> float:
        """All requests."""
        return self.answered.get(math.inf, 0.0) + self.failed

    def since(self, before: "Counts | None") -> "Counts":
        """Return what was counted since then; by somebody who has started anew, all that it counted."""
        if before is None or self.ended < before.ended or self.failed < before.failed:
            return self
        answered = {bound: count - before.answered.get(bound, 0.0) for bound, count in self.answered.items()}
        if any(count < 0 for count in answered.values()):
            return self
        return Counts(answered, self.failed - before.failed)

    def quantile_s(self, share: float = P99) -> float | None:
        """Return the latency that a share of the answered requests kept to; None if none was answered.

        Between two bounds it is interpolated, beyond the last one it is that bound.
        """
        total = self.answered.get(math.inf, 0.0)
        if total <= 0:
            return None
        rank, low_s, below = share * total, 0.0, 0.0
        for bound_s, count in sorted(self.answered.items()):
            if count >= rank:
                if math.isinf(bound_s):
                    break
                part = (rank - below) / (count - below) if count > below else 1.0
                return low_s + part * (bound_s - low_s)
            low_s, below = bound_s, count
        return low_s

    def missed(self, sla_s: float) -> float | None:
        """Return the share of requests that were not answered within the SLA; None if none has ended."""
        if self.ended <= 0:
            return None
        bounds_s = [bound_s for bound_s in self.answered if bound_s <= sla_s * (1 + 1e-9)]
        in_time = self.answered[max(bounds_s)] if bounds_s else 0.0
        return 1 - in_time / self.ended


def total(counts: Iterable[Counts]) -> Counts:
    """Return what several pods counted together."""
    answered: dict[float, float] = {}
    failed = 0.0
    for one in counts:
        failed += one.failed
        for bound_s, count in one.answered.items():
            answered[bound_s] = answered.get(bound_s, 0.0) + count
    return Counts(answered, failed)


def read_counts(metrics: str) -> Counts:
    """Return what a pod counted, from its metrics in the text format of Prometheus."""
    from prometheus_client.parser import text_string_to_metric_families

    answered: dict[float, float] = {}
    failed = 0.0
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == f"{LATENCY}_bucket":
                answered[float(sample.labels["le"])] = sample.value
            elif sample.name == f"{ENDED}_total" and sample.labels.get("outcome") != "ok":
                failed += sample.value
    return Counts(answered, failed)


class LatencyWatch:
    """Requests that ended since the last look, over all pods of a gateway."""

    def __init__(self) -> None:
        self._before: dict[str, Counts] = {}

    def look(self, metrics: Mapping[str, str]) -> Counts:
        """Return what was counted since the last look, and remember where it stands.

        Parameters
        ----------
        metrics
            What each pod tells, by its name. One that was there before the first look counts from then on;
            one that cannot be asked is left out, and counts for the time missed when it can be again.
        """
        now = {name: read_counts(text) for name, text in metrics.items()}
        found = total(
            counts.since(self._before.get(name, counts if not self._before else None))
            for name, counts in now.items()
        )
        # The latest last, so that pods that have long gone are forgotten first.
        kept = {name: counts for name, counts in self._before.items() if name not in now} | now
        self._before = dict(list(kept.items())[-PODS_KEPT:])
        return found
