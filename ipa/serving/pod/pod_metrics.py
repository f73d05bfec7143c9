"""Metrics of a gateway that also remember when exactly requests came."""

import math
from array import array
from collections import deque

import numpy as np
from prometheus_client import CollectorRegistry

from ipa.pipeline.pipeline import Pipeline
from ipa.serving.gateway.engine import Request
from ipa.serving.gateway.metrics import PipelineMetrics

CHUNK = 65_536
CHUNKS = 16
"""A million arrivals in 8 MB."""


class ArrivalTimes:
    """When requests arrived, the latest million of them, so that they can be counted by anybody's clock.

    Parameters
    ----------
    since_s
        From when on they are told.

    Examples
    --------
    >>> times = ArrivalTimes(since_s=10.0)
    >>> for time_s in (10.5, 12.0, 12.9):
    ...     times.add(time_s)
    >>> times.counts(zero_s=10.0, first_s=-1, end_s=4, now_s=13.5)
    [None, 1, 0, 2, None]
    """

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._chunks: deque[array[float]] = deque([array("d")])

    def add(self, time_s: float) -> None:
        """Take note of an arrival, none of which is earlier than the one before."""
        if len(self._chunks[-1]) >= CHUNK:
            self._chunks.append(array("d"))
            if len(self._chunks) > CHUNKS:
                self._since_s = math.nextafter(self._chunks.popleft()[-1], math.inf)
        self._chunks[-1].append(time_s)

    @property
    def latest_s(self) -> float:
        """When the latest request arrived; before the first one, since when they are told."""
        return self._chunks[-1][-1] if self._chunks[-1] else self._since_s

    def counts(self, zero_s: float, first_s: int, end_s: int, now_s: float) -> list[int | None]:
        """Return the arrivals in each second of a clock.

        Parameters
        ----------
        zero_s
            When that clock showed 0.
        first_s, end_s
            The first second, and the one after the last.
        now_s
            The time now.

        Returns
        -------
        A number per second; None for one that is not over, or of which not all arrivals are known.
        """
        edges_s = zero_s + np.arange(first_s, end_s + 1)
        total = np.zeros(len(edges_s), np.int64)
        for chunk in self._chunks:
            if chunk and chunk[-1] >= edges_s[0]:
                total += np.searchsorted(np.array(chunk), edges_s)
            elif chunk:
                total += len(chunk)
        counts = np.diff(total)
        return [
            int(count) if start_s >= self._since_s and start_s + 1 <= now_s else None
            for start_s, count in zip(edges_s, counts, strict=False)
        ]


class PodMetrics(PipelineMetrics):
    """Counts what the engine does, and remembers when requests came.

    Parameters
    ----------
    pipeline, registry
        As for all metrics of pipelines.
    times
        Where arrivals are noted.
    """

    def __init__(self, pipeline: Pipeline, registry: CollectorRegistry, times: ArrivalTimes) -> None:
        super().__init__(pipeline, registry)
        self._times = times

    def arrived(self, request: Request, /) -> None:
        """Count a request that came."""
        super().arrived(request)
        self._times.add(request.arrival_s)
