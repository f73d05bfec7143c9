"""Stopping replicas: which of them go, and when their cores are given back."""

import numpy as np

from ipa.simulator.cost import CoreMeter
from ipa.simulator.replicas import ReplicaPool


def test_starting_replicas_stop_first_then_the_idle_then_those_whose_batch_ends_first() -> None:
    meter = CoreMeter()
    pool = ReplicaPool(cores=2, start_up_s=8.0, meter=meter)
    pool.place(3, 0.0)
    pool.free_s[:] = [1.0, 14.0, 12.0]
    pool.resize(5, at_s=10.0)
    pool.stop(4, at_s=10.0)
    assert pool.free_s == [14.0]
    # Two cores until 14 s, two until 12 s, two until now; what was started now has cost nothing.
    assert meter.core_seconds(10.0) == 60.0
    assert meter.core_seconds(20.0) == 60.0 + 2 * 2.0 + 2 * 10.0


def test_stopping_many_replicas_at_once_is_the_same_as_one_after_the_other() -> None:
    pools = [ReplicaPool(1, 5.0, CoreMeter()) for _ in range(2)]
    for pool in pools:
        pool.place(400, 0.0)
        pool.free_s[:] = sorted(np.random.default_rng(0).uniform(0, 20, 400).tolist())
        pool.resize(500, at_s=10.0)
    pools[0].stop(450, 10.0)
    for _ in range(450):
        pools[1].stop(1, 10.0)
    assert pools[0].free_s == pools[1].free_s
    assert pools[0].meter.core_seconds(30.0) == pools[1].meter.core_seconds(30.0)
