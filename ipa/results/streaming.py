"""Measures of runs that are too long to keep every request: what is kept does not grow with their number."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.results.decisions import DecisionRecord
from ipa.results.measures import p99_by_second
from ipa.results.requests import ERROR, RequestRecords
from ipa.results.switches import SwitchCounter


class LatencyHistogram:
    """Counts of positive values in bins whose width is a fixed share of the value.

    Parameters
    ----------
    error
        Largest relative error of a quantile.
    shortest_s, longest_s
        Values outside are counted in the first and the last bin.

    Examples
    --------
    >>> histogram = LatencyHistogram(error=0.01)
    >>> histogram.add(np.arange(1, 1001) / 100)
    >>> abs(histogram.quantile(0.5) / 5 - 1) <= 0.01, histogram.count
    (True, 1000)
    """

    def __init__(self, error: float = 0.001, shortest_s: float = 1e-4, longest_s: float = 1e4) -> None:
        if not 0 < error < 1 or not 0 < shortest_s < longest_s:
            raise InvalidValueError("error must lie between 0 and 1, and shortest_s below longest_s")
        self.error, self._shortest_s = error, shortest_s
        # A bin reaches from x to x(1 + e)/(1 - e); its representative is off by e at both ends.
        self._log_ratio = math.log((1 + error) / (1 - error))
        self._bins = np.zeros(math.ceil(math.log(longest_s / shortest_s) / self._log_ratio) + 1, np.int64)

    @property
    def count(self) -> int:
        """How many values were added."""
        return int(self._bins.sum())

    def add(self, values_s: NDArray[np.float64]) -> None:
        """Count values."""
        if not len(values_s):
            return
        place = np.log(np.maximum(values_s, self._shortest_s) / self._shortest_s) / self._log_ratio
        index = np.minimum(place.astype(np.int64), len(self._bins) - 1)
        self._bins += np.bincount(index, minlength=len(self._bins))

    def quantile(self, share: float) -> float:
        """Return a value that this share of all values does not exceed; NaN without values."""
        if not self.count:
            return math.nan
        rank = max(math.ceil(share * self.count), 1)
        index = int(np.searchsorted(np.cumsum(self._bins), rank))
        low_s = self._shortest_s * math.exp(index * self._log_ratio)
        return low_s * (1 + self.error)


@dataclass(slots=True)
class RunningMeasures:
    """Collects the figures of a run (``ipa.results.measures.Measures``) in chunks of whole seconds.

    Parameters
    ----------
    sla_s
        End-to-end SLA that violations are counted against.
    histogram
        Of the latencies of all answered requests.
    """

    sla_s: float
    histogram: LatencyHistogram = field(default_factory=LatencyHistogram)
    requests: int = 0
    answered: int = 0
    errors: int = 0
    in_time: int = 0
    latency_sum_s: float = 0.0
    late_seconds: int = 0
    seconds: int = 0
    second_p99: LatencyHistogram = field(default_factory=LatencyHistogram)
    steps: int = 0
    held_steps: int = 0
    applied_steps: int = 0
    switches: SwitchCounter = field(default_factory=SwitchCounter)
    cost_sum_cores: int = 0
    cost_max_cores: int = 0
    pas_sum: float = 0.0

    def add_requests(self, records: RequestRecords) -> None:
        """Count requests that all have ended; those of one second come in one chunk."""
        if not len(records.arrival_s):
            return
        latency_s = records.latency_s
        answered = ~np.isnan(latency_s)
        latency_s, arrival_s = latency_s[answered], records.arrival_s[answered]
        self.requests += len(records.arrival_s)
        self.answered += len(latency_s)
        self.errors += int(np.count_nonzero(records.outcome == ERROR))
        self.in_time += int(np.count_nonzero(latency_s <= self.sla_s))
        self.latency_sum_s += float(latency_s.sum())
        self.histogram.add(latency_s)
        first_s = math.floor(records.arrival_s[0])
        p99_s = p99_by_second(arrival_s - first_s, latency_s, math.floor(records.arrival_s[-1]) - first_s + 1)
        p99_s = p99_s[~np.isnan(p99_s)]
        self.second_p99.add(p99_s)
        self.seconds += len(p99_s)
        self.late_seconds += int(np.count_nonzero(p99_s > self.sla_s))

    def add_decision(self, record: DecisionRecord) -> None:
        """Count a step of the control loop."""
        self.steps += 1
        self.held_steps += record.action == "held"
        self.applied_steps += record.action == "applied"
        self.switches.add(record.plan)
        self.cost_sum_cores += record.cost_cores
        self.cost_max_cores = max(self.cost_max_cores, record.cost_cores)
        self.pas_sum += record.pas

    def summary(self) -> dict[str, Any]:
        """Return the figures; quantiles err by up to ``histogram.error``, the rest is exact."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "dropped": self.requests - self.answered - self.errors,
            "errors": self.errors,
            "violation_share": 1 - self.in_time / self.requests if self.requests else 0.0,
            "seconds_with_answers": self.seconds,
            "violating_seconds": self.late_seconds,
            "latency_mean_s": self.latency_sum_s / self.answered if self.answered else math.nan,
            "latency_p50_s": self.histogram.quantile(0.5),
            "latency_p99_s": self.histogram.quantile(0.99),
            "latency_p999_s": self.histogram.quantile(0.999),
            "second_p99_median_s": self.second_p99.quantile(0.5),
            "quantile_error": self.histogram.error,
            "steps": self.steps,
            "applied_steps": self.applied_steps,
            "held_steps": self.held_steps,
            "switches": self.switches.total,
            "changed_steps_share": self.switches.changed_steps_share,
            "cost_mean_cores": self.cost_sum_cores / max(self.steps, 1),
            "cost_max_cores": self.cost_max_cores,
            "pas_mean": self.pas_sum / max(self.steps, 1),
        }
