"""Sends a load in an open loop: every request when it is due, whatever comes back."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

from ipa.arrays import Ints
from ipa.errors import MissingExtraError
from ipa.garbage import garbage_settled
from ipa.serving.load_generator.account import LoadAccount
from ipa.serving.load_generator.endpoint import Endpoint, Failure
from ipa.serving.load_generator.loop import NS, run_precisely, sleep_until_ns
from ipa.serving.load_generator.report import LoadReport
from ipa.serving.load_generator.retrying_endpoint import RetryingEndpoint
from ipa.serving.load_generator.settings import LoadSettings
from ipa.serving.payloads import Payload, make_payload
from ipa.serving.v2 import Answer

Progress = Callable[[int, int], None]
"""Takes how many requests have ended, and how many there are."""

SHOW_EVERY_S = 0.25
"""Seconds between two calls about the progress."""

PREFERRED = -10
"""Niceness of the process while it sends."""

BREATH_NS = NS // 10
"""From being ready to the clock's zero, where nobody has set one."""


def generate_load(
    settings: LoadSettings, progress: Progress | None = None, start: Connection | None = None
) -> LoadReport:
    """Send a load and return what came of it; blocks until every request has ended.

    It runs an event loop of its own, and is as punctual as the process is left alone: give it one to itself.
    SIGINT and SIGTERM end the sending; what is under way is given up, and the account is written of what was
    sent.

    Parameters
    ----------
    settings
        What to send, where to, and where the account is written.
    progress
        Called four times a second.
    start
        Where the clock's zero is not known beforehand: receives ``"ready"`` once the endpoint has answered
        and all payloads are made, and sends the zero (nanoseconds of ``time.monotonic_ns``), in place of
        that in the settings.

    Raises
    ------
    IpaError
        If the endpoint does not answer, has no such model, or its inputs do not fit the payload.
    """
    account = run_precisely(_Generator(settings, progress, start).run())
    if settings.output is not None:
        account.write(settings.output, _about(settings))
    return account.report()


def _about(settings: LoadSettings) -> dict[str, object]:
    return {
        "address": settings.address,
        "model": settings.model,
        "payload": settings.payload,
        "payload_settings": dict(settings.payload_settings),
        "seed": settings.seed,
        "timeout_s": settings.timeout_s,
    }


class _Generator:
    """One load under way."""

    def __init__(self, settings: LoadSettings, progress: Progress | None, start: Connection | None) -> None:
        self._settings, self._progress, self._start = settings, progress, start
        self._flying: set[asyncio.Task[None]] = set()
        self._ended = 0

    async def run(self) -> LoadAccount:
        """Send everything and return the account."""
        endpoint = _endpoint(self._settings)
        try:
            payload = make_payload(
                self._settings.payload,
                await endpoint.inputs(),
                self._settings.seed,
                self._settings.payload_settings,
            )
            items = await asyncio.to_thread(lambda: [payload.tensors(item) for item in range(payload.items)])
            endpoint.prepare(items)
            with garbage_settled(), _preferred():
                return await self._send_all(endpoint, payload)
        finally:
            await endpoint.close()

    async def _send_all(self, endpoint: Endpoint, payload: Payload) -> LoadAccount:
        zero_ns = await self._zero_ns()
        account = LoadAccount(_due_ns(self._settings, zero_ns), zero_ns, _token(self._settings))
        sending = asyncio.create_task(self._send_when_due(account, endpoint, payload))
        shown = asyncio.create_task(self._show(len(account)))
        with _stopped_by_signals(sending):
            sent = await sending
        await self._give_up_unless(complete=sent == len(account))
        shown.cancel()
        self._tell(len(account))
        return account if sent == len(account) else account.first(sent)

    async def _zero_ns(self) -> int:
        """Return the clock's zero, which others may still have to say."""
        if self._start is not None:
            self._start.send("ready")
            return int(await asyncio.to_thread(self._start.recv))
        if self._settings.zero_ns is None:
            return time.monotonic_ns() + BREATH_NS
        return self._settings.zero_ns

    async def _send_when_due(self, account: LoadAccount, endpoint: Endpoint, payload: Payload) -> int:
        """Start every request when it is due; return how many were started, fewer than all if stopped."""
        place = 0
        try:
            for place, due_ns in enumerate(account.due_ns.tolist()):
                await sleep_until_ns(due_ns)
                if len(self._flying) >= self._settings.in_flight_limit:
                    self._end(account, place, Failure("unavailable"), payload)
                    continue
                task = asyncio.create_task(self._send_one(account, place, endpoint, payload))
                self._flying.add(task)
                task.add_done_callback(self._flying.discard)
        except asyncio.CancelledError:
            return place
        else:
            return len(account)

    async def _send_one(self, account: LoadAccount, place: int, endpoint: Endpoint, payload: Payload) -> None:
        def stamp() -> None:
            account.sent(place, time.monotonic_ns())

        came: Answer | Failure
        try:
            came = await endpoint.send(place % payload.items, account.id(place), stamp)
        except asyncio.CancelledError:
            came = Failure("cancelled")
        self._end(account, place, came, payload)

    def _end(self, account: LoadAccount, place: int, came: Answer | Failure, payload: Payload) -> None:
        end_ns = time.monotonic_ns()
        self._ended += 1
        if isinstance(came, Failure):
            account.failed(place, end_ns, came.reason, came.stage)
        else:
            right = payload.is_right(place % payload.items, came)
            account.answered(place, end_ns, came.parameters, right)

    async def _give_up_unless(self, *, complete: bool) -> None:
        """Wait until every request has ended; each has its own time-out, unless the load was stopped."""
        if not complete:
            for task in self._flying:
                task.cancel()
        await asyncio.gather(*self._flying)

    async def _show(self, total: int) -> None:
        while True:
            self._tell(total)
            await asyncio.sleep(SHOW_EVERY_S)

    def _tell(self, total: int) -> None:
        if self._progress is not None:
            self._progress(self._ended, total)


def _endpoint(settings: LoadSettings) -> Endpoint:
    if settings.retries == 0 and settings.connections == 1:
        return _connection(settings)
    connections = [_connection(settings) for _ in range(settings.connections)]
    return RetryingEndpoint(connections, settings.retries, settings.timeout_s)


def _connection(settings: LoadSettings) -> Endpoint:
    given = settings.address, settings.model, settings.timeout_s
    try:
        if settings.uses_rest:
            from ipa.serving.load_generator.rest_endpoint import RestEndpoint

            return RestEndpoint(*given)
        from ipa.serving.load_generator.grpc_endpoint import GrpcEndpoint
    except ImportError as error:
        raise MissingExtraError(f"{error.name or 'gRPC'}, which sends requests,", "serving") from None
    return GrpcEndpoint(*given)


def _due_ns(settings: LoadSettings, zero_ns: int) -> Ints:
    return np.rint(np.asarray(settings.arrivals_s) * NS).astype(np.int64) + zero_ns


def _token(settings: LoadSettings) -> str:
    return settings.run_token or secrets.token_hex(4)


@contextmanager
def _preferred() -> Iterator[None]:
    """Let this process run before others where that is allowed: on busy cores it wakes up in time."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(PREFERRED, before))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def _stopped_by_signals(sending: "asyncio.Task[int]") -> Iterator[None]:
    """Let SIGINT and SIGTERM end the sending; only the main thread gets signals."""
    loop, handled = asyncio.get_running_loop(), []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, sending.cancel)
        except (RuntimeError, ValueError):
            continue
        handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
