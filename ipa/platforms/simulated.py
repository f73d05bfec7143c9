"""A pipeline in the discrete-event simulator, on the simulator's clock."""

import numpy as np
from numpy.typing import NDArray

from ipa.platforms.simulator_platform import SimulatorPlatform
from ipa.simulator import RequestRecords, SimulationSettings


class SimulatedPlatform(SimulatorPlatform):
    """Runs a pipeline against arrivals that are known in advance.

    Parameters
    ----------
    arrivals_s
        When every request arrives, ascending, in seconds; shape (n,).
    settings
        Of the simulator.
    window_s
        Seconds of history that an observation shows.
    """

    def __init__(
        self, arrivals_s: NDArray[np.float64], settings: SimulationSettings, window_s: int = 120
    ) -> None:
        super().__init__(settings, window_s)
        self._arrivals_s = arrivals_s
        self._per_second = (
            np.bincount(arrivals_s.astype(np.int64)) if len(arrivals_s) else np.zeros(1, np.int64)
        )
        self._offered = 0

    def sleep_until(self, time_s: float) -> None:
        """Simulate up to ``time_s``."""
        end = int(np.searchsorted(self._arrivals_s, time_s, side="left"))
        self.simulator.offer(self._arrivals_s[self._offered : end])
        self.simulator.advance(time_s)
        self._offered, self._now_s = end, time_s

    def _requests_per_second(self, first: int, end: int) -> NDArray[np.int64]:
        seen = np.zeros(end - first, dtype=np.int64)
        counted = self._per_second[first:end]
        seen[: len(counted)] = counted
        return seen

    def teardown(self) -> None:
        """Take the requests that are still to arrive and let all in flight finish."""
        self.simulator.offer(self._arrivals_s[self._offered :])
        self._offered = len(self._arrivals_s)
        self.simulator.drain()

    def records(self) -> RequestRecords:
        """Return the account of every request."""
        return self.simulator.records()
