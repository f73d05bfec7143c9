"""What really happened, and which times it explains."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infrastructure.chaos.kinds import KINDS, KindName
from infrastructure.chaos.schedule import RECOVERY_S

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was carried out, or could not be.

    Parameters
    ----------
    kind
        What happened.
    target
        What it hit.
    began_s, ended_s
        From when to when it lasted, on the clock of the load. Its recovery follows.
    problem
        Why it could not be carried out; empty if it was.
    in_force_s
        How long a change of the plan took until all shards served it; None for other events, and for one that
        was replaced by the next before that.
    """

    kind: KindName
    target: str
    began_s: float
    ended_s: float
    problem: str = ""
    in_force_s: float | None = None

    @property
    def is_fault(self) -> bool:
        """Whether requests may suffer from it."""
        return KINDS[self.kind].is_fault

    @property
    def recovered_s(self) -> float:
        """When its window ends."""
        return self.ended_s + RECOVERY_S

    def touches(self, first_s: Floats, end_s: Floats) -> Bools:
        """Return which of some intervals have a part in its window."""
        return (first_s <= self.recovered_s) & (end_s >= self.began_s)


def explained(happened: Iterable[Happened], first_s: Floats, end_s: Floats) -> Bools:
    """Return which of some intervals have a part in the window of a fault."""
    found = np.zeros(len(first_s), np.bool_)
    for event in happened:
        if event.is_fault:
            found |= event.touches(first_s, end_s)
    return found
