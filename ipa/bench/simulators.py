"""The same two queues in this simulator, in SimPy, in Ciw, and in a loop that can do nothing else.

Requests arrive at random and pass two stages of equal replicas that serve one at a time, for an exponential
time: the one model that all of them can express. The mean latency that each finds is reported, so that it can
be seen that all simulate the same.
"""

import heapq
import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import pandas as pd

from ipa.arrays import Floats
from ipa.bench.simulator import INTERVAL_S, engines
from ipa.errors import MissingExtraError
from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.simulator import PipelineSimulator, SimulationSettings
from ipa.simulator.settings import EngineName

STAGES = 2


@dataclass(frozen=True, slots=True)
class Queues:
    """Two stages in a row.

    Parameters
    ----------
    requests
        How many pass them.
    rate_rps
        Mean of their Poisson arrivals.
    service_s
        Mean time of one, at each stage.
    replicas
        Of each stage.
    seed
        Of arrivals and service times.
    """

    requests: int = 200_000
    rate_rps: float = 100.0
    service_s: float = 0.1
    replicas: int = 13
    seed: int = 0

    def arrivals_s(self) -> Floats:
        """Return when the requests arrive, shape (requests,)."""
        gaps_s = np.random.default_rng(self.seed).exponential(1 / self.rate_rps, self.requests)
        arrivals_s: Floats = np.cumsum(gaps_s)
        return arrivals_s

    def pipeline(self) -> tuple[Pipeline, Plan]:
        """Return them as a pipeline, and what runs."""
        points = (ProfilePoint(1, self.service_s, self.service_s, 1 / self.service_s),)
        variant = Variant("only", 1.0, 1, (Profile(1, points),))
        names = [f"stage-{number}" for number in range(1, STAGES + 1)]
        stages = tuple(Stage(name, (variant,)) for name in names)
        plan = Plan(tuple(StagePlan(name, "only", 1, self.replicas, 1, 0.0) for name in names))
        return Pipeline("queues", stages, sla_s=10.0), plan


Simulate = Callable[[Queues], float]
"""Simulates all requests and returns their mean latency in seconds."""


def simulated_whole(queues: Queues, engine: EngineName) -> float:
    """Hand this simulator all requests at once."""
    simulator = PipelineSimulator(
        *queues.pipeline(), SimulationSettings(queues.seed, "exponential", engine=engine)
    )
    simulator.offer(queues.arrivals_s())
    simulator.drain()
    return float(simulator.records().latency_s.mean())


def simulated_in_steps(queues: Queues, engine: EngineName) -> float:
    """Hand this simulator the requests of 10 s at a time, as the control loop does."""
    simulator = PipelineSimulator(
        *queues.pipeline(), SimulationSettings(queues.seed, "exponential", engine=engine)
    )
    arrivals_s = queues.arrivals_s()
    ticks_s = np.arange(INTERVAL_S, arrivals_s[-1] + INTERVAL_S, INTERVAL_S)
    for part, now_s in zip(np.split(arrivals_s, np.searchsorted(arrivals_s, ticks_s)), ticks_s, strict=False):
        simulator.offer(part)
        simulator.advance(now_s)
    simulator.drain()
    return float(simulator.records().latency_s.mean())


def plain_loop(queues: Queues) -> float:
    """Do only what these two queues need: no batches, no drops, no switches, no account of a request."""
    random = np.random.default_rng(queues.seed + 1)
    arrivals_s = queues.arrivals_s()
    entered_s = arrivals_s.tolist()
    ends_s: list[float] = []
    for _ in range(STAGES):
        free_s, ends_s = [0.0] * queues.replicas, []
        for at_s, took_s in zip(
            entered_s, random.exponential(queues.service_s, queues.requests).tolist(), strict=True
        ):
            first_s = free_s[0]
            end_s = (first_s if first_s > at_s else at_s) + took_s
            heapq.heapreplace(free_s, end_s)
            ends_s.append(end_s)
        entered_s = sorted(ends_s)
    return float(np.mean(ends_s) - arrivals_s.mean())


def simulated_by_simpy(queues: Queues) -> float:
    """Run one SimPy process per request."""
    try:
        import simpy
    except ImportError as error:
        raise MissingExtraError("SimPy", "bench") from error
    world, random, latencies_s = simpy.Environment(), Random(queues.seed), list[float]()
    stages = [simpy.Resource(world, queues.replicas) for _ in range(STAGES)]

    def request() -> Generator[Any, Any, None]:
        arrived_s = world.now
        for stage in stages:
            with stage.request() as turn:
                yield turn
                yield world.timeout(random.expovariate(1 / queues.service_s))
        latencies_s.append(world.now - arrived_s)

    def source() -> Generator[Any, Any, None]:
        for gap_s in np.diff(queues.arrivals_s(), prepend=0.0).tolist():
            yield world.timeout(gap_s)
            world.process(request())

    world.process(source())
    world.run()
    return float(np.mean(latencies_s))


def simulated_by_ciw(queues: Queues) -> float:
    """Build a Ciw network of two nodes."""
    try:
        import ciw
    except ImportError as error:
        raise MissingExtraError("Ciw", "bench") from error
    ciw.seed(queues.seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(queues.rate_rps), None],
        service_distributions=[ciw.dists.Exponential(1 / queues.service_s)] * STAGES,
        number_of_servers=[queues.replicas] * STAGES,
        routing=[[0.0, 1.0], [0.0, 0.0]],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(queues.requests, method="Finish")
    spent_s = sum(record.exit_date - record.arrival_date for record in simulation.get_all_records())
    return float(spent_s) / queues.requests


def contenders() -> list[tuple[str, float, Simulate]]:
    """Return what to compare: a name, the share of the requests that it gets, and how it simulates them."""
    ours: list[tuple[str, float, Simulate]] = []
    for engine in engines():
        ours += [
            (f"{engine}, 10 s steps", 1.0, _with(simulated_in_steps, engine)),
            (f"{engine}, whole", 1.0, _with(simulated_whole, engine)),
        ]
    others = [("SimPy", 0.1, simulated_by_simpy), ("Ciw", 0.05, simulated_by_ciw)]
    return [*ours, ("plain loop", 1.0, plain_loop), *others]


def _with(simulate: Callable[[Queues, EngineName], float], engine: EngineName) -> Simulate:
    return lambda queues: simulate(queues, engine)


def compare_simulators(
    queues: Queues | None = None,
    repeats: int = 3,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Measure all simulators on the same queues, one after the other in every round.

    Parameters
    ----------
    queues
        What to simulate; SimPy and Ciw, which are slower, get fewer requests.
    repeats
        Rounds, each with another seed.
    progress
        Called with what was measured.

    Returns
    -------
    pandas.DataFrame
        One row per simulator: requests per round, the mean latency found, requests per second of processor
        time (the best round, which others on the machine disturb least), and how many times that of SimPy and
        of Ciw. What is not installed has NaN, and ``missing`` says how to install it.
    """
    queues = queues or Queues()
    compared = contenders()
    speeds, missing, found = _measure(compared, queues, repeats, progress)
    table = pd.DataFrame(
        {
            "simulator": [name for name, _, _ in compared],
            "requests": [math.ceil(queues.requests * share) for _, share, _ in compared],
            "mean_latency_s": [found[name] for name, _, _ in compared],
            "requests_per_s": [speeds[name] for name, _, _ in compared],
        }
    )
    for other in ("SimPy", "Ciw"):
        table[f"times_{other}"] = table["requests_per_s"] / speeds[other]
    return table.assign(missing=[missing.get(name, "") for name, _, _ in compared])


def _measure(
    compared: Sequence[tuple[str, float, Simulate]],
    queues: Queues,
    repeats: int,
    progress: Callable[[str], None] | None,
) -> tuple[dict[str, float], dict[str, str], dict[str, float]]:
    """Return per simulator its speed, what it misses, and the mean latency it finds."""
    speeds = {name: math.nan for name, _, _ in compared}
    found, missing = dict(speeds), dict[str, str]()
    for turn in range(repeats):
        for name, share, simulate in compared:
            part = replace(queues, requests=math.ceil(queues.requests * share), seed=queues.seed + turn)
            try:
                if not turn:
                    simulate(replace(part, requests=100))
                began_s = time.process_time()
                found[name] = simulate(part)
            except MissingExtraError as error:
                missing[name] = str(error)
                continue
            speeds[name] = np.fmax(speeds[name], part.requests / (time.process_time() - began_s))
            if progress is not None:
                progress(name)
    return speeds, missing, found
