"""Where a replica that is measured runs, behind one small protocol."""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ipa.profiler.meter import Meter, ProcessMeter
from ipa.profiler.target import Target


@dataclass(frozen=True, slots=True)
class Replica:
    """A model server that is ready and serves nobody else.

    Parameters
    ----------
    send
        (batch size, number of the batch) -> answered; an answer that cannot be right is an IpaError.
    meter
        Looks at it and its machine; by default, at this machine only.
    start_up_s
        From asking for it until it was ready; NaN if it ran already.
    """

    send: Callable[[int, int], Awaitable[object]]
    meter: Meter = field(default_factory=ProcessMeter)
    start_up_s: float = math.nan


class ReplicaHost(Protocol):
    """What a platform does for the profiler."""

    def replica(self, target: Target) -> AbstractAsyncContextManager[Replica]:
        """Start a replica and keep it until the block ends, however it ends."""
        ...
