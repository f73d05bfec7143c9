"""The door of a shard that only tells: arrivals, journal, state; and it waits until the journal was read."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pyarrow as pa
import pytest

from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Engine
from ipa.serving.gateway.engine.stage_queue import StageLimits
from ipa.serving.pod.monitoring import Clocks, Monitoring
from ipa.serving.pod.pod_metrics import ArrivalTimes
from tests.support.scripted_links import INPUTS, ScriptedLink
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock

SHIFT_NS = 5_000_000_000


class Door:
    """A shard's engine on simulated time, with its door for monitoring open."""

    def __init__(self, first_number: int = 0) -> None:
        self.clock, self.link = VirtualClock(), ScriptedLink("r")
        self.engine = Engine(pipeline([variant("a", {1: 0.1})]), [StageLimits()], self.clock)
        self.engine.assign([(StagePlan("s0", "a", 1, 1, 1), [self.link])])
        self.times = ArrivalTimes(since_s=0.0)
        clocks = Clocks(unix_minus_monotonic_ns=SHIFT_NS)
        self.monitoring = Monitoring(
            "127.0.0.1", 0, self.engine, self.times, lambda: {"pod": "me"}, clocks, first_number
        )

    def serve_one(self, name: str, at_s: float) -> None:
        self.clock.run_until(at_s)
        self.engine.submit(name, INPUTS, lambda _: None)
        self.times.add(at_s)
        self.clock.run_until(at_s + 0.25)
        self.link.answer()
        self.clock.run_until(at_s + 0.25)

    async def get(self, path: str) -> bytes:
        def ask() -> bytes:
            url = f"http://127.0.0.1:{self.monitoring.port}{path}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(ask)


def with_door(work: Callable[[Door], Awaitable[Any]], first_number: int = 0) -> Any:
    async def run() -> Any:
        door = Door(first_number)
        serving = asyncio.create_task(door.monitoring.start())
        try:
            return await work(door)
        finally:
            door.monitoring.close()
            await serving

    return asyncio.run(run())


def test_the_journal_tells_times_of_the_world_and_what_has_not_happened_stays_0() -> None:
    async def work(door: Door) -> list[dict[str, Any]]:
        door.serve_one("x", 1.0)
        door.serve_one("y", 2.0)
        rows: list[dict[str, Any]] = (
            pa.ipc.open_stream(await door.get("/journal?after=1")).read_all().to_pylist()
        )
        return rows

    (row,) = with_door(work)
    assert (row["id"], row["number"]) == ("y", 1)
    assert (row["arrival_ns"], row["end_ns"]) == (SHIFT_NS + 2_000_000_000, SHIFT_NS + 2_250_000_000)
    table = pa.table({"end_ns": [0, 7], "number": [0, 1]})
    assert Clocks(10).in_unix_time(table).to_pydict() == {"end_ns": [0, 17], "number": [0, 1]}


def test_a_container_that_is_started_anew_tells_all_to_who_knows_the_one_before() -> None:
    async def work(door: Door) -> list[list[int]]:
        for number in range(3):
            door.serve_one("x", 1.0 + number)
        told = [
            pa.ipc.open_stream(await door.get(f"/journal?after={after}")).read_all()
            for after in (7, 1000, 1002)
        ]
        await asyncio.wait_for(door.monitoring.until_told(600.0), 5.0)
        return [table["number"].to_pylist() for table in told]

    assert with_door(work, first_number=1000) == [[1000, 1001, 1002], [1000, 1001, 1002], [1002]]


def test_arrivals_are_counted_by_a_clock_of_the_world() -> None:
    async def work(door: Door) -> bytes:
        for at_s in (1.0, 1.75, 2.5):
            door.serve_one("x", at_s)
        return await door.get(f"/arrivals?zero_unix_ns={SHIFT_NS + 500_000_000}&first_s=-1&end_s=3")

    assert with_door(work) == b"[null,1,1,1]"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/arrivals", "the parameter 'first_s' is missing"),
        ("/arrivals?first_s=0&end_s=99999999&zero_unix_ns=0", "99999999 seconds of arrivals; 0 to 86400"),
        ("/journal?after=x", "invalid literal for int"),
    ],
)
def test_what_cannot_be_told_is_refused(path: str, problem: str) -> None:
    async def work(door: Door) -> str:
        with pytest.raises(urllib.error.HTTPError) as error:
            await door.get(path)
        assert error.value.code == 400
        return error.value.read().decode()

    assert problem in with_door(work)


def test_it_waits_for_whoever_reads_the_journal_and_for_nobody_else() -> None:
    async def work(door: Door) -> None:
        door.serve_one("x", 1.0)
        await asyncio.wait_for(door.monitoring.until_told(600.0), 5.0)
        await door.get("/journal?after=0")
        door.serve_one("y", 2.0)
        waiting = asyncio.create_task(door.monitoring.until_told(600.0))
        await door.get("/state")
        assert not waiting.done()
        await door.get("/journal?after=1")
        await asyncio.wait_for(waiting, 5.0)
        door.serve_one("z", 3.0)
        began_s = time.monotonic()
        await door.monitoring.until_told(0.05)
        assert time.monotonic() - began_s >= 0.05

    with_door(work)
