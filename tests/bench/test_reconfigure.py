"""Reconfigurations under load: what is changed, and that it costs no request."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.bench.reconfigure import (
    DRAWS_IN_CLUSTER,
    HEADROOM,
    MOST_REPLICAS,
    Kind,
    ReconfigureOutcome,
    Switch,
    bench_pipeline,
    bench_reconfigure,
    first_plan,
    next_plan,
    rarest_plan,
)
from ipa.cluster.kinds import PIPELINE
from tests.support.cluster import Cluster
from tests.support.command import Ipa

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


@given(seed=st.integers(0, 1000))
def test_of_many_drawn_plans_all_kinds_come_about_as_often(seed: int) -> None:
    rng, plan = np.random.default_rng(seed), first_plan(RATE_RPS)
    made: Counter[Kind] = Counter()
    for _ in range(20):
        kind, plan = rarest_plan(plan, RATE_RPS, rng, made, DRAWS_IN_CLUSTER)
        made[kind] += 1
    assert len(made) == 4
    assert min(made.values()) >= 3


def outcome(*switches: Switch) -> ReconfigureOutcome:
    return ReconfigureOutcome(9, 0, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 2, 40.0, switches)


def test_times_are_medians_and_maxima_of_each_kind_and_in_a_cluster_writes_too() -> None:
    here = outcome(Switch("batch", 0.01), Switch("batch", 0.03), Switch("variant", 1.0))
    assert here.times().to_dict("list") == {
        "kind": ["batch", "variant"],
        "count": [2, 1],
        "median_ms": [20.0, 1000.0],
        "max_ms": [30.0, 1000.0],
    }
    there = replace(outcome(Switch("batch", 0.01, 1), Switch("batch", 0.03, 2)), idle_writes=0)
    (row,) = there.times().to_dict("records")
    assert (row["median_writes"], row["max_writes"]) == (1.5, 2)


@pytest.mark.cluster
@pytest.mark.usefixtures("pod_code")
def test_in_a_cluster_they_lose_nothing_and_the_running_plan_takes_no_writes(
    cluster: Cluster, namespace: str, ipa: Ipa
) -> None:
    where = ("-n", namespace, "--image", cluster.image, "--kubeconfig", cluster.kubeconfig)
    done = ipa("bench", "reconfigure", "--platform", "kubernetes", "--count", "4", "--every", "5", *where)
    assert done.code == 0, done.out + done.err
    told = {line.rpartition("│")[0].strip(): line.split()[-1] for line in done.out.splitlines() if line}
    assert {told[name] for name in ("lost", "duplicated", "failed", "dropped", "wrong", "idle writes")} == {
        "0"
    }
    assert "median writes" in done.out
    assert not cluster.client.list(PIPELINE, namespace).items


@pytest.mark.live
def test_reconfigurations_lose_and_duplicate_nothing() -> None:
    found = bench_reconfigure(reconfigurations=6, rate_rps=30.0, every_s=0.8)
    bad = (found.lost, found.duplicated, found.failed, found.dropped, found.wrong)
    assert bad == (0, 0, 0, 0, 0)
    assert found.requests > 300
    assert 0 < len(found.switches) <= 6
    assert all(isinstance(switch, Switch) and 0 < switch.took_s < 10 for switch in found.switches)
    assert found.times()["count"].sum() == len(found.switches)
