"""Which replicas are slow, and when each one dies.

Drawn by counting, not in sequence: the numbers of a replica depend on the seed, its stage and its own number
only, so they are the same however a simulation is cut into steps, and service times do not depend on them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ipa.simulator.settings import ClusterSettings

_MASK = (1 << 64) - 1
_SLOW, _LIFE = 1, 2


def uniform(*key: int) -> float:
    """Return a number in (0, 1) that depends on a key of whole numbers only (SplitMix64, chained).

    Examples
    --------
    >>> uniform(7, 0, 1) == uniform(7, 0, 1) != uniform(7, 0, 2)
    True
    """
    state = 0
    for part in key:
        state = (state + part + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return ((state >> 11) + 0.5) * 2.0**-53


def uniforms(*key: "int | NDArray[np.int64]") -> NDArray[np.float64]:
    """Return what ``uniform`` gives for each of many keys; parts that are arrays have one shape.

    Examples
    --------
    >>> uniforms(7, np.array([0, 1]), 1).tolist() == [uniform(7, 0, 1), uniform(7, 1, 1)]
    True
    """
    state = np.zeros(1, dtype=np.uint64)
    for part in key:
        number = part.astype(np.uint64) if isinstance(part, np.ndarray) else np.uint64(part & _MASK)
        state = state + number + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


@dataclass(slots=True)
class Failure:
    """How one replica fails: how slow it is, and when it crashes next.

    Parameters
    ----------
    number
        Its number among all replicas that its stage ever had.
    factor
        How many times as long as others it takes for a batch.
    dies_s
        When it dies next; infinity never.
    deaths
        How often it has died.
    """

    number: int
    factor: float
    dies_s: float
    deaths: int = 0


class Failures:
    """Draws how the replicas of one stage fail.

    Parameters
    ----------
    seed
        Seed of the simulation.
    stage
        Index of the stage.
    cluster
        How many replicas are slow, how slow, and how long they live.
    """

    def __init__(self, seed: int, stage: int, cluster: ClusterSettings) -> None:
        self._seed, self._stage, self._cluster = seed, stage, cluster
        self._replicas = 0

    def next(self, up_s: float) -> Failure:
        """Return how a new replica fails that is up from a time on."""
        number, self._replicas = self._replicas, self._replicas + 1
        slow = uniform(self._seed, self._stage, _SLOW, number) < self._cluster.straggler_share
        factor = self._cluster.straggler_factor if slow else 1.0
        return Failure(number, factor, up_s + self._life_s(number, 0))

    def restart(self, failure: Failure, up_s: float) -> None:
        """Let a replica that died be up again from a time on."""
        failure.deaths += 1
        failure.dies_s = up_s + self._life_s(failure.number, failure.deaths)

    def _life_s(self, number: int, deaths: int) -> float:
        if self._cluster.mean_life_s == math.inf:
            return math.inf
        return -math.log(uniform(self._seed, self._stage, _LIFE, number, deaths)) * self._cluster.mean_life_s
