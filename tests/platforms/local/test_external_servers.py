"""Variants behind servers of somebody else's: started by a command, or running already."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from ipa.errors import LivePipelineError
from ipa.pipeline.external_server import ExternalServer
from ipa.platforms.base import Conditions
from ipa.platforms.local.platform import LocalPlatform
from ipa.platforms.local.settings import LocalSettings
from ipa.serving.digest import digest_items
from ipa.serving.v2 import Answer, Tensor, V2Client
from tests.support.live_pipelines import toy_pipeline, toy_plan
from tests.support.stock_server import stock_server

pytestmark = pytest.mark.live

TIMEOUT_S = 30.0


FAULTY = ExternalServer("faulty", (sys.executable, "-m", "tests.support.faulty_server", "--port", "{port}"))


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    platform = LocalPlatform(LocalSettings(hang_after_s=2.0), Conditions())
    try:
        platform.deploy(toy_pipeline(FAULTY), toy_plan(replicas=(1, 1)))
        yield platform
    finally:
        platform.teardown()


def ask(platform: LocalPlatform, text: bytes) -> Answer:
    async def call() -> Answer:
        async with V2Client(f"127.0.0.1:{platform.deployment.endpoint.grpc_port}") as client:
            return await client.infer("toy", [Tensor.of("text", [text])], timeout_s=TIMEOUT_S)

    return asyncio.run(call())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.05)


def test_a_command_serves_a_stage(platform: LocalPlatform) -> None:
    text = Tensor.of("text", [b"hello"])
    assert ask(platform, b"hello").tensors[0] == digest_items([digest_items([text])])
    names = [process.name for process in platform.deployment.processes()]
    assert {name.split("-small")[0] for name in names} == {"gateway", "first", "second"}


def test_a_command_that_dies_is_started_anew(platform: LocalPlatform) -> None:
    victim = next(p for p in platform.deployment.processes() if p.name.startswith("first"))
    victim.kill()
    wait_for(lambda: any(event.kind == "died" for event in platform.deployment.events()))
    wait_for(lambda: not platform.observe().pending)
    assert platform.observe().ready_replicas == (1, 1)
    assert ask(platform, b"again").tensors[0].name == "digest"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("raise", grpc.StatusCode.INTERNAL),
        ("wrong-shape", grpc.StatusCode.INTERNAL),
        ("exit", grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_a_request_that_is_poison_fails_alone(
    platform: LocalPlatform, fault: str, code: grpc.StatusCode
) -> None:
    """The last one kills every replica that takes it, until it has been tried often enough."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(platform, b"fault:" + fault.encode())
    assert caught.value.code() == code
    assert "stage first" in caught.value.details()
    wait_for(lambda: not platform.observe().pending)
    assert ask(platform, b"hello").tensors[0].name == "digest"
    assert platform.deployment.state().in_flight == 0


def test_a_server_that_runs_already_is_used_and_left_alone(platform: LocalPlatform) -> None:
    running = platform.deployment.serving()[0].replicas[0]
    pid = next(p.pid for p in platform.deployment.processes() if p.name == running.name)
    other = LocalPlatform(LocalSettings(), Conditions())
    try:
        other.deploy(
            toy_pipeline(ExternalServer("faulty", address=running.address)), toy_plan(replicas=(1, 1))
        )
        assert ask(other, b"hello").tensors[0].name == "digest"
        assert [process.name for process in other.deployment.processes()] == ["gateway"]
        logs = other.deployment.folder.logs
        assert [file.name for file in logs.iterdir()] == ["gateway.log"]
    finally:
        other.teardown()
    assert not logs.exists()
    assert any(p.pid == pid and p.alive for p in platform.deployment.processes())


def test_a_stock_server_opens_all_doors_where_it_is_told() -> None:
    """Two of them on one machine would otherwise want the same doors."""
    server, path = stock_server(), f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = replace(server, command=("env", f"PATH={path}", *server.command))
    platform = LocalPlatform(LocalSettings(), Conditions())
    try:
        platform.deploy(toy_pipeline(server), toy_plan(replicas=(1, 1)))
        assert ask(platform, b"hello").tensors[0].name == "score"
    finally:
        platform.teardown()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("false", "{port}"),
            r"(first|second)-small-\d+ ended while it started \(exit code 1\); its log is .*log",
        ),
        (("no-such-server", "{port}"), r"ended while it started \(exit code 127\)"),
    ],
)
def test_a_command_that_fails_says_so_and_leaves_nothing(command: tuple[str, ...], message: str) -> None:
    platform = LocalPlatform(LocalSettings(), Conditions())
    try:
        with pytest.raises(LivePipelineError, match=message):
            platform.deploy(toy_pipeline(ExternalServer("x", command)), toy_plan(replicas=(1, 1)))
        folder = platform.deployment.folder
    finally:
        platform.teardown()
    assert not folder.path.exists()
    assert any(folder.logs.iterdir())
    folder.remove_logs()
