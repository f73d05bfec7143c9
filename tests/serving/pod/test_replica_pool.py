"""The pool keeps trying to connect what is wanted, whatever goes wrong."""

import asyncio
from collections.abc import Callable

import pytest

from ipa.serving.gateway.description import Description
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.clock import LoopClock
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.gateway.grpc_link import GrpcLink
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.serving.gateway.tasks import Tasks
from ipa.serving.pod import replica_pool
from ipa.serving.pod.replica_pool import ReplicaPool
from tests.support.simulator_toys import pipeline, variant

PIPELINE = pipeline([variant("a", {1: 0.1})])
SOON_S = 10.0


class Handshakes:
    """Lets attempts to connect end as the test says, and then well."""

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        self.addresses: list[str] = []

    async def shake(self, link: GrpcLink) -> None:
        self.addresses.append(link.replica.address)
        if self.faults:
            raise self.faults.pop(0)


class Lab:
    """A pool in a running event loop."""

    def __init__(self) -> None:
        self.tasks, self.changed = Tasks(), asyncio.Event()
        self.engine = Engine(PIPELINE, [StageLimits()], LoopClock())
        self.pool = ReplicaPool(self.engine, Description(PIPELINE), self.tasks, self.changed.set)

    def want(self, address: str) -> None:
        self.pool.want({"r": (0, ReplicaAddress("r", address, "a"))})

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(SOON_S):
            while not true():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def handshakes(monkeypatch: pytest.MonkeyPatch) -> Handshakes:
    made = Handshakes()
    monkeypatch.setattr(replica_pool, "shake_hands", made.shake)
    monkeypatch.setattr(replica_pool, "PAUSE_S", 0.0)
    return made


def test_no_fault_whatever_leaves_a_replica_out_for_good(handshakes: Handshakes) -> None:
    handshakes.faults = [TimeoutError(), RuntimeError("the channel is closed"), ValueError()]

    async def connect() -> dict[str, str]:
        lab = Lab()
        lab.want("10.0.0.1:8081")
        await lab.until(lambda: lab.pool.connected(["r"]))
        await lab.tasks.stop()
        return lab.pool.problems

    assert asyncio.run(connect()) == {}
    assert len(handshakes.addresses) == 4


@pytest.mark.parametrize("used", [True, False])
def test_a_replica_at_another_address_is_connected_anew(handshakes: Handshakes, *, used: bool) -> None:
    async def move() -> None:
        lab = Lab()
        lab.want("10.0.0.1:8081")
        await lab.until(lambda: lab.pool.connected(["r"]))
        links = lab.pool.connected(["r"])
        if used:
            lab.pool.used(links)
        lab.want("10.0.0.2:8081")
        if used:
            assert not lab.pool.connected(["r"]), "what the engine still uses is let go of first"
            links["r"].close()
            lab.want("10.0.0.2:8081")
        await lab.until(lambda: lab.pool.connected(["r"]))
        await lab.tasks.stop()

    asyncio.run(move())
    assert handshakes.addresses == ["10.0.0.1:8081", "10.0.0.2:8081"]
