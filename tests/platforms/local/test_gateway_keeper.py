"""A gateway that does not answer is replaced soon; one that is busy is left alone."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from ipa.platforms.base import Conditions
from ipa.platforms.local import pulse
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.pulse import Look, answers, is_stuck, until_stuck
from ipa.platforms.local.settings import LocalSettings
from tests.support.live_pipelines import send, toy_pipeline, toy_plan

REPLACED_S = 3.0
"""Time from the last sign of a gateway until it is given up."""

ASLEEP, COMPUTED = Look("sleeping", 1.0), Look("sleeping", 1.1)


@pytest.mark.parametrize(
    ("unanswered", "now", "stuck"),
    [
        (1, ASLEEP, False),
        (2, ASLEEP, True),
        (2, Look("stopped", 1.1), True),
        (2, COMPUTED, False),
        (2, Look("running", 1.0), False),
        (2, Look("disk-sleep", 1.0), False),
        (9, COMPUTED, False),
        (10, COMPUTED, True),
        (10, None, False),
    ],
)
def test_what_is_busy_gets_more_time_than_what_sleeps(
    unanswered: int, now: Look | None, *, stuck: bool
) -> None:
    assert is_stuck(unanswered, ASLEEP, now) is stuck


@asynccontextmanager
async def served(socket: Path, answer: bytes) -> AsyncIterator[None]:
    """Answer whoever asks at a socket; nothing: never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        if answer:
            writer.close()

    server = await asyncio.start_unix_server(serve, socket)
    try:
        yield
    finally:
        server.close()


def test_any_answer_is_a_sign_of_life(tmp_path: Path) -> None:
    async def ask(answer: bytes) -> bool:
        async with served(tmp_path / "s", answer):
            return await answers(tmp_path / "s", timeout_s=0.2 if not answer else 10.0)

    assert asyncio.run(ask(b"HTTP/1.1 404 Not Found\r\n\r\n"))
    assert not asyncio.run(ask(b""))
    assert not asyncio.run(answers(tmp_path / "nobody", timeout_s=10.0))


def test_a_server_that_never_answers_and_computes_is_given_up_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process serves, so it computes while it is asked."""
    monkeypatch.setattr(pulse, "PROBE_EVERY_S", 0.01)
    looks = iter(Look("running", float(at)) for at in range(100))
    monkeypatch.setattr(pulse, "look_at", lambda _: next(looks))

    async def ask() -> int:
        await until_stuck(tmp_path / "nobody", os.getpid())
        return int(next(looks).cpu_s)

    assert asyncio.run(ask()) > pulse.BUSY_PROBES


@pytest.mark.live
def test_a_gateway_that_is_stopped_is_replaced_within_three_seconds(
    record_property: Callable[[str, object], None],
) -> None:
    platform = LocalPlatform(LocalSettings(), Conditions())
    try:
        platform.deploy(toy_pipeline(), toy_plan(replicas=(1, 1)))
        doors = platform.deployment.endpoint
        pid = next(one.pid for one in platform.deployment.processes() if one.name == "gateway")
        send(platform.deployment, "gateway", signal.SIGSTOP)
        stopped_s = platform.now()
        wait_for_event(platform, "hung")
        hung = next(event for event in platform.events() if event.kind == "hung")
        # On a machine that is busy otherwise the supervisor itself may be late.
        assert hung.time_s - stopped_s < REPLACED_S + 0.5
        wait_for_event(platform, "in-force", 2)
        record_property("recovery", f"gateway hung: serves again after {platform.now() - stopped_s:.2f} s")
        assert not psutil.pid_exists(pid)
        again = platform.deployment.endpoint
        assert (again.grpc_port, again.http_port) == (doors.grpc_port, doors.http_port)
    finally:
        platform.teardown()


def wait_for_event(platform: LocalPlatform, kind: str, times: int = 1) -> None:
    """Return once something has happened so many times."""
    deadline_s = time.monotonic() + 30.0
    while sum(event.kind == kind for event in platform.events()) < times:
        assert time.monotonic() < deadline_s, f"no {kind} in {platform.events()}"
        time.sleep(0.02)
