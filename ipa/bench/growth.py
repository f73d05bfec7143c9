"""How the time of a run and of a decision grows with its size, as the exponent of a power.

An exponent of 1 is time in proportion to the size; 0 that the size does not matter.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ipa.bench.simulator import INTERVAL_S, engines
from ipa.bench.simulators import Queues
from ipa.optimizer.build import build_problem
from ipa.optimizer.problem import Constraints, Objective, Problem
from ipa.optimizer.random_problems import ALPHA, random_problem, scaled_pipeline
from ipa.optimizer.solvers.exact import solve_exact
from ipa.pipeline.accuracy import METRICS
from ipa.pipeline.load import load_pipeline
from ipa.simulator import PipelineSimulator, SimulationSettings
from ipa.simulator.settings import EngineName

STEEPEST = 1.1
"""Largest exponent that passes for growth in proportion."""

RATES_RPS = (2.0, 8.0, 14.0, 20.0, 26.0, 32.0, 38.0)
"""Arrival rates of the decisions of a pipeline."""

DEADLINE_S = 5.0

Task = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Family:
    """Work of one kind in several sizes.

    Parameters
    ----------
    growth
        What grows: ``backlog``, ``replicas``, ``stages`` or ``variants``.
    subject
        What is measured on it.
    sizes
        How many of them, ascending.
    tasks
        From a size to what to do; the median of their times counts.
    """

    growth: str
    subject: str
    sizes: tuple[int, ...]
    tasks: Callable[[int], Sequence[Task]]


def families() -> Iterator[Family]:
    """Return what is measured."""
    for engine in engines():
        yield Family("backlog", engine, (10_000, 30_000, 100_000, 300_000, 1_000_000), _backlogs(engine))
    for engine in engines():
        yield Family("replicas", engine, (10, 100, 1000, 10_000), _switches(engine))
    yield Family("stages", "exact, PAS, video cloned", (5, 10, 20, 40), lambda n: _decisions(_clone(n, 10)))
    yield Family(
        "stages", "exact, PAS, uncorrelated", (5, 10, 20, 40, 80), lambda n: _decisions(_drawn(n, 10))
    )
    yield Family(
        "variants", "exact, PAS, video cloned", (10, 20, 40, 80, 160), lambda n: _decisions(_clone(10, n))
    )
    yield Family(
        "variants", "exact, PAS, uncorrelated", (10, 20, 40, 80, 160), lambda n: _decisions(_drawn(10, n))
    )


def bench_growth(
    repeats: int = 3,
    measured: Sequence[Family] | None = None,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Measure how time grows.

    Parameters
    ----------
    repeats
        Times that each task is done; the fastest counts, which others on the machine disturb least.
    measured
        What to measure; all ``families`` by default.
    progress
        Called with what was measured.

    Returns
    -------
    pandas.DataFrame
        One row per family and size: ``growth``, ``subject``, ``size``, the processor time ``cpu_ms``, and the
        ``exponent`` of the whole family: the slope of the straight line through the logarithms.
    """
    rows: list[dict[str, object]] = []
    for family in families() if measured is None else measured:
        times_ms = []
        for size in family.sizes:
            times_ms.append(float(np.median([_fastest_ms(task, repeats) for task in family.tasks(size)])))
            if progress is not None:
                progress(f"{family.growth} {size:,}, {family.subject}")
        slope = exponent(family.sizes, times_ms)
        rows += [
            {
                "growth": family.growth,
                "subject": family.subject,
                "size": size,
                "cpu_ms": time_ms,
                "exponent": slope,
            }
            for size, time_ms in zip(family.sizes, times_ms, strict=True)
        ]
    return pd.DataFrame(rows)


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return the slope of the straight line through the logarithms of sizes and times.

    Examples
    --------
    >>> round(exponent([1, 10, 100], [3.0, 300.0, 30000.0]), 6)
    2.0
    """
    slope, _ = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope)


def steepest(growth: pd.DataFrame) -> str:
    """Say what of ``bench_growth`` grows fastest, and whether that passes for growth in proportion."""
    row = growth.sort_values("exponent").iloc[-1]
    passes = "at most" if row["exponent"] <= STEEPEST else "above"
    return (
        f"steepest: {row['growth']}, {row['subject']}, exponent {row['exponent']:.2f} ({passes} {STEEPEST:g})"
    )


def _fastest_ms(task: Task, repeats: int) -> float:
    fastest_s = math.inf
    for _ in range(repeats):
        began_s = time.process_time()
        task()
        fastest_s = min(fastest_s, time.process_time() - began_s)
    return 1000 * fastest_s


def _backlogs(engine: EngineName) -> Callable[[int], Sequence[Task]]:
    """Return from a number of requests to a run in which half of them wait in the end."""

    def run(requests: int) -> None:
        queues = Queues(requests, rate_rps=200.0, replicas=10)
        simulator = _simulator(queues, engine)
        arrivals_s = queues.arrivals_s()
        ticks_s = np.arange(INTERVAL_S, arrivals_s[-1] + INTERVAL_S, INTERVAL_S)
        parts = np.split(arrivals_s, np.searchsorted(arrivals_s, ticks_s))
        for part, now_s in zip(parts, ticks_s, strict=False):
            simulator.offer(part)
            simulator.advance(now_s)
        simulator.drain()

    return lambda requests: [lambda: run(requests)]


def _switches(engine: EngineName) -> Callable[[int], Sequence[Task]]:
    """Return from a number of replicas to a run of as many requests whatever it is, under the same load."""

    def run(replicas: int) -> None:
        queues = Queues(100_000, rate_rps=9.0 * replicas, replicas=replicas)
        simulator = _simulator(queues, engine)
        arrivals_s = queues.arrivals_s()
        simulator.offer(arrivals_s)
        for share, more in ((0.3, 2), (0.6, 1)):
            simulator.advance(share * arrivals_s[-1])
            simulator.reconfigure(Queues(replicas=more * replicas).pipeline()[1])
        simulator.drain()

    return lambda replicas: [lambda: run(replicas)]


def _simulator(queues: Queues, engine: EngineName) -> PipelineSimulator:
    return PipelineSimulator(*queues.pipeline(), SimulationSettings(engine=engine))


def _clone(stages: int, variants: int) -> list[Problem]:
    pipeline = scaled_pipeline(load_pipeline("video"), stages, variants)
    objective = Objective(METRICS["pas"], alpha=ALPHA)
    return [build_problem(pipeline, rate_rps, objective, Constraints()) for rate_rps in RATES_RPS]


def _drawn(stages: int, variants: int) -> list[Problem]:
    return [
        random_problem(seed, stages, variants, 7, "uncorrelated", "pas", tightness=0.2)
        for seed in range(len(RATES_RPS))
    ]


def _decisions(problems: Sequence[Problem]) -> list[Task]:
    return [_decision(problem) for problem in problems]


def _decision(problem: Problem) -> Task:
    return lambda: solve_exact(problem, DEADLINE_S)
