"""The server that other tests rely on to go wrong does go wrong, as it is asked to."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import grpc
import pytest

from ipa.errors import TensorError
from ipa.serving.digest import digest_items
from ipa.serving.v2 import Answer, V2Client
from tests.support.faulty_server import marked

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Faulty:
    port: int
    process: Popen[bytes]
    switch: Path

    def ask(self, fault: str = "", timeout_s: float = 10.0) -> Answer:
        async def call() -> Answer:
            async with V2Client(f"127.0.0.1:{self.port}") as client:
                return await client.infer("any", marked(fault), "request-1", timeout_s=timeout_s)

        return asyncio.run(call())

    def ask_in_vain(self, fault: str = "", timeout_s: float = 10.0) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            self.ask(fault, timeout_s)
        return error.value.code()


@contextmanager
def faulty(folder: Path) -> Iterator[Faulty]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    switch = folder / "switch"
    command = [sys.executable, "-m", "tests.support.faulty_server", f"--port={port}", f"--switch={switch}"]
    process = Popen(command, cwd=ROOT)
    server = Faulty(port, process, switch)
    try:
        deadline_s = time.monotonic() + 30
        while not asyncio.run(_is_up(port)):
            assert time.monotonic() < deadline_s, "the faulty server did not come up"
        yield server
    finally:
        process.kill()
        process.wait()


async def _is_up(port: int) -> bool:
    async with V2Client(f"127.0.0.1:{port}") as client:
        try:
            return await client.model_ready("any", timeout_s=0.5)
        except grpc.aio.AioRpcError:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with faulty(tmp_path_factory.mktemp("faulty")) as started:
        yield started


def test_without_a_fault_it_answers_like_an_emulated_variant(server: Faulty) -> None:
    assert server.ask() == Answer((digest_items(marked("")),), {}, "request-1")


def test_spoiled_answers_are_none(server: Faulty) -> None:
    with pytest.raises(TensorError, match="takes 8 bytes, not 5"):
        server.ask("torn")
    assert server.ask("wrong-shape").tensors[0].shape == (2, 1)
    assert server.ask("no-outputs").tensors == ()
    assert server.ask("wrong-id").id == "not-request-1"
    assert server.ask("wrong-name").tensors[0].name == "surprise"


def test_it_fails_refuses_and_hangs(server: Faulty) -> None:
    assert server.ask_in_vain("raise") == grpc.StatusCode.INTERNAL
    assert server.ask_in_vain("unavailable") == grpc.StatusCode.UNAVAILABLE
    assert server.ask_in_vain("hang", timeout_s=0.2) == grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.ask().id == "request-1"


def test_a_switch_lets_every_call_go_wrong(server: Faulty) -> None:
    server.switch.write_text("wrong-id")
    assert server.ask().id == "not-request-1"
    server.switch.unlink()
    assert server.ask().id == "request-1"


def test_at_last_it_dies(server: Faulty) -> None:
    assert server.ask_in_vain("exit") == grpc.StatusCode.UNAVAILABLE
    assert server.process.wait(10) == -9
