"""What time it is, and who wants to be called when."""

import asyncio
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol


class Order(IntEnum):
    """What comes first of the things that are due at one instant, as in the simulator."""

    ENTER = 0
    DISPATCH = 1
    EXPIRE = 2


class Timer(Protocol):
    """Something that was to be done later."""

    def cancel(self) -> None:
        """Let it not be done."""
        ...


class Clock(Protocol):
    """Tells time and calls back."""

    def now_s(self) -> float:
        """Return the time in seconds."""
        ...

    def at(self, time_s: float, order: Order, action: Callable[[], None], /) -> Timer:
        """Call ``action`` at a time, or soon if it has passed, never from within this call."""
        ...


SHORTEST_TIMER_S = 0.001
"""uvloop rounds to whole milliseconds: a shorter timer would fire at once, too early, and again."""


class LoopClock:
    """The monotonic clock of this machine, in an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now_s(self) -> float:
        """Return the seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def at(self, time_s: float, _order: Order, action: Callable[[], None], /) -> Timer:
        """Call ``action`` at a time, at most about a millisecond late, or in the next turn of the loop."""
        left_s = time_s - time.monotonic()
        if left_s <= 0:
            return self._loop.call_soon(action)
        return self._loop.call_later(max(left_s, SHORTEST_TIMER_S), action)
