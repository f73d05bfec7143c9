"""Shards that share a load fill their batches from a part of it each, and keep the planned latency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from ipa.optimizer.queueing import fill_wait_s
from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Batch, Engine, Request, Result
from ipa.serving.gateway.engine.clock import Order
from ipa.serving.gateway.engine.stage_queue import StageLimits
from tests.support.scripted_links import INPUTS
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock

LATENCY_S = {size: 0.4 + 0.02 * size for size in (1, 2, 4, 8, 16)}
PIPELINE = pipeline([variant("a", LATENCY_S)])
BATCH, REPLICAS, RATE_RPS, SECONDS = 16, 8, 150.0, 120.0
"""84 % of what full batches carry."""


@dataclass
class SharedReplica:
    """Serves one batch after the other, whichever shard it comes from."""

    name: str
    clock: VirtualClock
    free_s: float = 0.0

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        size = next(size for size in LATENCY_S if size >= len(batch.visits))
        self.free_s = max(self.clock.now_s(), self.free_s) + LATENCY_S[size]
        self.clock.at(self.free_s, Order.ENTER, lambda: done([visit.inputs for visit in batch.visits]))

    def watch(self, _failures: int, _recovered: Callable[[], None], /) -> None:
        raise AssertionError("these replicas never fail")

    def close(self) -> None:
        pass


def late(shards: int, waits_for: int) -> float:
    """Return the share of requests that take longer than is planned for so many queues.

    Parameters
    ----------
    shards
        Among which Poisson arrivals are divided by chance, and replicas evenly.
    waits_for
        Queues that the longest wait for a batch, and the plan, count with.
    """
    clock = VirtualClock()
    wait_s = fill_wait_s(BATCH, RATE_RPS / waits_for)
    planned_s = LATENCY_S[BATCH] + fill_wait_s(BATCH, RATE_RPS / shards)
    replicas = [SharedReplica(f"r{number}", clock) for number in range(REPLICAS)]
    engines = [Engine(PIPELINE, [StageLimits()], clock) for _ in range(shards)]
    for number, engine in enumerate(engines):
        own = replicas[number::shards]
        plan = StagePlan(PIPELINE.stages[0].name, "a", BATCH, len(own), 1, wait_s)
        helpers = [one for one in replicas if one not in own][: len(own)]
        engine.assign([(plan, own)], [helpers])
    ended: list[float] = []

    def arrive(engine: Engine) -> None:
        engine.submit("", INPUTS, lambda request: ended.append(_latency_s(request)))

    rng = np.random.default_rng(0)
    arrivals_s = np.cumsum(rng.exponential(1 / RATE_RPS, round(RATE_RPS * SECONDS)))
    for time_s, shard in zip(arrivals_s.tolist(), rng.integers(0, shards, len(arrivals_s)), strict=True):
        clock.at(time_s, Order.ENTER, partial(arrive, engines[shard]))
    clock.run()
    assert len(ended) == len(arrivals_s)
    return float(np.mean(np.array(ended) > planned_s + 1e-9))


def _latency_s(request: Request) -> float:
    assert request.outcome == "ok"
    return request.end_s - request.arrival_s


def test_one_queue_keeps_what_is_planned() -> None:
    assert late(1, waits_for=1) < 0.03


@pytest.mark.parametrize("shards", [2, 4])
def test_several_queues_keep_what_is_planned_for_their_part_of_the_load(shards: int) -> None:
    assert late(shards, waits_for=shards) < 0.06


@pytest.mark.parametrize("shards", [2, 4])
def test_waits_that_are_meant_for_the_whole_load_send_batches_off_too_small_to_carry_it(shards: int) -> None:
    assert late(shards, waits_for=1) > 0.15
