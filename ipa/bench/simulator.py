"""How many requests per second the simulator gets through on one core."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.pipeline.load import load_pipeline
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.simulator import PipelineSimulator, SimulationSettings
from ipa.simulator.compiled import compiled_or_none
from ipa.simulator.settings import EngineName

INTERVAL_S = 10.0
"""Time between two plans (paper, section 5.1)."""

HEADROOM = 1.25
"""Replicas are enough for this multiple of the load, so that queues stay finite during a switch."""

CONFIGURATIONS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("yolov5n", 1), ("resnet18", 1)),
    (("yolov5n", 2), ("resnet18", 2)),
    (("yolov5n", 8), ("resnet18", 8)),
    (("yolov5n", 2), ("resnet34", 8)),
    (("yolov5n", 2), ("resnet34", 8)),
)
"""Variant and batch size per stage of the video pipeline, in the order in which they take turns.

The last is repeated so that its switch of variant, which takes most of an interval to start up, serves for
one too.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """A constant load.

    Parameters
    ----------
    name
        What to call it.
    rate_rps
        Mean of its Poisson arrivals.
    horizon_s
        How long it lasts.
    """

    name: str
    rate_rps: float
    horizon_s: float


LOADS = (
    Load("paper", 30.0, 7200.0),
    Load("paper, 4 times as long", 30.0, 28800.0),
    Load("heavy", 3000.0, 200.0),
)


def engines() -> tuple[EngineName, ...]:
    """Return the engines that are installed."""
    return ("python", "numba") if compiled_or_none() else ("python",)


def bench_simulator(
    repeats: int = 5,
    seed: int = 0,
    loads: Sequence[Load] = LOADS,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Measure the engines on the two-stage video pipeline with another plan every 10 s.

    Parameters
    ----------
    repeats
        Runs per load; each uses another seed.
    seed
        Seed of the first run.
    loads
        What to simulate.
    progress
        Called with what was measured.

    Returns
    -------
    pandas.DataFrame
        One row per engine and load: ``engine``, ``load``, ``rate_rps``, ``requests``, ``plans``, ``repeats``,
        the median and the lowest ``requests_per_s`` of the runs by the clock, and the median
        ``requests_per_cpu_s`` by the processor time of this process, which others on the machine disturb
        less. Drawing the arrivals and compiling are not counted, everything else is.
    """
    pipeline, rows = load_pipeline("video"), []
    for name in engines():
        simulate(pipeline, replace(loads[0], horizon_s=INTERVAL_S), np.arange(0.0, 9.0, 0.1), seed, name)
        for load in loads:
            rows.append(_bench(pipeline, load, repeats, seed, name))
            if progress is not None:
                progress(f"{name}, {load.name}")
    return pd.DataFrame(rows)


def plans_for(pipeline: Pipeline, rate_rps: float) -> tuple[Plan, ...]:
    """Return the plans that take turns at a load."""
    return tuple(
        Plan(
            tuple(
                _stage_plan(pipeline, stage.name, variant, batch, rate_rps)
                for stage, (variant, batch) in zip(pipeline.stages, configuration, strict=True)
            )
        )
        for configuration in CONFIGURATIONS
    )


def simulate(
    pipeline: Pipeline,
    load: Load,
    arrivals_s: NDArray[np.float64],
    seed: int,
    engine: EngineName = "python",
) -> PipelineSimulator:
    """Run a load through the pipeline with another plan every interval.

    Parameters
    ----------
    pipeline
        The video pipeline.
    load
        The load that the plans are for.
    arrivals_s
        Arrival times in seconds, shape (n,).
    seed
        Seed of the service times.
    engine
        Of the simulator.
    """
    plans = cycle(plans_for(pipeline, load.rate_rps))
    simulator = PipelineSimulator(pipeline, next(plans), SimulationSettings(seed=seed, engine=engine))
    ticks_s = np.arange(0.0, load.horizon_s + INTERVAL_S, INTERVAL_S)
    for (first, last), now_s in zip(pairwise(np.searchsorted(arrivals_s, ticks_s)), ticks_s[1:], strict=True):
        simulator.offer(arrivals_s[first:last])
        simulator.advance(now_s)
        simulator.reconfigure(next(plans))
        simulator.running_core_seconds()
    simulator.drain()
    return simulator


def _stage_plan(pipeline: Pipeline, stage: str, variant: str, batch: int, rate_rps: float) -> StagePlan:
    chosen = pipeline.stage(stage).variant(variant)
    replicas = math.ceil(HEADROOM * rate_rps / chosen.profile.at(batch).throughput_rps)
    return StagePlan(stage, variant, batch, replicas, chosen.base_cores, (batch - 1) / rate_rps)


def _bench(pipeline: Pipeline, load: Load, repeats: int, seed: int, engine: EngineName) -> dict[str, object]:
    speeds: list[float] = []
    cpu_speeds: list[float] = []
    requests = 0
    for run in range(repeats):
        rng = np.random.default_rng(seed + run)
        arrivals_s = np.sort(rng.uniform(0, load.horizon_s, rng.poisson(load.rate_rps * load.horizon_s)))
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        count = len(simulate(pipeline, load, arrivals_s, seed + run, engine).records().arrival_s)
        speeds.append(count / (time.perf_counter() - began_s))
        cpu_speeds.append(count / (time.process_time() - began_cpu_s))
        requests += count
    return {
        "engine": engine,
        "load": load.name,
        "rate_rps": load.rate_rps,
        "requests": requests,
        "plans": repeats * round(load.horizon_s / INTERVAL_S),
        "repeats": repeats,
        "median_requests_per_s": float(np.median(speeds)),
        "lowest_requests_per_s": min(speeds),
        "median_requests_per_cpu_s": float(np.median(cpu_speeds)),
    }
