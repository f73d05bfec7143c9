"""Batches one after the other: the next is sent when the last one is answered."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import numpy as np

from ipa.arrays import Floats
from ipa.profiler.precision import StoppingRule, quantile_interval
from ipa.profiler.warm_up import BUDGET_SHARE, is_warm

Send = Callable[[int], Awaitable[object]]
"""Sends the batch of a number and returns once it is answered."""


@dataclass(frozen=True)
class Samples:
    """The batches of one point.

    Parameters
    ----------
    latencies_s
        What each took from sending to answer, in order, shape (n,).
    elapsed_s
        What all took together, with what lies between them.
    warm_up_batches
        Batches sent before, which do not count.
    warm
        Whether the warm-up ended because the replica was warm, and not because its time was over.
    """

    latencies_s: Floats
    elapsed_s: float
    warm_up_batches: int
    warm: bool


class ClosedLoop:
    """Sends batches to one replica and times them.

    Parameters
    ----------
    send
        Sends a batch.
    clock_s
        Seconds on a clock that never goes back.
    """

    def __init__(self, send: Send, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._send, self._clock_s, self._numbers = send, clock_s, count()

    async def measure(self, rule: StoppingRule, tell: Callable[[int, float], None]) -> Samples:
        """Warm the replica up, then send batches until the rule is content.

        Parameters
        ----------
        rule
            When to stop.
        tell
            Told now and then: batches so far, and the relative half width of the interval of the p99.
        """
        warm_up_batches, warm = await self._warm_up(rule.budget_s * BUDGET_SHARE)
        latencies_s: list[float] = []
        elapsed_s = 0.0
        while more := rule.next_batches(len(latencies_s), elapsed_s):
            begun_s = self._clock_s()
            latencies_s += [await self._batch_s() for _ in range(more)]
            elapsed_s += self._clock_s() - begun_s
            interval = quantile_interval(latencies_s)
            tell(interval.count, interval.relative_half_width)
            if rule.is_precise(interval):
                break
        return Samples(np.array(latencies_s), elapsed_s, warm_up_batches, warm)

    async def _warm_up(self, budget_s: float) -> tuple[int, bool]:
        latencies_s: list[float] = []
        begun_s = self._clock_s()
        while not is_warm(latencies_s):
            if latencies_s and self._clock_s() - begun_s >= budget_s:
                return len(latencies_s), False
            latencies_s.append(await self._batch_s())
        return len(latencies_s), True

    async def _batch_s(self) -> float:
        begun_s = self._clock_s()
        await self._send(next(self._numbers))
        return self._clock_s() - begun_s
