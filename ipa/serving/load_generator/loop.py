"""An event loop that wakes up when it should: asyncio's usual one rounds every wait up to a millisecond."""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

NS = 1_000_000_000


def run_precisely(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own that waits to the microsecond.

    ``epoll`` counts its waits in milliseconds, ``select`` in microseconds, and for the few connections of a
    load generator one is as good as the other.
    """
    with asyncio.Runner(loop_factory=_select_loop) as runner:
        return runner.run(main)


def _select_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def sleep_until_ns(due_ns: int) -> None:
    """Return when ``time.monotonic_ns`` shows a time; others have their turn even if that is over."""
    await asyncio.sleep(max(due_ns - time.monotonic_ns(), 0) / NS)
