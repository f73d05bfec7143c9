"""A pipeline in the discrete-event simulator, on the simulator's clock."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ipa.limits import DELAY_S
from ipa.platforms.base import Conditions, PlatformSettings
from ipa.platforms.simulator_platform import SimulatorPlatform
from ipa.simulator import ClusterSettings, RequestRecords, SimulationSettings
from ipa.simulator.settings import IDEAL, EngineName


class SimulatedPlatform(SimulatorPlatform):
    """Runs a pipeline against arrivals that are known in advance.

    Parameters
    ----------
    settings
        Of the simulator.
    window_s
        Seconds of history that an observation shows.
    counted_after_s
        Time that a request takes to whoever counts it: one that is due at the end of a second is counted in
        the next one.
    """

    def __init__(
        self, settings: SimulationSettings, window_s: int = 120, counted_after_s: float = 0.0
    ) -> None:
        super().__init__(settings, window_s)
        self._counted_after_s = counted_after_s
        self._arrivals_s: NDArray[np.float64] = np.empty(0)
        self._per_second = np.zeros(1, dtype=np.int64)
        self._offered = 0

    def offer(self, arrivals_s: NDArray[np.float64]) -> None:
        """Take a load: when every request arrives, ascending, in seconds; shape (n,)."""
        self._arrivals_s = arrivals_s
        if len(arrivals_s):
            self._per_second = np.bincount((arrivals_s + self._counted_after_s).astype(np.int64))

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

    def core_seconds(self) -> float:
        """Return what the replicas held so far, cores times seconds."""
        return self.simulator.running_core_seconds()

    def drain(self) -> None:
        """Take the requests that are still to arrive and let all in flight finish."""
        self.simulator.offer(self._arrivals_s[self._offered :])
        self._offered = len(self._arrivals_s)
        self.simulator.drain()

    def records(self) -> RequestRecords:
        """Return the account of every request."""
        return self.simulator.records()


@dataclass(frozen=True, slots=True)
class SimulatedSettings(PlatformSettings):
    """What is assumed where a pipeline is simulated.

    Parameters
    ----------
    service
        Service times drawn from a log-normal distribution, or deterministic.
    network_delay_s
        Seconds on the way into each stage and on the way back to the client.
    cluster
        What the cluster does to the pipeline.
    engine
        Of the simulator; all give the same bytes.
    """

    service: Literal["lognormal", "deterministic"] = "lognormal"
    network_delay_s: float = 0.0
    cluster: ClusterSettings = IDEAL
    engine: EngineName = field(default="python", compare=False)

    def __post_init__(self) -> None:
        DELAY_S.check("network_delay_s", self.network_delay_s)
        # 0 and -0.0 are the same run and have to have the same name.
        object.__setattr__(self, "network_delay_s", float(self.network_delay_s) + 0.0)
        self.simulation(Conditions())

    @property
    def core_limit(self) -> int | None:
        """Most cores that all replicas may hold together."""
        return self.cluster.core_limit

    def for_many_runs(self) -> "SimulatedSettings":
        """Return the settings with the compiled loop where it can be had: it costs a second to load."""
        return replace(self, engine="auto")

    def simulation(self, conditions: Conditions) -> SimulationSettings:
        """Return the settings of the simulator in an experiment."""
        return SimulationSettings(
            seed=conditions.seed,
            service=self.service,
            drop_after_s=conditions.drop_after_s,
            network_delay_s=self.network_delay_s,
            stage_drop_after_s=conditions.stage_drop_after_s,
            cluster=self.cluster,
            engine=self.engine,
        )

    def platform(self, conditions: Conditions) -> SimulatedPlatform:
        """Return a simulated platform for one experiment."""
        return SimulatedPlatform(self.simulation(conditions))
