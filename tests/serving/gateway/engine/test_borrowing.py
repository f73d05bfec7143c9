"""A shard whose own replicas are all busy gets help from those of another one, not at once."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from ipa.pipeline.plan import StagePlan
from ipa.serving.gateway.engine import Batch, Engine, Fault, Result
from ipa.serving.gateway.engine.clock import Order
from ipa.serving.gateway.engine.stage_queue import StageLimits
from tests.support.scripted_links import INPUTS, ScriptedGateway, ScriptedLink
from tests.support.simulator_toys import pipeline, variant
from tests.support.virtual_gateway import VirtualClock

SERVICE_S = 0.1
"""Time that a batch takes, as the profile of these gateways has it."""

GONE = Fault("unavailable", "replica 0-0 cannot be reached")


def gateway_with_help(**settings: int) -> tuple[ScriptedGateway, ScriptedLink, ScriptedLink]:
    """Return a gateway of one stage, its own replica, and the one that may help."""
    gateway = ScriptedGateway(**settings)
    gateway.borrowed[0] = [ScriptedLink("helper")]
    gateway.plan("a", settings.get("batch", 1))
    return gateway, gateway.links[0][0], gateway.borrowed[0][0]


def test_its_own_replica_comes_first() -> None:
    gateway, own, helper = gateway_with_help()
    for name in "abc":
        gateway.submit(name)
        assert own.numbers() == [name]
        own.answer()
        gateway.clock.run_until(gateway.clock.time_s + 10 * SERVICE_S)
    assert not helper.sent


def test_help_comes_once_a_request_has_waited_for_the_time_of_a_batch() -> None:
    gateway, own, helper = gateway_with_help()
    gateway.submit("a", "b", "c")
    gateway.clock.run_until(0.99 * SERVICE_S)
    assert own.numbers() == ["a"]
    assert not helper.sent
    gateway.clock.run_until(SERVICE_S)
    assert helper.numbers() == ["b"]
    (state,) = gateway.engine.state().stages
    assert [(one.name, one.state, one.borrowed) for one in state.replicas] == [
        ("0-0", "busy", False),
        ("helper", "busy", True),
    ]
    own.answer()
    gateway.settle()
    assert own.numbers() == ["c"]


def test_what_is_borrowed_counts_as_waiting_for_a_free_replica_until_then() -> None:
    gateway, _, helper = gateway_with_help()
    _, late = gateway.submit("a", "b")
    gateway.clock.run_until(1.0)
    helper.answer()
    (visit,) = late.visits[0]
    assert (visit.free_s, visit.start_s) == (SERVICE_S, SERVICE_S)


def test_help_comes_where_the_only_own_replica_is_lost() -> None:
    gateway, own, helper = gateway_with_help()
    gateway.submit("a")
    own.fail(GONE)
    gateway.clock.run_until(SERVICE_S)
    assert helper.numbers() == ["a"]


def test_a_batch_that_is_not_full_waits_for_its_time_and_then_for_help() -> None:
    gateway, own, helper = gateway_with_help(batch=8)
    gateway.submit(*"abcdefgh")
    assert len(own.numbers()) == 8
    gateway.submit("late")
    gateway.clock.run_until(0.39)
    assert not helper.sent
    gateway.clock.run_until(0.41)
    assert helper.numbers() == ["late"], "a batch of eight takes 0.4 s"


def test_a_helper_becomes_its_own_and_the_other_way_round_with_their_batches() -> None:
    gateway, own, helper = gateway_with_help()
    gateway.submit("a", "b")
    gateway.clock.run_until(SERVICE_S)
    gateway.submit("c")
    gateway.links[0], gateway.borrowed[0] = [helper], [own]
    gateway.plan("a", 1)
    assert not own.closed
    own.answer()
    gateway.settle()
    assert not own.busy, "it only helps now, and c has not waited for long"
    helper.answer()
    gateway.settle()
    assert helper.numbers() == ["c"]
    gateway.borrowed[0] = []
    gateway.plan("a", 1)
    assert own.closed
    assert gateway.outcomes() == {"a": "ok", "b": "ok"}


class Server:
    """A replica that several gateways call: one batch at a time, the others wait."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._queue: deque[tuple[Batch, Callable[[Sequence[Result]], None]]] = deque()

    def take(self, batch: Batch, done: Callable[[Sequence[Result]], None]) -> None:
        self._queue.append((batch, done))
        if len(self._queue) == 1:
            self._begin()

    def _begin(self) -> None:
        self._clock.at(self._clock.now_s() + SERVICE_S, Order.ENTER, self._end)

    def _end(self) -> None:
        batch, done = self._queue.popleft()
        if self._queue:
            self._begin()
        done([INPUTS for _ in batch.visits])


class Way:
    """The way of one gateway to a server."""

    def __init__(self, name: str, server: Server) -> None:
        self.name, self._server = name, server

    def send(self, batch: Batch, done: Callable[[Sequence[Result]], None], /) -> None:
        self._server.take(batch, done)

    def watch(self, _failures: int, _recovered: Callable[[], None], /) -> None:
        raise AssertionError("no server here fails")

    def close(self) -> None:
        """Nothing is held open."""


def latencies_s(*, borrow: bool, busy_share: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the latencies of 1000 requests, 15 a second, at two gateways with a replica each, of which one
    gets more than its half of them."""
    clock = VirtualClock()
    servers = [Server(clock), Server(clock)]
    engines: list[Engine] = []
    for mine in (0, 1):
        engine = Engine(pipeline([variant("a", {1: SERVICE_S})]), [StageLimits()], clock)
        own, other = [Way(f"server-{one}", servers[one]) for one in (mine, 1 - mine)]
        engine.assign([(StagePlan("s0", "a", 1, 1, 1), [own])], [[other]] if borrow else ())
        engines.append(engine)
    rng, ended = np.random.default_rng(3), list[float]()

    def submit(engine: Engine) -> None:
        engine.submit("any", INPUTS, lambda request: ended.append(request.end_s - request.arrival_s))

    for at_s in np.cumsum(rng.exponential(1 / 15, 1000)).tolist():
        clock.at(at_s, Order.ENTER, partial(submit, engines[int(rng.random() >= busy_share)]))
    clock.run_until(1000.0)
    assert len(ended) == 1000
    return np.array(ended)


@pytest.mark.parametrize("busy_share", [0.5, 0.75, 1.0])
def test_no_shard_falls_behind_while_the_replicas_of_another_have_nothing_to_do(busy_share: float) -> None:
    with_help = latencies_s(borrow=True, busy_share=busy_share)
    assert np.quantile(with_help, 0.95) < 10 * SERVICE_S
    alone = latencies_s(borrow=False, busy_share=busy_share)
    if busy_share > 0.7:
        # 11 and 15 requests a second are more than the 10 that one replica carries.
        assert np.quantile(alone, 0.95) > 40 * SERVICE_S
    else:
        assert np.quantile(with_help, 0.95) < 1.1 * np.quantile(alone, 0.95)
