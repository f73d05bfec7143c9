"""How punctual the load generator is, with the server that it loads on the same cores."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ipa.errors import EndpointError
from ipa.pipeline.profiles import ProfilePoint
from ipa.serving.load_generator import LoadSettings
from ipa.workload import arrival_times

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ipa.serving.model_server import ReplicaSettings

RATES_RPS = (100, 500)
"""The second is the rate that the generator is judged at."""

BAR_MS = 2.0
"""p99 of the lateness that is allowed at 500 requests/s."""

START_S = 60.0

MODEL = "nothing-to-do"


def bench_load(
    rates_rps: Sequence[int] = RATES_RPS,
    seconds: int = 10,
    seed: int = 0,
    progress: "Callable[[str], None]" = lambda _: None,
) -> pd.DataFrame:
    """Load a model server that has next to nothing to do and tell how late requests were sent.

    Parameters
    ----------
    rates_rps
        Loads, one after the other; Poisson arrivals.
    seconds
        How long each lasts.
    seed
        Of the arrivals.
    progress
        Called with what is being measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``rate_rps, requests, answered, lateness_p50_ms, lateness_p99_ms, lateness_max_ms,
        latency_p50_ms, latency_p99_ms``; latencies count from when a request was due.
    """
    from ipa.serving.load_generator.child import generate_in_child

    rows = []
    with _server() as address:
        for rate_rps in rates_rps:
            progress(f"{rate_rps} requests/s")
            arrivals_s = arrival_times(np.full(seconds, rate_rps), "poisson", seed)
            report = generate_in_child(LoadSettings(address, MODEL, arrivals_s, seed=seed), lambda *_: None)
            times_s = {
                "lateness_p50_ms": report.lateness_p50_s,
                "lateness_p99_ms": report.lateness_p99_s,
                "lateness_max_ms": report.lateness_max_s,
                "latency_p50_ms": report.latency_p50_s,
                "latency_p99_ms": report.latency_p99_s,
            }
            counts = {"rate_rps": rate_rps, "requests": report.requests, "answered": report.ok}
            rows.append(counts | {name: round(1000 * time_s, 3) for name, time_s in times_s.items()})
    return pd.DataFrame(rows)


@contextmanager
def _server() -> Iterator[str]:
    """Run a model server on this machine and yield its address."""
    from ipa.serving.model_server import ReplicaSettings, ServerReady

    context = SpawnContext()
    ours, theirs = context.Pipe(duplex=False)
    settings = ReplicaSettings(
        name=MODEL,
        model=MODEL,
        variant=MODEL,
        profile=(ProfilePoint(1, 1e-6, 1e-6, 1e6),),
        service="deterministic",
    )
    process = context.Process(target=_serve_quietly, args=(settings, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        answer = ours.recv() if ours.poll(START_S) else "it did not say that it serves"
        if not isinstance(answer, ServerReady):
            raise EndpointError(f"the model server to measure with does not start: {answer}")
        yield f"127.0.0.1:{answer.grpc_port}"
    finally:
        process.terminate()
        process.join(10.0)
        process.kill()
        process.join()


def _serve_quietly(settings: "ReplicaSettings", ready: "Connection") -> None:
    """Serve a replica whose log nobody reads; what goes wrong at its start is told through ``ready``."""
    from ipa.serving.model_server import serve_replica

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve_replica(settings, ready)
