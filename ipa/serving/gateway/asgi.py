"""Around the REST app: bodies of bounded size, and nobody works for a client that is gone."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ipa.serving.v2.client import MAX_MESSAGE_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


MOST_VALUES = 1_000_000
"""Values in a JSON body: while they are parsed, a third of a second for so many, nobody else is served."""

MOST_THROWN_AWAY_BYTES = 4 * MAX_MESSAGE_BYTES
"""Of a body that is refused so much is read before its connection is closed."""


class BoundedRequests:
    """Reads the body of each request before the app sees it, and cancels the app if the client goes.

    Parameters
    ----------
    app
        What answers.

    Attributes
    ----------
    last_ones
        Whether connections end after the next answer.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.last_ones = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            # MLServer would unpack it into memory, however large that gets.
            await _answer(send, 415, "send the body as it is, not compressed")
            return
        body = await _read(headers, receive)
        if body is None:
            rest = None if b"expect" in headers else receive
            await _answer(send, 413, f"the body is larger than {MAX_MESSAGE_BYTES} bytes", rest)
            return
        if body.count(b",") > MOST_VALUES:
            problem = (
                f"more than {MOST_VALUES:,} values (commas) in JSON; send tensors of that size over gRPC"
            )
            await _answer(send, 413, problem)
            return
        await self._serve(scope, body, receive, _closing(send) if self.last_ones else send)

    async def _serve(
        self, scope: MutableMapping[str, Any], body: bytes, receive: Receive, send: Send
    ) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        gone = asyncio.ensure_future(_until_gone(receive))

        async def replay() -> Message:
            if messages:
                return messages.pop()
            await asyncio.shield(gone)
            return {"type": "http.disconnect"}

        serving = asyncio.ensure_future(self._app(scope, replay, send))
        try:
            await asyncio.wait({serving, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            serving.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            results = await asyncio.gather(serving, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]


def _closing(send: Send) -> Send:
    """Return what sends an answer after which the connection ends."""

    async def send_last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return send_last


async def _read(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """Return the body; None if it is too large."""
    told = headers.get(b"content-length", b"0")
    if told.isdigit() and int(told) > MAX_MESSAGE_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_MESSAGE_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, problem: str, rest: Receive | None = None) -> None:
    """Refuse a request; what is still to come of its body is read if it is not too much.

    A client whose connection is closed while it sends sees that and not the answer.
    """
    body = f'{{"error":"{problem}"}}'.encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if rest is not None:
        await _throw_away(rest)
    await send({"type": "http.response.body", "body": b""})


async def _throw_away(receive: Receive) -> None:
    size, more = 0, True
    while more and size < MOST_THROWN_AWAY_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
