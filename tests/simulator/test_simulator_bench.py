"""The benchmark simulates what it says it does; how fast is not tested."""

from dataclasses import replace

import numpy as np
import pytest

from ipa.bench import simulator as bench
from ipa.bench.validate import cases, erlang_c, validate
from ipa.pipeline.load import load_pipeline


def test_the_benchmark_serves_every_batch_size_and_switches_the_variant() -> None:
    load = replace(bench.LOADS[0], horizon_s=200.0)
    arrivals_s = np.sort(np.random.default_rng(0).uniform(0, load.horizon_s, 6000))
    simulator = bench.simulate(load_pipeline("video"), load, arrivals_s, seed=0)
    one, two = simulator.records().stages
    assert simulator.counts().done == len(arrivals_s)
    assert {1, 2, 8} <= set(one.batch.tolist()) & set(two.batch.tolist())
    assert {two.variants[code] for code in two.variant} == {"resnet18", "resnet34"}


def test_the_benchmark_reports_one_row_per_engine_and_load() -> None:
    loads = [replace(load, horizon_s=100.0) for load in bench.LOADS[::2]]
    report = bench.bench_simulator(repeats=2, loads=loads)
    engines = bench.engines()
    assert "python" in engines
    assert report["engine"].tolist() == [name for name in engines for _ in loads]
    assert report["load"].tolist() == ["paper", "heavy"] * len(engines)
    assert set(report["plans"]) == {20}
    assert (report[["median_requests_per_s", "median_requests_per_cpu_s"]] > 0).all(axis=None)
    per_load = report.groupby("load")["requests"].nunique()
    assert (per_load == 1).all()


def test_the_validation_compares_every_case_with_its_theory() -> None:
    report = validate(requests=20_000, runs=2)
    assert len(report) == len(list(cases())) + 2
    assert report["case"].is_unique
    assert report["deviation_pct"].abs().max() < 25
    little = report[report["case"].str.startswith("Little")]
    assert little["deviation_pct"].abs().max() < 1e-6


@pytest.mark.parametrize(
    ("servers", "load", "waits"), [(1, 0.3, 0.3), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (10, 8.0, 0.4092)]
)
def test_erlang_c(servers: int, load: float, waits: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waits, abs=1e-4)
