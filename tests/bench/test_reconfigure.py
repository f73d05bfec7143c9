"""Reconfigurations under load: what is changed, and that it costs no request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.bench.reconfigure import (
    HEADROOM,
    MOST_REPLICAS,
    Switch,
    bench_pipeline,
    bench_reconfigure,
    first_plan,
    next_plan,
)

RATE_RPS = 50.0


@given(seed=st.integers(0, 1000))
def test_every_plan_carries_the_load_and_differs_in_one_thing_of_one_stage(seed: int) -> None:
    rng, plan = np.random.default_rng(seed), first_plan(RATE_RPS)
    for _ in range(20):
        kind, changed = next_plan(plan, RATE_RPS, rng)
        assert changed.throughput_rps(bench_pipeline()) >= HEADROOM * RATE_RPS
        assert all(stage.replicas <= MOST_REPLICAS for stage in changed.stages)
        [(before, after)] = [
            pair for pair in zip(plan.stages, changed.stages, strict=True) if pair[0] != pair[1]
        ]
        assert {
            "batch": after.batch != before.batch,
            "variant": after.variant != before.variant,
            "scale-up": after.replicas == before.replicas + 1,
            "scale-down": after.replicas == before.replicas - 1,
        }[kind]
        plan = changed


@pytest.mark.live
def test_reconfigurations_lose_and_duplicate_nothing() -> None:
    found = bench_reconfigure(reconfigurations=6, rate_rps=30.0, every_s=0.8)
    bad = (found.lost, found.duplicated, found.failed, found.dropped, found.wrong)
    assert bad == (0, 0, 0, 0, 0)
    assert found.requests > 300
    assert 0 < len(found.switches) <= 6
    assert all(isinstance(switch, Switch) and 0 < switch.took_s < 10 for switch in found.switches)
    assert found.times()["count"].sum() == len(found.switches)
