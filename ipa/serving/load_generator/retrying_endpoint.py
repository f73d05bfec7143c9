"""A model behind several connections: requests take turns among them, and another turn where one fails."""

import asyncio
from collections.abc import Sequence
from itertools import count

from ipa.serving.load_generator.endpoint import Endpoint, Failure, Stamp
from ipa.serving.payloads import Input
from ipa.serving.v2 import Answer, Tensor

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
"""Time before a request is sent again, doubled each time up to the longest; the server may ask for more."""


class RetryingEndpoint:
    """A model behind several connections.

    Parameters
    ----------
    connections
        One endpoint each, all of the same model.
    retries
        How often a request is sent again that failed and may be.
    timeout_s
        Seconds after which a request is given up, all its turns together.
    """

    def __init__(self, connections: Sequence[Endpoint], retries: int, timeout_s: float) -> None:
        self._connections, self._retries, self._timeout_s = tuple(connections), retries, timeout_s
        self._turns = count()

    async def inputs(self) -> tuple[Input, ...]:
        """Return the inputs that the model describes."""
        return await self._connections[0].inputs()

    def prepare(self, items: Sequence[Sequence[Tensor]]) -> None:
        """Take the payloads that requests will carry."""
        for connection in self._connections:
            connection.prepare(items)

    async def send(self, item: int, request_id: str, stamp: Stamp) -> Answer | Failure:
        """Send one request, again if it fails and may be, and return what came of it."""
        came: Answer | Failure = Failure("timeout")
        try:
            async with asyncio.timeout(self._timeout_s):
                for again in range(self._retries + 1):
                    came = await self._next().send(item, request_id, stamp)
                    if isinstance(came, Answer) or came.again_after_s is None or again == self._retries:
                        break
                    await asyncio.sleep(max(came.again_after_s, pause_before_s(again)))
        except TimeoutError:
            return Failure("timeout", came.stage, came.message) if isinstance(came, Failure) else came
        return came

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(connection.close() for connection in self._connections))

    def _next(self) -> Endpoint:
        return self._connections[next(self._turns) % len(self._connections)]


def pause_before_s(again: int) -> float:
    """Return the time to wait before a request is sent again that has been sent again so many times.

    Examples
    --------
    >>> [pause_before_s(again) for again in (0, 1, 2, 9)]
    [0.05, 0.1, 0.2, 1.0]
    """
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**again))
