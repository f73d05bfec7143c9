"""The whole 21-day trace through one pipeline with adaptation: how long it takes and how much memory."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ipa.adapter import Adapter, AdapterSettings
from ipa.errors import TraceError
from ipa.experiments.resolved import forecaster_for, planner_for
from ipa.experiments.simulate import settings_of
from ipa.experiments.spec import RunSpec
from ipa.optimizer.memory import RememberingPlanner
from ipa.platforms.streamed import StreamedPlatform
from ipa.results.decisions import DecisionRecord
from ipa.results.streaming import RunningMeasures
from ipa.simulator.settings import EngineName
from ipa.workload import find_trace, load_trace

TELL_EVERY_S = 3600


def full_trace() -> NDArray[np.int64]:
    """Return the requests per second of the whole real trace, undivided."""
    path = find_trace()
    if path is None:
        raise TraceError("no load trace on this machine; get it with `ipa trace fetch` or set IPA_TRACE")
    return load_trace(path)


def bench_trace(
    rates_rps: NDArray[np.int64],
    spec: RunSpec,
    engine: EngineName = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Simulate a load of any length with adaptation, in bounded memory.

    Parameters
    ----------
    rates_rps
        Requests in each second, shape (n_s,).
    spec
        Pipeline, method, edition, seed, service and arrivals; its workload is not used. Decisions are taken
        for whole rates.
    engine
        Of the simulator.
    progress
        Called with (simulated seconds, seconds in all).

    Returns
    -------
    dict
        The figures of ``ipa.results.streaming.RunningMeasures``, then ``simulated_s``, ``wall_s``, ``cpu_s``,
        ``requests_per_s`` (wall), and ``memory_mb`` (the largest resident memory of this process).
    """
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    parameters = spec.parameters()
    measures = RunningMeasures(parameters.pipeline.sla_s)
    settings = replace(settings_of(spec).simulation(spec.conditions(parameters)), engine=engine)
    platform = StreamedPlatform(rates_rps, settings, measures.add_requests, spec.seed, arrivals=spec.arrivals)
    base = planner_for(spec)
    planner = RememberingPlanner(
        base.pipeline, base.objective, base.constraints, base.method, base.method_settings, base.solver
    )
    total_s = len(rates_rps)

    def record(decision: DecisionRecord) -> None:
        measures.add_decision(decision)
        if progress is not None and int(decision.time_s) % TELL_EVERY_S < parameters.interval_s:
            progress(int(decision.time_s), total_s)

    adapter = Adapter(
        platform,
        planner,
        forecaster_for(spec, rates_rps),
        AdapterSettings(
            parameters.interval_s,
            parameters.forecast_margin,
            round_rates=True,
            on_infeasible=parameters.on_infeasible,
        ),
        record,
    )
    first_rps = float(np.mean(rates_rps[: max(1, int(parameters.interval_s))]))
    adapter.deploy(planner.decide(float(round(first_rps))).plan)
    adapter.run(until_s=total_s)
    platform.drain()
    wall_s = time.perf_counter() - began_s
    return {
        **measures.summary(),
        "running_mean_cores": platform.simulator.running_core_seconds() / platform.simulator.now_s,
        "simulated_s": total_s,
        "wall_s": wall_s,
        "cpu_s": time.process_time() - began_cpu_s,
        "requests_per_s": measures.requests / wall_s,
        "memory_mb": _peak_memory_mb(),
    }


def _peak_memory_mb() -> float:
    # Linux counts kilobytes here, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
