"""What the gateway costs: time per stage and requests per second, beside a model server called directly."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

BAR_STAGE_MS = 1.5
"""Median time that a stage may take beside its service."""

BAR_RPS = 800
"""Requests per second that must go through two stages on two cores."""

BATCH = 8
CALLERS = 32
"""Callers that keep the pipeline busy, each with one request at a time."""

START_S = 60.0
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
        computed per request meanwhile.
    """
    rows = []
    with _pipeline() as targets:
        for _ in range(repeats):
            for what, (address, model, stages, process) in targets.items():
                progress(what)
                rows.append(_measure(what, Calls(address, model, requests, 1), stages, process))
    frame = pd.DataFrame(rows)
    return frame.groupby("what", sort=False).median().reset_index()


def _measure(what: str, alone: Calls, stages: int, process: "Process") -> dict[str, object]:
    latency_s, _ = _call_from_a_process(alone)
    many = Calls(alone.address, alone.model, 2 * alone.requests, CALLERS)
    before_s = _cpu_s(process)
    _, took_s = _call_from_a_process(many)
    p50_ms, p99_ms = 1000 * np.quantile(latency_s, (0.5, 0.99))
    return {
        "what": what,
        "stages": stages,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "stage_p50_ms": p50_ms / stages,
        "stage_p99_ms": p99_ms / stages,
        "peak_rps": many.requests / took_s,
        "cpu_ms": 1000 * (_cpu_s(process) - before_s) / many.requests,
    }


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


@contextmanager
def _pipeline() -> Iterator[dict[str, tuple[str, str, int, "Process"]]]:
    """Run two model servers and a gateway before them; yield whom to call, and through how many stages."""
    from ipa.platforms.local.processes import ProcessHost

    with TemporaryDirectory(prefix="ipa-bench-") as name:
        folder = Path(name)
        host = ProcessHost(folder)
        try:
            yield _start(host, folder)
        finally:
            host.close()


def _start(host: "ProcessHost", folder: Path) -> dict[str, tuple[str, str, int, "Process"]]:
    from ipa.serving.gateway import (
        GatewayControl,
        GatewaySettings,
        ReplicaAddress,
        StageAssignment,
        serve_gateway,
    )
    from ipa.serving.model_server import ReplicaSettings, serve_replica

    points = tuple(ProfilePoint(batch, 1e-6, 1e-6, 1e6) for batch in (1, BATCH))
    variant = Variant("none", 0.5, 1, (Profile(1, points),))
    stages = tuple(Stage(name, (variant,)) for name in ("first", "second"))
    control = GatewaySettings(Pipeline("two", stages, sla_s=1.0), "two", folder / "socket", "token")
    replicas = [
        ReplicaSettings(stage.name, stage.name, variant="none", profile=points, service="deterministic")
        for stage in stages
    ]
    started = [_started(host, one.name, serve_replica, one, folder) for one in replicas]
    gateway, address = _started(host, "gateway", serve_gateway, control, folder)
    plan = [
        StageAssignment(
            StagePlan(stage.name, "none", BATCH, 1, 1), (ReplicaAddress(stage.name, where, stage.name),)
        )
        for stage, (_, where) in zip(stages, started, strict=True)
    ]
    GatewayControl(control.control_socket, control.control_token).put_plan(plan)
    return {
        "model server, called directly": (started[0][1], "first", 1, started[0][0]),
        "pipeline of two stages": (address, "two", 2, gateway),
    }


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
