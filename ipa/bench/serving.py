"""What the gateway costs: time per stage and requests per second, beside a model server called directly."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psutil

from ipa.errors import ServerStartError
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint

if TYPE_CHECKING:
    from ipa.platforms.local.processes import Process, ProcessHost
    from ipa.serving.gateway import GatewayControl, ReplicaAddress

BAR_STAGE_MS = 1.5
"""Median time that a stage may take beside its service."""

BAR_RPS = 800
"""Requests per second that must go through two stages on two cores."""

WAYS = {
    "one by one": (1, 0.0, 1),
    "one by one, two replicas each": (1, 0.0, 2),
    "in batches of 8": (8, 0.01, 1),
}
"""Batch size, longest wait and replicas of both stages."""

MOST_BATCH, MOST_REPLICAS = 8, 2
STAGES = ("first", "second")

CALLERS = 32
"""Callers that keep the pipeline busy, each with one request at a time."""

START_S = 60.0
VARIANT = "none"
ITEM_VALUES = 64


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one kind, in a closed loop.

    Parameters
    ----------
    address, model
        Whom they call.
    requests
        How many there are.
    callers
        How many wait for an answer at a time.
    """

    address: str
    model: str
    requests: int
    callers: int


def bench_serving(
    requests: int = 2000, repeats: int = 3, progress: Callable[[str], None] = lambda _: None
) -> pd.DataFrame:
    """Call one model server, and a pipeline of two, whose models take no time.

    Parameters
    ----------
    requests
        Calls per measurement.
    repeats
        Measurements of each kind, in turns; medians are over them.
    progress
        Called with what is being measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``what, stages, p50_ms, p99_ms, stage_p50_ms, stage_p99_ms, peak_rps, cpu_ms``: latency of one
        caller, the same per stage, requests per second of many callers, and what the called process itself
        computed per request meanwhile. Latencies in batches hold the wait for the batch and are left out;
        with more replicas those of one caller are the same.
    """
    rows = []
    with TemporaryDirectory(prefix="ipa-bench-") as name, _bench(Path(name), requests) as bench:
        for _ in range(repeats):
            progress("one model server, called directly")
            rows.append(
                {"what": "one model server, called directly"} | _measure(bench.direct, bench.server, 1)
            )
            for how, (batch, wait_s, replicas) in WAYS.items():
                progress(f"two stages, {how}")
                bench.put_plan(batch, wait_s, replicas)
                alone = batch == replicas == 1
                measured = _measure(bench.through, bench.gateway, len(STAGES), latency=alone)
                rows.append({"what": f"two stages, {how}"} | measured)
            progress("")
    frame = pd.DataFrame(rows)
    return frame.groupby("what", sort=False).median().reset_index()


def _measure(calls: Calls, process: "Process", stages: int, *, latency: bool = True) -> dict[str, float]:
    """Return latency, throughput and computing time."""
    row = {"stages": float(stages)}
    if latency:
        latency_s, _ = _call_from_a_process(replace(calls, callers=1))
        p50_ms, p99_ms = 1000 * np.quantile(latency_s, (0.5, 0.99))
        row |= {"p50_ms": p50_ms, "p99_ms": p99_ms}
        row |= {"stage_p50_ms": p50_ms / stages, "stage_p99_ms": p99_ms / stages}
    before_s = _cpu_s(process)
    _, took_s = _call_from_a_process(calls)
    cpu_ms = 1000 * (_cpu_s(process) - before_s) / calls.requests
    return row | {"peak_rps": calls.requests / took_s, "cpu_ms": cpu_ms}


def _cpu_s(process: "Process") -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _call_from_a_process(calls: Calls) -> tuple[list[float], float]:
    """Return the latency of each call and how long all took, measured in a process of its own."""
    from multiprocessing import get_context

    ours, theirs = Pipe(duplex=False)
    process = get_context("forkserver").Process(target=_call, args=(calls, theirs), daemon=True)
    process.start()
    theirs.close()
    found: tuple[list[float], float] = ours.recv()
    process.join()
    return found


def _call(calls: Calls, result: Connection) -> None:
    result.send(asyncio.run(_call_in_a_loop(calls)))


async def _call_in_a_loop(calls: Calls) -> tuple[list[float], float]:
    from ipa.serving.v2 import Tensor, V2Client

    item = [Tensor.of("x", np.zeros((1, ITEM_VALUES), np.float32))]
    left, latency_s = iter(range(calls.requests)), list[float]()
    async with V2Client(calls.address) as client:

        async def caller() -> None:
            for number in left:
                began_s = time.perf_counter()
                await client.infer(calls.model, item, str(number))
                latency_s.append(time.perf_counter() - began_s)

        await client.infer(calls.model, item)
        began_s = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(calls.callers)))
        return latency_s, time.perf_counter() - began_s


@dataclass(frozen=True, slots=True)
class _Bench:
    """Model servers of two stages and a gateway before them; how to call one of them and the pipeline."""

    server: "Process"
    gateway: "Process"
    direct: Calls
    through: Calls
    control: "GatewayControl"
    replicas: "dict[str, tuple[ReplicaAddress, ...]]"

    def put_plan(self, batch: int, wait_s: float, replicas: int = 1) -> None:
        """Serve in batches of a size with some of the replicas."""
        from ipa.serving.gateway import StageAssignment

        self.control.put_plan(
            [
                StageAssignment(StagePlan(stage, VARIANT, batch, replicas, 1, wait_s), known[:replicas])
                for stage, known in self.replicas.items()
            ]
        )


@contextmanager
def _bench(folder: Path, requests: int) -> Iterator[_Bench]:
    from ipa.platforms.local.processes import ProcessHost

    host = ProcessHost(folder)
    try:
        yield _start(host, folder, requests)
    finally:
        host.close()


def _start(host: "ProcessHost", folder: Path, requests: int) -> _Bench:
    from ipa.serving.gateway import GatewayControl, GatewaySettings, ReplicaAddress, serve_gateway
    from ipa.serving.model_server import ReplicaSettings, serve_replica

    points = tuple(ProfilePoint(batch, 1e-6, 1e-6, 1e6) for batch in (1, MOST_BATCH))
    variant = Variant(VARIANT, 0.5, 1, (Profile(1, points),))
    stages = tuple(Stage(name, (variant,)) for name in STAGES)
    replicas = [
        ReplicaSettings(f"{stage}-{n}", stage, variant=VARIANT, max_batch=MOST_BATCH, profile=points)
        for stage in STAGES
        for n in range(MOST_REPLICAS)
    ]
    servers = [_started(host, one.name, serve_replica, one, folder) for one in replicas]
    addresses = [
        ReplicaAddress(one.name, where, one.model) for one, (_, where) in zip(replicas, servers, strict=True)
    ]
    settings = GatewaySettings(Pipeline("two", stages, sla_s=1.0), "two", folder / "socket", "token")
    gateway, address = _started(host, "gateway", serve_gateway, settings, folder)
    return _Bench(
        servers[0][0],
        gateway,
        Calls(servers[0][1], STAGES[0], requests, CALLERS),
        Calls(address, "two", requests, CALLERS),
        GatewayControl(settings.control_socket, settings.control_token),
        {stage: tuple(one for one in addresses if one.model == stage) for stage in STAGES},
    )


def _started(
    host: "ProcessHost", name: str, serve: Callable[..., None], settings: object, folder: Path
) -> tuple["Process", str]:
    from ipa.serving.model_server import ServerReady

    ours, theirs = Pipe(duplex=False)
    process = host.start(name, serve, (settings, theirs), folder / f"{name}.log")
    theirs.close()
    told = ours.recv() if ours.poll(START_S) else "it does not say that it serves"
    if not isinstance(told, ServerReady):
        raise ServerStartError(f"{name} cannot be measured: {told}")
    return process, f"127.0.0.1:{told.grpc_port}"
