"""Histograms for Prometheus that cost next to nothing to fill: they are put together when somebody asks."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Buckets:
    """Counts values by the first bound that is not below them.

    Parameters
    ----------
    bounds
        Ascending.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Tell how many values there are up to each bound, and their sum."""
        names = map(floatToGoString, (*self._bounds, math.inf))
        family.add_metric(labels, list(zip(names, accumulate(self._counts), strict=True)), self._sum)


class Histogram:
    """Values of one kind, of each stage or of the whole pipeline.

    Parameters
    ----------
    name, text
        Of the metric.
    bounds
        Of its buckets, ascending.
    stages
        Names of the stages; empty: one histogram of the whole pipeline.

    Attributes
    ----------
    of
        Where values are counted, by the position of the stage.
    """

    def __init__(self, name: str, text: str, bounds: Sequence[float], stages: Sequence[str] = ()) -> None:
        self._name, self._text, self._stages = name, text, tuple(stages)
        self.of = [Buckets(bounds) for _ in self._stages or ("",)]

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Return what was counted so far."""
        family = HistogramMetricFamily(self._name, self._text, labels=["stage"] if self._stages else [])
        labels = [[stage] for stage in self._stages] or [[]]
        for buckets, label in zip(self.of, labels, strict=True):
            buckets.add_to(family, label)
        yield family
