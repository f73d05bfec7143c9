"""What Prometheus tells about a pipeline that serves: arrivals per second, latencies, how requests ended.

A second that nobody measured is NaN, and what to do without Prometheus is decided in one place
(``FirstThatKnows``): the gateways have counted too, and if they cannot be asked either, nothing is known and
the adapter keeps its plan.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError, IpaError, MonitoringError

TIMEOUT_S = 2.0
"""Longest wait for an answer; the adapter waits for it in each of its steps."""

LONGEST_GAP_S = 2.5
"""Time between two samples of a counter above which the seconds between them count as not measured."""

LOOK_BACK_S = 5
"""Seconds before the first one asked for from which samples are taken, to know what was counted before it."""

SETTLING_S = 2
"""Seconds that pass until a second has been scraped by everybody."""

ANSWER_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one metric with one set of labels.

    Parameters
    ----------
    labels
        Names and values; the name of the metric is not among them.
    times_s, values
        Unix times, ascending, and what was measured then; shape (n,).
    """

    labels: Mapping[str, str]
    times_s: NDArray[np.float64]
    values: NDArray[np.float64]


def check_address(url: str) -> None:
    """Raise an InvalidValueError if a Prometheus cannot be at an address."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidValueError(
            f"{url!r} is no address of Prometheus; give one like http://prometheus.ipa-monitoring:9090"
        )


class Prometheus:
    """Asks a Prometheus.

    Parameters
    ----------
    url
        Where it is, for example ``http://prometheus.ipa-monitoring:9090``.
    timeout_s
        Longest wait for an answer.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        check_address(url)
        self.url, self._timeout_s = url.rstrip("/"), timeout_s

    def query(self, expression: str, time_s: float | None = None) -> list[Series]:
        """Return what an expression gives at a time, now by default: a sample per series, or all of a range.

        Raises
        ------
        MonitoringError
            If Prometheus does not answer, or does not understand the expression.
        """
        parameters = {"query": expression} | ({} if time_s is None else {"time": f"{time_s:.3f}"})
        data = self._ask("query", parameters)
        if data.get("resultType") not in {"vector", "matrix"}:
            raise MonitoringError(self.url, f"{expression} gives a {data.get('resultType')} and no series")
        return [_series(result) for result in data["result"]]

    def value(self, expression: str, time_s: float | None = None) -> float:
        """Return what an expression without labels gives; NaN if nothing."""
        found = self.query(expression, time_s)
        return float(found[0].values[-1]) if found else math.nan

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        # The scheme was looked at above.
        request = Request(f"{self.url}/api/v1/{what}", urlencode(parameters).encode())  # noqa: S310
        try:
            with urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
                body = answer.read(ANSWER_BYTES)
        except HTTPError as error:
            raise MonitoringError(self.url, _complaint(error)) from error
        except (OSError, HTTPException) as error:
            raise MonitoringError(self.url, f"it cannot be asked ({error})") from error
        try:
            return json.loads(body)["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise MonitoringError(self.url, "what answers there is no Prometheus") from error


def _complaint(error: HTTPError) -> str:
    """Return what Prometheus says is wrong."""
    try:
        return str(json.loads(error.read(ANSWER_BYTES))["error"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return f"it answers with status {error.code}"


def _series(result: Mapping[str, Any]) -> Series:
    samples = result["values"] if "values" in result else [result["value"]]
    labels = {name: value for name, value in result["metric"].items() if name != "__name__"}
    return Series(
        labels,
        np.array([float(time_s) for time_s, _ in samples]),
        np.array([float(value) for _, value in samples]),
    )


def counts_per_second(
    series: Iterable[Series], first_s: float, seconds: int, down: Iterable[Series] = ()
) -> NDArray[np.float64]:
    """Return how much all counters together counted in each second.

    Between two samples a counter is taken to have grown evenly; one that falls was restarted at zero. A
    second is NaN if no counter was read from its begin to its end, or if one that was read before and after
    it was not read in between for longer than ``LONGEST_GAP_S``. A counter counts nothing before its first
    sample and after its last one: it has come, or is gone.

    Parameters
    ----------
    series
        Samples of each counter, from before the first second on.
    first_s
        Unix time at which the first second begins.
    seconds
        How many there are.
    down
        Samples of whether the owners of the counters could be asked; in the seconds of a 0 one could not.

    Examples
    --------
    >>> read = Series({}, np.array([9.5, 10.5, 11.5, 16.0, 17.0]), np.array([0.0, 4.0, 8.0, 30.0, 34.0]))
    >>> counts_per_second([read], 10, 7)
    array([ 4., nan, nan, nan, nan, nan,  4.])
    """
    edges = first_s + np.arange(seconds + 1, dtype=np.float64)
    total, known, broken = (np.zeros(seconds, dtype) for dtype in (float, bool, bool))
    for one in series:
        if one.times_s.size:
            total += np.diff(np.interp(edges, one.times_s, _grown(one.values)))
            known |= (edges[:-1] >= one.times_s[0]) & (edges[1:] <= one.times_s[-1])
            broken |= _silent(one.times_s, edges)
    for one in down:
        failed = np.floor(one.times_s[one.values == 0] - first_s)
        broken |= np.isin(np.arange(seconds), failed)
    return np.where(known & ~broken, total, math.nan)


def _grown(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a counter has counted since its first sample, across restarts."""
    steps = np.diff(values)
    return np.concatenate([[0.0], np.cumsum(np.where(steps < 0, values[1:], steps))])


def _silent(times_s: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which seconds touch a gap between samples."""
    silent = np.zeros(edges.size - 1, bool)
    for gap in np.flatnonzero(np.diff(times_s) > LONGEST_GAP_S):
        silent |= (edges[1:] > times_s[gap]) & (edges[:-1] < times_s[gap + 1])
    return silent


@dataclass(frozen=True, slots=True)
class PipelineMonitoring:
    """What Prometheus knows of one pipeline.

    Parameters
    ----------
    prometheus
        Who is asked.
    pipeline
        Name of the pipeline, its label ``pipeline``.
    namespace
        Its label ``namespace``; empty if there is none, as where gateways are scraped without a cluster.
    """

    prometheus: Prometheus
    pipeline: str
    namespace: str = ""

    @property
    def name(self) -> str:
        """Who says it."""
        return f"Prometheus at {self.prometheus.url}"

    def counts(self, zero_s: float, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the requests that arrived in each second; NaN where that was not measured."""
        until_s = zero_s + end_s + SETTLING_S
        span = f"[{end_s + SETTLING_S - first_s + LOOK_BACK_S}s]"
        arrived = self.prometheus.query(f"ipa_requests_arrived_total{self._labels()}{span}", until_s)
        asked = self.prometheus.query(f"up{self._labels(job='ipa-gateway')}{span}", until_s)
        return counts_per_second(arrived, zero_s + first_s, end_s - first_s, down=asked)

    def latency_s(self, quantile: float, window_s: int = 60) -> float:
        """Return a quantile of the latency of the requests that were answered; NaN if there were none."""
        rates = f"sum by (le) (rate(ipa_request_latency_seconds_bucket{self._labels()}[{window_s}s]))"
        return self.prometheus.value(f"histogram_quantile({quantile}, {rates})")

    def outcomes_rps(self, window_s: int = 60) -> dict[tuple[str, str], float]:
        """Return how many requests ended per second, by outcome and reason."""
        rate = f"rate(ipa_requests_ended_total{self._labels()}[{window_s}s])"
        found = self.prometheus.query(f"sum by (outcome, reason) ({rate})")
        return {
            (one.labels.get("outcome", ""), one.labels.get("reason", "")): float(one.values[-1])
            for one in found
        }

    def violation_share(self, window_s: int = 60) -> float:
        """Return which share of the requests was not answered within the SLA; NaN if none ended."""
        labels = self._labels()
        ended = f"sum(rate(ipa_requests_ended_total{labels}[{window_s}s]))"
        buckets = f"rate(ipa_request_latency_seconds_bucket{labels}[{window_s}s])"
        in_time = f"sum({buckets} and on (job, instance, le) ipa_sla_seconds{labels})"
        return self.prometheus.value(f"1 - {in_time} / ({ended} > 0)")

    def _labels(self, **more: str) -> str:
        given = {"pipeline": self.pipeline, **more}
        if self.namespace:
            given["namespace"] = self.namespace
        # PromQL quotes as JSON does.
        return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in given.items()) + "}"


class ArrivalSource(Protocol):
    """Who can say how many requests arrived."""

    @property
    def name(self) -> str:
        """Who it is, as it may stand in a message."""
        ...

    def counts(self, zero_s: float, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the requests of each second; NaN where they were not counted.

        Parameters
        ----------
        zero_s
            Unix time at which the clock showed 0 by which seconds are counted.
        first_s, end_s
            The seconds; the last one is ``end_s - 1``.

        Raises
        ------
        IpaError
            If nobody answers.
        """
        ...


class FirstThatKnows:
    """Asks one source after the other, each for the seconds that those before it do not know.

    Parameters
    ----------
    sources
        Whom to ask, in this order.

    Attributes
    ----------
    note
        Of the latest question: who did not answer and who was taken instead; empty if the first one knew all.
    """

    def __init__(self, sources: Sequence[ArrivalSource]) -> None:
        self._sources, self.note = sources, ""

    def counts(self, zero_s: float, first_s: int, end_s: int) -> NDArray[np.float64]:
        """Return the requests of each second of a clock; NaN where nobody knows them."""
        counts = np.full(max(0, end_s - first_s), math.nan)
        said: list[str] = []
        for place, source in enumerate(self._sources):
            unknown = np.isnan(counts)
            if not unknown.any():
                break
            try:
                counts = np.where(unknown, source.counts(zero_s, first_s, end_s), counts)
            except IpaError as error:
                said.append(str(error))
                continue
            filled = int(np.count_nonzero((unknown & ~np.isnan(counts))[:-SETTLING_S]))
            if place and filled:
                said.append(f"{source.name} told the arrivals of {filled} seconds")
        self.note = "; ".join(said)
        return counts
