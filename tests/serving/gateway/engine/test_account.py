"""The books of the gateway: what came in each second of the clock."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipa.pipeline.plan import Plan
from ipa.platforms.simulated import SimulatedPlatform
from ipa.serving.gateway.engine.account import Account
from ipa.simulator import SimulationSettings
from tests.support.simulator_toys import pipeline, plan, variant
from tests.support.virtual_gateway import VirtualGateway

PIPELINE = pipeline([variant("a", {1: 0.001})])
PLAN: Plan = plan(("a", 1, 1, 0.0))
SECONDS = 4


def counted_live(due_s: list[float], way_in_s: float) -> list[int]:
    """Return what a gateway counts whose requests take a while to reach it."""
    gateway = VirtualGateway(PIPELINE, PLAN, SimulationSettings())
    gateway.run([at_s + way_in_s for at_s in due_s])
    return gateway.engine.account.arrivals(0, SECONDS)


def counted_simulated(due_s: list[float], way_in_s: float) -> list[int]:
    platform = SimulatedPlatform(SimulationSettings(), counted_after_s=way_in_s)
    platform.offer(np.array(due_s, dtype=float))
    platform.deploy(PIPELINE, PLAN)
    platform.sleep_until(SECONDS)
    return [int(count) for count in platform.observe().rates_rps]


def test_a_request_counts_when_it_comes_and_not_when_it_is_due() -> None:
    due_s = [38.2 - 38, 38.9995 - 38, 39.4 - 38]
    assert counted_live(due_s, 0.0) == counted_simulated(due_s, 0.0) == [2, 1, 0, 0]
    assert counted_live(due_s, 0.001) == counted_simulated(due_s, 0.001) == [1, 2, 0, 0]


@given(st.lists(st.floats(0, 3.5, width=32), max_size=30), st.sampled_from([0.0, 0.001, 0.25]))
def test_a_gateway_counts_what_the_simulator_says_that_it_counts(due_s: list[float], way_in_s: float) -> None:
    due_s = sorted(due_s)
    assert counted_live(due_s, way_in_s) == counted_simulated(due_s, way_in_s)


def test_another_zero_of_the_clock_starts_the_count_anew() -> None:
    account = Account(0.0)
    account.arrive(0.5)
    account.set_zero(10.0)
    assert [account.arrive(now_s) for now_s in (10.0, 10.999, 11.0)] == [1, 2, 3]
    assert account.arrivals(-10, 3) == [0] * 10 + [2, 1, 0]
