"""The control loop beside what it did not start: running plans, changed plans, dead monitors."""

import math

import pytest

from ipa.adapter import Adapter, AdapterSettings
from ipa.forecast import make_forecaster
from ipa.pipeline.plan import Plan, StagePlan
from ipa.results.decisions import DecisionRecord
from tests.support.adapters import HOLD, PLAN_10, PLAN_30, PLANNER, adapter_on
from tests.support.fake_platform import FakePlatform


def test_restarted_beside_a_running_plan_it_converges_without_a_call() -> None:
    platform = FakePlatform(running=PLAN_30)
    adapter, records = adapter_on(platform, 30.0, deployed=None)
    adapter.step()
    assert (records[0].action, records[0].plan, platform.applied) == ("unchanged", PLAN_30, [])


def test_restarted_at_an_infeasible_load_it_keeps_what_runs() -> None:
    platform = FakePlatform(running=PLAN_30)
    adapter, _ = adapter_on(platform, 1e6, deployed=None, settings=HOLD)
    record = adapter.step()
    assert (record.action, record.plan, platform.applied) == ("held", PLAN_30, [])


def test_restarted_while_nothing_can_be_observed_it_waits() -> None:
    platform = FakePlatform(running=PLAN_30, failing={"observe": 2})
    adapter, records = adapter_on(platform, 10.0, deployed=None)
    for _ in range(3):
        adapter.step()
    assert [(r.action, r.cost_cores) for r in records] == [
        ("held", 0),
        ("held", 0),
        ("applied", PLAN_10.cost_cores),
    ]
    assert math.isnan(records[0].pas)
    assert platform.running == PLAN_10


def test_restarted_beside_a_plan_of_another_pipeline_it_replaces_it() -> None:
    other = Plan((StagePlan("detection", "yolo", 1, 1, 1),))
    platform = FakePlatform(running=other)
    adapter, records = adapter_on(platform, 1e6, 10.0, deployed=None, settings=HOLD)
    adapter.step()
    adapter.step()
    assert (records[0].plan, math.isnan(records[0].pas)) == (other, True)
    assert platform.running == PLAN_10


def test_a_plan_changed_by_someone_else_is_put_back() -> None:
    platform = FakePlatform()
    adapter, _ = adapter_on(platform, 10.0)
    platform.running = PLAN_30
    assert adapter.step().action == "applied"
    assert platform.running == PLAN_10


def test_a_second_that_was_not_measured_is_recorded_as_unknown() -> None:
    adapter, _ = adapter_on(FakePlatform(rates_rps=[4.0, math.nan]), 10.0)
    record = adapter.step()
    assert (record.observed_rps, record.action) == (None, "unchanged")


def test_how_the_load_was_measured_is_recorded_where_it_was_not_as_usual() -> None:
    platform = FakePlatform(note="Prometheus is down; the gateways told the arrivals")
    adapter, _ = adapter_on(platform, 10.0)
    record = adapter.step()
    assert (record.action, record.reason) == ("unchanged", platform.note)
    platform.note = ""
    assert adapter.step().reason == ""


@pytest.mark.parametrize("rates", [[], [math.nan] * 120, [-1.0] * 120])
def test_a_dead_monitor_is_not_taken_for_an_idle_service(rates: list[float]) -> None:
    platform = FakePlatform(rates_rps=[30.0] * 120)
    records: list[DecisionRecord] = []
    adapter = Adapter(platform, PLANNER, make_forecaster("lstm"), AdapterSettings(), records.append)
    adapter.deploy(PLAN_10)
    busy = adapter.step().plan
    platform.rates_rps = rates
    record = adapter.step()
    assert (record.action, record.plan, platform.running) == ("held", busy, busy)
    assert record.reason == "no second of the history was measured"
    platform.rates_rps = [30.0] * 120
    assert adapter.step().action == "unchanged"
