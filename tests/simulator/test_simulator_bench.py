"""The benchmark simulates what it says it does; how fast is not tested."""

from dataclasses import replace

import numpy as np

from ipa.bench import simulator as bench
from ipa.config import load_pipeline


def test_the_benchmark_serves_every_batch_size_and_switches_the_variant() -> None:
    load = replace(bench.LOADS[0], horizon_s=200.0)
    arrivals_s = np.sort(np.random.default_rng(0).uniform(0, load.horizon_s, 6000))
    simulator = bench.simulate(load_pipeline("video"), load, arrivals_s, seed=0)
    one, two = simulator.records().stages
    assert simulator.counts().done == len(arrivals_s)
    assert {1, 2, 8} <= set(one.batch.tolist()) & set(two.batch.tolist())
    assert {two.variants[code] for code in two.variant} == {"resnet18", "resnet34"}


def test_the_benchmark_reports_one_row_per_load() -> None:
    report = bench.bench_simulator(repeats=1)
    assert report["load"].tolist() == ["paper", "heavy"]
    assert report["plans"].tolist() == [720, 20]
    assert (report["median_requests_per_s"] > 0).all()
