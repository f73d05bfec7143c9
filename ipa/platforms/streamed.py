"""A pipeline in the simulator under a load too long to hold: arrivals and accounts come in chunks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ipa.errors import InvalidValueError
from ipa.platforms.simulator_platform import SimulatorPlatform
from ipa.simulator import RequestRecords, SimulationSettings
from ipa.workload import arrival_times

CHUNK_S = 600
"""Seconds whose arrivals are drawn at once."""

COLLECT_REQUESTS = 100_000
"""Requests in the simulator's books from which on those that have ended are handed over."""


class StreamedPlatform(SimulatorPlatform):
    """Runs a pipeline against a rate per second; what it keeps does not grow with the length of the run.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,).
    settings
        Of the simulator.
    take
        Called with the account of requests that have ended, in the order of their arrival, each once.
    seed
        Seed of the arrivals.
    window_s
        Seconds of history that an observation shows.
    arrivals
        ``poisson`` or ``uniform``: how the requests of a second are spread over it.
    """

    def __init__(
        self,
        rates_rps: NDArray[np.int64],
        settings: SimulationSettings,
        take: Callable[[RequestRecords], None],
        seed: int = 0,
        window_s: int = 120,
        arrivals: str = "poisson",
    ) -> None:
        if arrivals not in ("poisson", "uniform"):
            raise InvalidValueError(
                f"arrivals {arrivals!r} reach beyond their second; a streamed run takes poisson or uniform"
            )
        super().__init__(settings, window_s)
        self._rates_rps, self._take = rates_rps, take
        self._rng, self._process = np.random.default_rng([seed, 1]), arrivals
        self._arrivals_s: NDArray[np.float64] = np.empty(0)
        self._drawn_s = 0
        self._kept = 0

    def sleep_until(self, time_s: float) -> None:
        """Simulate up to ``time_s``."""
        while self._drawn_s < min(time_s, len(self._rates_rps)):
            self._draw()
        end = int(np.searchsorted(self._arrivals_s, time_s, side="left"))
        self.simulator.offer(self._arrivals_s[:end])
        self._arrivals_s = self._arrivals_s[end:]
        self.simulator.advance(time_s)
        self._now_s = time_s
        self._kept += end
        if self._kept >= COLLECT_REQUESTS:
            self._hand_over()

    def _requests_per_second(self, first: int, end: int) -> NDArray[np.int64]:
        return self._rates_rps[first:end]

    def drain(self) -> None:
        """Take the requests that are still to arrive, let all in flight finish and hand all over."""
        self.sleep_until(float(len(self._rates_rps)))
        self.simulator.drain()
        self._take(self.simulator.records())

    def _draw(self) -> None:
        chunk = self._rates_rps[self._drawn_s : self._drawn_s + CHUNK_S]
        new_s = self._drawn_s + arrival_times(chunk, self._process, self._rng)
        # Beside a large offset a fraction can round up to the next second.
        second = np.repeat(np.arange(self._drawn_s, self._drawn_s + len(chunk), dtype=np.float64), chunk)
        new_s = np.minimum(new_s, np.nextafter(second + 1, 0))
        self._arrivals_s = np.concatenate((self._arrivals_s, new_s))
        self._drawn_s += len(chunk)

    def _hand_over(self) -> None:
        done = self.simulator.collect()
        self._kept -= len(done.arrival_s)
        if len(done.arrival_s):
            self._take(done)
