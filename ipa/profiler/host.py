"""Where a replica that is measured runs, behind one small protocol."""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import psutil

from ipa.profiler.target import Target


@dataclass(frozen=True, slots=True)
class Replica:
    """A model server that is ready and serves nobody else.

    Parameters
    ----------
    send
        (batch size, number of the batch) -> answered; an answer that cannot be right is an IpaError.
    process
        The process that serves, if it is one of this machine.
    start_up_s
        From asking for it until it was ready; NaN if it ran already.
    """

    send: Callable[[int, int], Awaitable[object]]
    process: psutil.Process | None = None
    start_up_s: float = math.nan


class ReplicaHost(Protocol):
    """What a platform does for the profiler."""

    def replica(self, target: Target) -> AbstractAsyncContextManager[Replica]:
        """Start a replica and keep it until the block ends, however it ends."""
        ...
