"""Measures in bounded memory agree with those of runs that keep everything."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.bench.trace import bench_trace
from ipa.errors import InvalidValueError
from ipa.experiments.spec import RunSpec
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.streamed import StreamedPlatform
from ipa.results.measures import p99_by_second
from ipa.results.requests import RequestRecords
from ipa.results.streaming import LatencyHistogram, RunningMeasures
from ipa.simulator import SimulationSettings

VIDEO = load_pipeline("video")
PLAN = Plan(
    (
        StagePlan("object-detection", "yolov5n", 1, 4, 1),
        StagePlan("image-classification", "resnet18", 1, 3, 1),
    )
)


@given(
    st.lists(st.floats(1e-4, 1e3), min_size=1, max_size=300),
    st.sampled_from([0.001, 0.01, 0.1]),
    st.floats(0.01, 1.0),
)
def test_a_quantile_is_within_the_stated_error(values: list[float], error: float, share: float) -> None:
    histogram = LatencyHistogram(error)
    for part in np.array_split(np.array(values), 3):
        histogram.add(part)
    true = np.sort(values)[max(math.ceil(share * len(values)), 1) - 1]
    assert histogram.count == len(values)
    assert abs(histogram.quantile(share) / true - 1) <= error * (1 + 1e-6)


def test_values_out_of_range_are_counted_at_the_ends() -> None:
    histogram = LatencyHistogram(0.01, shortest_s=0.1, longest_s=10.0)
    histogram.add(np.array([0.0, 1e-9, 1e9]))
    assert histogram.count == 3
    assert histogram.quantile(0.5) == pytest.approx(0.1, rel=0.02)
    assert histogram.quantile(1.0) == pytest.approx(10.0, rel=0.03)


def test_an_empty_histogram_knows_nothing() -> None:
    assert math.isnan(LatencyHistogram().quantile(0.5))


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1])
def test_an_error_outside_its_domain_is_refused(error: float) -> None:
    with pytest.raises(InvalidValueError):
        LatencyHistogram(error)


def run(rates_rps: np.ndarray, collect: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the streamed chunks and the measures of a run, collecting from that many requests on."""
    monkeypatch.setattr("ipa.platforms.streamed.COLLECT_REQUESTS", collect)
    chunks, measures = [], RunningMeasures(sla_s=0.5)

    def take(records: Any) -> None:
        chunks.append(records)
        measures.add_requests(records)

    platform = StreamedPlatform(rates_rps, SimulationSettings(seed=3, drop_after_s=2.0), take, seed=3)
    platform.deploy(VIDEO, PLAN)
    for time_s in np.arange(10.0, len(rates_rps) + 1, 10.0):
        platform.sleep_until(time_s)
        assert (
            platform.observe().rates_rps.tolist()
            == rates_rps[max(0, int(time_s) - 120) : int(time_s)].tolist()
        )
    platform.drain()
    return chunks, measures


def test_streamed_measures_are_those_of_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rates_rps = np.random.default_rng(0).poisson(np.repeat([20, 90, 10, 0, 15], 300))
    (whole,), kept = run(rates_rps, 10**9, monkeypatch)
    chunks, streamed = run(rates_rps, 500, monkeypatch)
    assert len(chunks) > 10
    assert len(whole.arrival_s) == rates_rps.sum()
    for name in ("arrival_s", "end_s", "outcome", "dropped_stage"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(chunk, name) for chunk in chunks]), getattr(whole, name)
        )
    assert streamed.summary() == pytest.approx(kept.summary(), nan_ok=True)
    latency_s = whole.latency_s[~np.isnan(whole.latency_s)]
    assert streamed.summary()["latency_p99_s"] == pytest.approx(np.quantile(latency_s, 0.99), rel=0.01)
    per_second_s = p99_by_second(whole.arrival_s[whole.outcome == 1], latency_s, len(rates_rps))
    assert streamed.late_seconds == np.count_nonzero(per_second_s > 0.5)
    assert streamed.summary()["dropped"] == np.count_nonzero(whole.outcome == 2) > 0
    assert streamed.summary()["errors"] == 0


def test_errors_are_counted_apart_from_drops() -> None:
    arrival_s, none = np.arange(4.0), np.full(4, -1)
    outcome = np.array([1, 2, 3, 3], dtype=np.int8)
    measures = RunningMeasures(sla_s=0.5)
    measures.add_requests(RequestRecords(arrival_s, arrival_s + 0.1, outcome, none, none, ()))
    found = measures.summary()
    assert (found["requests"], found["answered"], found["dropped"], found["errors"]) == (4, 1, 1, 2)
    assert found["violation_share"] == 0.75


def test_the_arrivals_of_every_second_are_those_of_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    rates_rps = np.random.default_rng(1).poisson(12, 1300)
    chunks, _ = run(rates_rps, 1000, monkeypatch)
    arrival_s = np.concatenate([chunk.arrival_s for chunk in chunks])
    np.testing.assert_array_equal(np.bincount(arrival_s.astype(int), minlength=len(rates_rps)), rates_rps)


def test_what_is_kept_does_not_grow_with_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks, _ = run(np.full(2000, 20), 2000, monkeypatch)
    assert max(len(chunk.arrival_s) for chunk in chunks) < 2500


def test_a_burst_that_reaches_beyond_its_second_cannot_be_streamed() -> None:
    with pytest.raises(InvalidValueError, match="poisson or uniform"):
        StreamedPlatform(np.ones(3, int), SimulationSettings(), print, arrivals="paper-burst")


def test_nothing_works_before_a_pipeline_is_deployed() -> None:
    platform = StreamedPlatform(np.ones(3, int), SimulationSettings(), print)
    with pytest.raises(RuntimeError, match="deploy"):
        platform.observe()
    with pytest.raises(RuntimeError, match="deploy"):
        platform.sleep_until(1.0)


def test_the_long_run_adapts_and_accounts_for_every_request() -> None:
    rates_rps = np.repeat([10, 40, 10], 100)
    told: list[tuple[int, int]] = []
    found = bench_trace(rates_rps, RunSpec(), progress=lambda *seen: told.append(seen))
    assert found["requests"] == rates_rps.sum() == found["answered"] + found["dropped"]
    assert found["steps"] == 31
    assert found["applied_steps"] > 2
    assert found["simulated_s"] == 300
    assert told[0] == (0, 300)
    assert found["memory_mb"] > 10
