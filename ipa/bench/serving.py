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

BATCHES = {"one by one": (1, 0.0), "in batches of 8": (8, 0.01)}
"""Batch size and longest wait of both stages."""

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
        computed per request meanwhile. Latencies in batches hold the wait for the batch and are left out.
    """
    rows = []
    with TemporaryDirectory(prefix="ipa-bench-") as name, _bench(Path(name), requests) as bench:
        for _ in range(repeats):
            progress("one model server, called directly")
            rows.append(
                {"what": "one model server, called directly"} | _measure(bench.direct, bench.server, 1)
            )
            for how, (batch, wait_s) in BATCHES.items():
                progress(f"two stages, {how}")
                bench.put_plan(batch, wait_s)
                measured = _measure(bench.through, bench.gateway, 2, latency=batch == 1)
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
    """Two model servers and a gateway before them, and how to call the first one and the pipeline."""

    server: "Process"
    gateway: "Process"
    direct: Calls
    through: Calls
    control: "GatewayControl"
    replicas: "tuple[ReplicaAddress, ...]"

    def put_plan(self, batch: int, wait_s: float) -> None:
        """Serve in batches of a size."""
        from ipa.serving.gateway import StageAssignment

        plans = [StagePlan(one.name, VARIANT, batch, 1, 1, wait_s) for one in self.replicas]
        self.control.put_plan(
            [StageAssignment(plan, (one,)) for plan, one in zip(plans, self.replicas, strict=True)]
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

    points = tuple(ProfilePoint(batch, 1e-6, 1e-6, 1e6) for batch, _ in BATCHES.values())
    variant = Variant(VARIANT, 0.5, 1, (Profile(1, points),))
    stages = tuple(Stage(name, (variant,)) for name in ("first", "second"))
    replicas = [
        ReplicaSettings(name, name, variant=VARIANT, max_batch=points[-1].batch, profile=points)
        for name in ("first", "second")
    ]
    servers = [_started(host, one.name, serve_replica, one, folder) for one in replicas]
    settings = GatewaySettings(Pipeline("two", stages, sla_s=1.0), "two", folder / "socket", "token")
    gateway, address = _started(host, "gateway", serve_gateway, settings, folder)
    return _Bench(
        servers[0][0],
        gateway,
        Calls(servers[0][1], "first", requests, CALLERS),
        Calls(address, "two", requests, CALLERS),
        GatewayControl(settings.control_socket, settings.control_token),
        tuple(
            ReplicaAddress(stage.name, where, stage.name)
            for stage, (_, where) in zip(stages, servers, strict=True)
        ),
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
