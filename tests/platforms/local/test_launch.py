"""Servers that should run already: found, waited for, or named as missing."""

import asyncio
import logging
import socket

import pytest

from ipa.errors import LivePipelineError
from ipa.platforms.local.launch import until_somebody_listens


def bound(family: socket.AddressFamily, host: str) -> tuple[socket.socket, str]:
    """Return a socket that does not listen yet, and its address."""
    found = socket.socket(family)
    found.bind((host, 0))
    port = found.getsockname()[1]
    return found, f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def test_where_nobody_listens_is_told_at_once_and_given_up_soon(caplog: pytest.LogCaptureFixture) -> None:
    closed, address = bound(socket.AF_INET, "127.0.0.1")
    with (
        closed,
        caplog.at_level(logging.WARNING),
        pytest.raises(
            LivePipelineError, match=r"first-1: nobody listened at 127\.0\.0\.1:\d+ for 0\.3 s; start"
        ),
    ):
        asyncio.run(until_somebody_listens("first-1", address, timeout_s=0.3))
    assert [record.getMessage() for record in caplog.records] == [
        f"first-1: nobody listens at {address} yet; asked for 0.3 s"
    ]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_server_that_comes_is_found(
    family: socket.AddressFamily, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        server, address = bound(family, host)
    except OSError:
        pytest.skip(f"this machine has no {host}")

    async def wait() -> None:
        waiting = asyncio.create_task(until_somebody_listens("first-1", address, timeout_s=30.0))
        while not caplog.records:
            await asyncio.sleep(0.01)
        server.listen()
        await waiting

    with server, caplog.at_level(logging.WARNING):
        asyncio.run(wait())
    assert len(caplog.records) == 1
