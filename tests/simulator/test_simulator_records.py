"""Records, settings, network delay, errors of input."""

import math

import numpy as np
import pandas as pd
import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.pipeline.profiles import ProfilePoint
from ipa.simulator import PipelineSimulator, SimulationSettings
from ipa.simulator.cost import CoreMeter
from ipa.simulator.service import Z99, lognormal_spread, service_times
from tests.support.simulator_toys import pipeline, plan, simulate, variant

PER_STAGE = ("wait_s", "service_s", "batch", "variant", "batch_wait_s")
PIPE: Pipeline = pipeline([variant("a", {1: 1.0, 2: 1.5})], [variant("a", {1: 0.5}), variant("b", {1: 0.25})])
PLAN: Plan = plan(("a", 2, 1, 0.5), ("b", 1, 1, 0.0))


@pytest.fixture
def frame() -> pd.DataFrame:
    settings = SimulationSettings(service="deterministic", drop_after_s=2.0)
    return simulate(PIPE, PLAN, settings, [0.0, 0.25, 0.5, 1.0, 2.0]).records().to_frame()


def test_the_frame_has_one_row_per_request_and_five_columns_per_stage(frame: pd.DataFrame) -> None:
    own = ["request", "arrival_s", "end_s", "latency_s", "outcome", "reason", "dropped_stage"]
    per_stage = [f"{stage}_{c}" for stage in ("1_s0", "2_s1") for c in PER_STAGE]
    assert list(frame.columns) == own + per_stage
    assert len(frame) == 5


def test_the_frame_tells_what_happened(frame: pd.DataFrame) -> None:
    # 0 and 1 are served together from 0.25 to 1.75, then one after the other; 2 and 3 from 1.75 to 3.25, too
    # late for the second stage; 4 has waited enough at 3.25 and is served alone until 4.25, too late as well.
    assert frame["outcome"].tolist() == ["ok", "ok", "dropped", "dropped", "dropped"]
    assert frame["reason"].tolist()[2:] == ["expired"] * 3
    assert frame["dropped_stage"].tolist()[2:] == ["2_s1"] * 3
    assert frame["latency_s"].tolist()[:2] == [2.0, 2.0]
    assert frame["end_s"].tolist() == [2.0, 2.25, 3.25, 3.25, 4.25]
    assert frame["1_s0_wait_s"].tolist() == [0.25, 0.0, 1.25, 0.75, 1.25]
    assert frame["1_s0_batch"].tolist() == [2, 2, 2, 2, 1]
    assert frame["2_s1_wait_s"].tolist() == [0.0, 0.25, 0.0, 0.0, 0.0]
    assert frame["2_s1_batch"].tolist() == [1, 1, 0, 0, 0]
    assert frame["2_s1_variant"].tolist()[:2] == ["b", "b"]


def test_the_wait_is_split_into_that_for_a_replica_and_that_for_the_batch(frame: pd.DataFrame) -> None:
    # The replica is free until 0.25 and again at 1.75, when two wait already; from 3.25 on, 4 waits no more.
    assert frame["1_s0_batch_wait_s"].tolist() == [0.25, 0.0, 0.0, 0.0, 0.0]


def test_what_did_not_happen_is_missing(frame: pd.DataFrame) -> None:
    assert frame["latency_s"].isna().tolist() == [False, False, True, True, True]
    assert frame["reason"].isna().tolist() == [True, True, False, False, False]
    assert frame["2_s1_service_s"].isna().tolist() == [False, False, True, True, True]
    assert frame["2_s1_variant"].isna().tolist() == [False, False, True, True, True]


def test_the_frame_is_compact(frame: pd.DataFrame) -> None:
    assert frame["request"].dtype == np.int32
    assert frame["1_s0_batch"].dtype == np.int32
    assert {frame[c].dtype for c in frame if str(c).endswith(("wait_s", "service_s", "latency_s"))} == {
        np.dtype(np.float32)
    }
    assert all(isinstance(frame[c].dtype, pd.CategoricalDtype) for c in ("outcome", "reason", "1_s0_variant"))


def test_a_simulation_without_requests_has_an_empty_frame_and_runs_on() -> None:
    simulator = PipelineSimulator(PIPE, PLAN)
    simulator.drain()
    assert simulator.now_s == 0.0
    simulator.advance(10.0)
    assert len(simulator.records().to_frame()) == 0
    assert simulator.running_core_seconds() == 20.0


def test_what_lies_in_the_future_is_not_recorded() -> None:
    simulator = PipelineSimulator(PIPE, PLAN, SimulationSettings(service="deterministic"))
    simulator.offer([0.0, 0.25, 5.0])
    simulator.advance(1.0)
    records = simulator.records()
    assert records.to_frame()["outcome"].tolist() == ["in-flight"] * 3
    assert records.stages[0].start_s.tolist()[:2] == [0.25, 0.25]
    assert np.isnan(records.stages[0].end_s).all()
    assert np.isnan(records.end_s).all()
    counts = simulator.counts()
    assert (counts.arrived, counts.entering, counts.waiting, counts.serving) == (2, 0, (0, 0), (2, 0))


def test_each_hop_takes_the_network_delay() -> None:
    settings = SimulationSettings(service="deterministic", network_delay_s=0.125)
    simulator = PipelineSimulator(PIPE, plan(("a", 1, 1, 0.0), ("b", 1, 1, 0.0)), settings)
    simulator.offer([0.0])
    simulator.advance(0.0625)
    assert simulator.counts().entering == 1
    simulator.advance(1.1875)
    assert simulator.counts().serving == (1, 0)
    simulator.drain()
    records = simulator.records()
    assert records.stages[0].start_s.tolist() == [0.125]
    assert records.stages[1].start_s.tolist() == [1.25]
    assert records.end_s.tolist() == [1.625]
    assert simulator.now_s == 1.625


def test_a_request_too_old_on_entry_is_dropped_on_entry() -> None:
    settings = SimulationSettings(service="deterministic", drop_after_s=0.5)
    records = simulate(PIPE, plan(("a", 1, 1, 0.0), ("b", 1, 1, 0.0)), settings, [0.0]).records()
    assert records.dropped_stage.tolist() == [1]
    assert records.end_s.tolist() == records.stages[1].enter_s.tolist() == [1.0]


def test_a_request_is_still_served_at_the_instant_of_its_deadline() -> None:
    one = pipeline([variant("a", {1: 1.0})])
    settings = SimulationSettings(service="deterministic", drop_after_s=1.0)
    records = simulate(one, plan(("a", 1, 1, 0.0)), settings, [0.0, 0.0, 0.0]).records()
    assert records.to_frame()["outcome"].tolist() == ["ok", "ok", "dropped"]
    assert records.end_s.tolist() == [1.0, 2.0, 1.0]


def test_a_request_behind_others_expires_before_them_if_it_arrived_earlier() -> None:
    """Two replicas let the second request overtake the first, whose batch takes longer by chance."""
    pipe = pipeline([variant("a", {1: 1.0}, tail=8.0)], [variant("a", {1: 30.0})])
    settings = SimulationSettings(seed=0, drop_after_s=20.0)
    times_s = np.arange(0, 10, 0.1)
    records = simulate(pipe, plan(("a", 1, 20, 0.0), ("a", 1, 1, 0.0)), settings, times_s).records()
    dropped = records.dropped_stage == 1
    entered = np.argsort(records.stages[1].enter_s[dropped], kind="stable")
    assert np.any(np.diff(records.end_s[dropped][entered]) < 0)
    np.testing.assert_allclose(records.end_s[dropped], records.arrival_s[dropped] + 20.0)


@pytest.mark.parametrize("arrivals_s", [[2.0, 1.0], [-1.0], [math.nan], [math.inf], [[0.0, 1.0]]], ids=str)
def test_arrival_times_that_make_no_sense_are_an_error(arrivals_s: list[float]) -> None:
    simulator = PipelineSimulator(PIPE, PLAN)
    with pytest.raises(InvalidValueError, match="arriv"):
        simulator.offer(arrivals_s)
    assert simulator.counts().arrived == 0


def test_the_past_cannot_be_changed() -> None:
    simulator = PipelineSimulator(PIPE, PLAN)
    simulator.advance(5.0)
    with pytest.raises(InvalidValueError, match=r"4.0 s; it is 5.0 s already"):
        simulator.offer([4.0])
    for until_s in (4.0, math.inf, math.nan):
        with pytest.raises(InvalidValueError, match=r"cannot advance from 5\.0 s"):
            simulator.advance(until_s)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"drop_after_s": 0.0}, "drop_after_s is 0.0"),
        ({"network_delay_s": -0.1}, "network_delay_s is -0.1"),
        ({"network_delay_s": math.inf}, "network_delay_s is inf"),
    ],
)
def test_settings_outside_their_domain_are_an_error(values: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        SimulationSettings(**values)


def test_an_unknown_kind_of_service_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'lognormal'"):
        SimulationSettings(service="log-normal")


@pytest.mark.parametrize("ratio", [1.001, 1.5, 3.0, 14.0])
def test_the_log_normal_has_the_given_p99(ratio: float) -> None:
    spread = lognormal_spread(2.0, 2.0 * ratio)
    assert math.exp(Z99 * spread - spread**2 / 2) == pytest.approx(ratio)
    assert 0 < spread <= Z99


@pytest.mark.parametrize("p99_s", [1.0, 0.9, 0.0])
def test_a_p99_not_above_the_mean_is_a_constant(p99_s: float) -> None:
    assert lognormal_spread(1.0, p99_s) == 0.0


def test_a_p99_beyond_any_log_normal_gives_the_widest_one() -> None:
    assert lognormal_spread(1.0, 100.0) == Z99


def test_batches_below_the_smallest_measured_one_take_as_long() -> None:
    points = (ProfilePoint(4, 2.0, 2.0, 2.0), ProfilePoint(8, 3.0, 3.0, 2.7))
    assert service_times(points, 8, "deterministic").scale_s[1:5] == (2.0,) * 4


@pytest.mark.parametrize("mean_s", [0.0, -1.0, math.nan, math.inf])
def test_a_profile_without_a_usable_mean_is_an_error(mean_s: float) -> None:
    with pytest.raises(InvalidValueError, match="mean latency at batch 1"):
        service_times((ProfilePoint(1, 1.0, mean_s, 1.0),), 1, "lognormal")


def test_the_meter_counts_changes_announced_out_of_order() -> None:
    meter = CoreMeter()
    meter.change(0.0, 2)
    meter.change(5.0, -2)
    meter.change(1.0, 4)
    assert [meter.core_seconds(t) for t in (0.5, 2.0, 2.0, 10.0)] == [1.0, 8.0, 8.0, 46.0]
