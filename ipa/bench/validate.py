"""The simulator against queueing theory, case by case."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ipa.pipeline.pipeline import Pipeline, Stage, Variant
from ipa.pipeline.plan import Plan, StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.results.intervals import mean_interval
from ipa.simulator import PipelineSimulator, RequestRecords, SimulationSettings, StageRecords
from ipa.simulator.service import lognormal_spread
from ipa.simulator.settings import EngineName, Service

REQUESTS = 1_000_000
RUNS = 10
"""The mean wait over 10^6 requests alone scatters by 1 to 3 %: waits stay correlated for very long."""

LARGEST_BATCH = 64
TAIL = 3.0
"""p99 over mean of the log-normal service."""


@dataclass(frozen=True, slots=True)
class QueueCase:
    """A queue of one stage, whose batches take 1 s on average whatever their size.

    Parameters
    ----------
    name
        Kendall's notation and what is compared.
    rate_rps
        Mean of the Poisson arrivals.
    theory
        What queueing theory says.
    measure
        The same from the records of the stage.
    service
        Distribution of the service time.
    replicas, batch
        Replicas, and requests in a full batch.
    batch_wait_s
        Longest wait for a batch to fill.
    """

    name: str
    rate_rps: float
    theory: float
    measure: Callable[[StageRecords], float]
    service: Service
    replicas: int = 1
    batch: int = 1
    batch_wait_s: float = 0.0


def erlang_c(servers: int, offered_load: float) -> float:
    """Return the probability that a request has to wait in an M/M/c queue.

    Parameters
    ----------
    servers
        Number of servers c.
    offered_load
        Arrival rate times mean service time, below c.

    Examples
    --------
    >>> erlang_c(1, 0.5), round(erlang_c(3, 2.0), 4)
    (0.5, 0.4444)
    """
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered_load * blocked / (busy + offered_load * blocked)
    return blocked / (1 - offered_load / servers * (1 - blocked))


def mean_wait_s(stage: StageRecords) -> float:
    """Return the mean time in the queue."""
    return float(np.mean(stage.start_s - stage.enter_s))


def waiting_share(stage: StageRecords) -> float:
    """Return the share of requests that had to wait."""
    return float(np.mean(stage.start_s > stage.enter_s))


def cases() -> Iterator[QueueCase]:
    """Return all queues whose theory is known in closed form."""
    for load in (0.3, 0.5, 0.7):
        wait_s = load / (1 - load)
        yield QueueCase(f"M/M/1, load {load}: mean wait (s)", load, wait_s, mean_wait_s, "exponential")
        yield QueueCase(f"M/D/1, load {load}: mean wait (s)", load, wait_s / 2, mean_wait_s, "deterministic")
        second_moment = math.exp(lognormal_spread(1.0, TAIL) ** 2)
        yield QueueCase(
            f"M/G/1 log-normal, load {load}: mean wait (s)",
            load, wait_s / 2 * second_moment, mean_wait_s, "lognormal",
        )  # fmt: skip
    for servers, load in ((2, 0.5), (3, 0.7), (5, 0.7)):
        waits, rate_rps = erlang_c(servers, servers * load), servers * load
        yield QueueCase(
            f"M/M/{servers}, load {load}: share that waits (Erlang C)",
            rate_rps, waits, waiting_share, "exponential", servers,
        )  # fmt: skip
        yield QueueCase(
            f"M/M/{servers}, load {load}: mean wait (s)",
            rate_rps, waits / (servers - rate_rps), mean_wait_s, "exponential", servers,
        )  # fmt: skip
    for batch in (2, 8, LARGEST_BATCH):
        rate_rps = 20.0
        yield QueueCase(
            f"batches of {batch}, idle replicas: wait of the oldest (s), (b-1)/rate",
            rate_rps, (batch - 1) / rate_rps, _oldest_wait_s(batch), "deterministic", 60, batch, 1e6,
        )  # fmt: skip
        yield QueueCase(
            f"batches of {batch}, idle replicas: mean wait (s), half of it",
            rate_rps, (batch - 1) / rate_rps / 2, mean_wait_s, "deterministic", 60, batch, 1e6,
        )  # fmt: skip


def _oldest_wait_s(batch: int) -> Callable[[StageRecords], float]:
    def measure(stage: StageRecords) -> float:
        return float(np.mean((stage.start_s - stage.enter_s)[::batch]))

    return measure


def validate(
    requests: int = REQUESTS,
    runs: int = RUNS,
    seed: int = 0,
    engine: EngineName = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Simulate every case, and a two-stage pipeline for Little's law.

    Parameters
    ----------
    requests
        Requests per case and run.
    runs
        Repetitions with other seeds.
    seed
        Any number; another one gives all runs other seeds.
    engine
        Of the simulator; both give the same numbers.
    progress
        Called with (cases done, cases in all).

    Returns
    -------
    pandas.DataFrame
        One row per case: ``case``, ``theory``, ``simulated`` (mean over runs), ``deviation_pct`` of it, and
        ``interval_pct``, half the width of the 95 % confidence interval of that deviation (NaN for a single
        run). Little's law is exact accounting, an identity of the stage's books; its rows show the first run.
    """
    every = list(cases())
    rows = []
    for done, case in enumerate(every, 1):
        # Seeds of its own, or all cases would share the luck of the same random numbers.
        first = (seed * len(every) + done) * runs
        found = [_simulate(case, requests, first + run, engine) for run in range(runs)]
        rows.append(_row(case.name, case.theory, found))
        if progress is not None:
            progress(done, len(every))
    rows += [_row(name, theory, [found]) for name, theory, found in little_s_law(requests, seed, engine)]
    return pd.DataFrame(rows)


def _row(case: str, theory: float, simulated: list[float]) -> dict[str, object]:
    found = mean_interval(simulated)
    return {
        "case": case,
        "theory": theory,
        "simulated": found.mean,
        "deviation_pct": (found.mean / theory - 1) * 100,
        "interval_pct": found.spread / theory * 100,
    }


def _simulate(case: QueueCase, requests: int, seed: int, engine: EngineName) -> float:
    stage = StagePlan("s", "v", case.batch, case.replicas, 1, case.batch_wait_s)
    settings = SimulationSettings(seed=seed, service=case.service, engine=engine)
    # A last batch that nobody fills would wait for ever.
    whole = requests - requests % case.batch
    records = _run(_pipeline(1), Plan((stage,)), settings, _poisson(case.rate_rps, whole, seed))
    return case.measure(records.stages[0])


def little_s_law(requests: int, seed: int, engine: EngineName) -> list[tuple[str, float, float]]:
    """Return, per stage of a batched pipeline, rate times mean time in it and the mean number in it.

    The number in a stage is integrated over all its entries and departures, without sampling.
    """
    plan = Plan(tuple(StagePlan(f"s{i}" if i else "s", "v", 4, 2 + i, 1, 0.5) for i in range(2)))
    settings = SimulationSettings(seed=seed, engine=engine)
    records = _run(_pipeline(2), plan, settings, _poisson(6.0, requests, seed))
    result = []
    for number, stage in enumerate(records.stages, 1):
        span_s = float(stage.end_s.max() - stage.enter_s.min())
        rate_rps, stay_s = requests / span_s, float(np.mean(stage.end_s - stage.enter_s))
        result.append((f"Little's law, stage {number}: L against λW", rate_rps * stay_s, _mean_number(stage)))
    return result


def _mean_number(stage: StageRecords) -> float:
    times_s = np.concatenate((stage.enter_s, stage.end_s))
    change = np.repeat((1.0, -1.0), len(stage.enter_s))
    order = np.argsort(times_s, kind="stable")
    present = np.cumsum(change[order])[:-1]
    times_s = times_s[order]
    return float(np.sum(present * np.diff(times_s)) / (times_s[-1] - times_s[0]))


def _pipeline(stages: int) -> Pipeline:
    points = tuple(ProfilePoint(batch, TAIL, 1.0, batch) for batch in (1, LARGEST_BATCH))
    variant = Variant("v", 1.0, 1, (Profile(1, points),))
    return Pipeline(
        "queue", tuple(Stage(f"s{i}" if i else "s", (variant,)) for i in range(stages)), sla_s=1.0
    )


def _poisson(rate_rps: float, requests: int, seed: int) -> NDArray[np.float64]:
    """Return Poisson arrivals, stretched to the exact rate: waits react to it far more than in proportion."""
    gaps_s = np.random.default_rng([seed, 1]).exponential(1 / rate_rps, requests)
    times_s: NDArray[np.float64] = np.cumsum(gaps_s * (requests / rate_rps / gaps_s.sum()))
    return times_s


def _run(
    pipeline: Pipeline, plan: Plan, settings: SimulationSettings, arrivals_s: NDArray[np.float64]
) -> RequestRecords:
    simulator = PipelineSimulator(pipeline, plan, settings)
    simulator.offer(arrivals_s)
    simulator.drain()
    return simulator.records()
