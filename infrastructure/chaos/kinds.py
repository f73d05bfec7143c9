"""What is done to a pipeline and to the cluster under it."""

from dataclasses import dataclass
from typing import Literal

KindName = Literal[
    "plan-change",
    "pod-kill",
    "controller-kill",
    "gateway-restart",
    "api-server-down",
    "prometheus-down",
    "node-drain",
    "etcd-compaction",
]

FULL_S = 900.0
"""Length of the run that the numbers below are for."""

SHORTEST_S = 5.0
"""What lasts, lasts at least so long, however short the run."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event.

    Parameters
    ----------
    name
        Its name.
    count
        How often it happens in a run of full length.
    lasts_s
        How long what it takes away stays away; 0: it is over at once, and the cluster recovers by itself.
    is_fault
        Whether requests may suffer from it. A change of plan is everyday work: none may.
    """

    name: KindName
    count: int
    lasts_s: float = 0.0
    is_fault: bool = True

    def count_in(self, duration_s: float) -> int:
        """Return how often it happens in a run of some length, at least once."""
        return max(1, round(self.count * duration_s / FULL_S))

    def lasts_in(self, duration_s: float) -> float:
        """Return how long it lasts in a run of some length."""
        if not self.lasts_s:
            return 0.0
        return max(SHORTEST_S, self.lasts_s * min(1.0, duration_s / FULL_S))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("plan-change", 30, is_fault=False),
        Kind("pod-kill", 10),
        Kind("controller-kill", 3),
        Kind("gateway-restart", 2),
        Kind("api-server-down", 1, lasts_s=30.0),
        Kind("prometheus-down", 1, lasts_s=60.0),
        Kind("node-drain", 1, lasts_s=60.0),
        Kind("etcd-compaction", 1),
    )
}
