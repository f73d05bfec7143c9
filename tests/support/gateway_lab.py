"""A gateway with real replicas behind it: two that go wrong on demand, then an emulated model server."""

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import TypeVar

import grpc
import pyarrow as pa

from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import Profile
from ipa.pipeline.stage_inputs import StageInput
from ipa.serving.digest import digest_items
from ipa.serving.gateway import (
    GatewayControl,
    GatewaySettings,
    ReplicaAddress,
    StageAssignment,
    serve_gateway,
)
from ipa.serving.model_server import ReplicaSettings, ServerReady
from ipa.serving.v2 import Answer, Tensor, V2Client
from tests.support.replicas import START_TIMEOUT_S, profile, replica, starting

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
MODEL = "lab"
SERVICE_S = 0.01
"""Service time of each stage."""

EMULATED = ReplicaSettings(
    "second-0", "second", variant="a", profile=profile(SERVICE_S), service="deterministic"
)

Result = TypeVar("Result")


def lab_pipeline() -> Pipeline:
    """Return two stages; the first one goes wrong when told to, the second one is emulated."""
    variants = tuple(
        Variant(name, accuracy, 1, (Profile(1, profile(SERVICE_S)),))
        for name, accuracy in (("a", 0.5), ("b", 0.8))
    )
    inputs = (StageInput("text", "", "text"), StageInput("found", "first", "digest"))
    return Pipeline(MODEL, (Stage("first", variants), Stage("second", variants, inputs=inputs)), sla_s=1.0)


def expected(item: Sequence[Tensor]) -> int:
    """Return the right answer to an item."""
    found = replace(digest_items(item), name="found")
    return int(digest_items([found, *item]).numpy()[0, 0])


@dataclass(frozen=True)
class Faulty:
    """A faulty server, and the file that lets it go wrong."""

    address: ReplicaAddress
    switch: Path
    process: Popen[bytes]


@dataclass(frozen=True)
class Lab:
    """What tests work with."""

    settings: GatewaySettings
    ready: ServerReady
    first: tuple[Faulty, ...]
    second: ReplicaAddress

    @property
    def control(self) -> GatewayControl:
        return GatewayControl(self.settings.control_socket, self.settings.control_token)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.ready.grpc_port}"

    @property
    def http(self) -> str:
        return f"http://{HOST}:{self.ready.http_port}"

    def plan(
        self, batch: int = 1, wait_s: float = 0.0, replicas: int = 2, variant: str = "a"
    ) -> list[StageAssignment]:
        """Return a plan; the first stage serves one by one."""
        first = tuple(one.address for one in self.first[:replicas])
        return [
            StageAssignment(StagePlan("first", variant, batch, replicas, 1, wait_s), first),
            StageAssignment(StagePlan("second", "a", 1, 1, 1), (self.second,)),
        ]

    def run(self, work: "Callable[[V2Client], Awaitable[Result]]") -> Result:
        """Run something with a client."""

        async def with_client() -> Result:
            async with V2Client(self.address) as client:
                return await work(client)

        return asyncio.run(with_client())

    def ask_all(
        self, items: Sequence[Sequence[Tensor]], timeout_s: float = 60.0
    ) -> "list[Answer | grpc.aio.AioRpcError]":
        """Send items at once and return what became of each."""

        async def send(client: V2Client) -> "list[Answer | grpc.aio.AioRpcError]":
            calls = [client.infer(MODEL, item, str(at), None, timeout_s) for at, item in enumerate(items)]
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(one, Answer | grpc.aio.AioRpcError) for one in found), found
            return found  # type: ignore[return-value]

        return self.run(send)

    def wait_until_ready(self) -> None:
        """Return once no replica is busy or suspect and nothing is in flight."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            assert time.monotonic() < deadline_s, self.control.state()
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        state = self.control.state()
        replicas = [replica for stage in state.stages for replica in stage.replicas]
        return not state.in_flight and all(replica.state == "ready" for replica in replicas)

    def journal(self, after: int = 0) -> "list[dict[str, object]]":
        """Return the rows of the journal."""
        rows: list[dict[str, object]] = pa.ipc.open_stream(self.control.journal(after)).read_all().to_pylist()
        return rows


@contextmanager
def faulty_server(folder: Path, name: str) -> Iterator[Faulty]:
    """Run a server that goes wrong on demand."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
    switch = folder / f"{name}.switch"
    command = [
        sys.executable,
        "-m",
        "tests.support.faulty_server",
        "--port",
        str(port),
        "--switch",
        str(switch),
    ]
    command += ["--service-s", str(SERVICE_S)]
    process = Popen(command, cwd=ROOT)
    try:
        yield Faulty(ReplicaAddress(name, f"{HOST}:{port}", "any"), switch, process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def gateway(settings: GatewaySettings) -> Iterator[tuple[ServerReady, int]]:
    """Run a gateway until the end of the block; yield where it is and its pid."""
    with starting("gateway", serve_gateway, settings) as (ready, pid):
        assert isinstance(ready, ServerReady), ready
        yield ready, pid


@contextmanager
def lab(folder: Path, **changes: object) -> Iterator[Lab]:
    """Run all of it."""
    settings = GatewaySettings(lab_pipeline(), MODEL, folder / "control", "a token")
    settings = replace(settings, **changes)
    with ExitStack() as stack:
        first = tuple(stack.enter_context(faulty_server(folder, f"first-{at}")) for at in range(2))
        ready, _ = stack.enter_context(gateway(settings))
        server = stack.enter_context(replica(EMULATED))
        found = Lab(
            settings, ready, first, ReplicaAddress("second-0", f"{HOST}:{server.grpc_port}", "second")
        )
        found.control.put_plan(found.plan(), timeout_s=START_TIMEOUT_S)
        yield found
