"""The control loop: what it applies, decides for, and records, and when."""

import json
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ipa.adapter import Adapter, AdapterSettings
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.forecast import make_forecaster
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.planner import Planner
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.plan import Plan
from ipa.results.decisions import DecisionRecord
from ipa.results.json_files import without_nan
from tests.support.adapters import (
    HOLD,
    PLAN_10,
    PLAN_30,
    PLANNER,
    adapter_on,
)
from tests.support.fake_platform import FakePlatform


def test_the_deployment_is_step_0() -> None:
    platform = FakePlatform()
    _, (record,) = adapter_on(platform, 10.0)
    assert platform.running == PLAN_10
    assert (record.step, record.action, record.plan, record.time_s) == (0, "deployed", PLAN_10, 0.0)
    assert (record.rate_rps, record.status, record.reason) == (None, "", "")


def test_a_changed_load_is_applied() -> None:
    platform = FakePlatform()
    adapter, records = adapter_on(platform, 30.0)
    record = adapter.step()
    assert platform.applied == [PLAN_30]
    assert (record.action, record.status, record.plan) == ("applied", "optimal", PLAN_30)
    assert (record.observed_rps, record.forecast_rps, record.rate_rps) == (10, 30.0, 30.0)
    assert record.cost_cores == PLAN_30.cost_cores
    assert record.pas == PLAN_30.accuracy(PLANNER.pipeline)
    assert record.ready_replicas == tuple(stage.replicas for stage in PLAN_10.stages)
    assert records[-1] is record


def test_a_plan_that_waits_for_room_stays_pending_until_it_is_in_force() -> None:
    platform = FakePlatform(full=True)
    adapter, _ = adapter_on(platform, 30.0)
    for _ in range(3):
        record = adapter.step()
        assert (record.action, record.reason) == ("pending", "the plan waits for room in the cluster")
        assert (record.plan, platform.running) == (PLAN_30, PLAN_10)
    platform.full = False
    assert [adapter.step().action for _ in range(2)] == ["applied", "unchanged"]
    assert platform.running == PLAN_30


def test_a_plan_that_waits_for_room_is_taken_back_when_the_load_is_gone() -> None:
    platform = FakePlatform(full=True)
    adapter, _ = adapter_on(platform, 30.0, 10.0)
    assert adapter.step().action == "pending"
    platform.full = False
    adapter.step()
    assert (platform.waiting, platform.running) == (None, PLAN_10)
    assert adapter.step().action == "unchanged"


def test_replicas_that_do_not_serve_yet_keep_a_plan_pending() -> None:
    platform = FakePlatform()
    adapter, _ = adapter_on(platform, 30.0)
    assert adapter.step().action == "applied"
    first = PLAN_30.stages[0]
    platform.ready = (first.replicas - 1, *(stage.replicas for stage in PLAN_30.stages[1:]))
    record = adapter.step()
    assert record.action == "pending"
    assert record.reason == f"{first.stage}: {first.replicas - 1} of {first.replicas} replicas serve"
    platform.ready = None
    assert adapter.step().action == "unchanged"


def test_a_batch_wait_that_moves_with_the_forecast_is_handed_over_and_no_reconfiguration() -> None:
    stages = tuple(replace(stage, batch=2, batch_wait_s=0.5) for stage in PLAN_10.stages)
    other_wait = Plan(tuple(replace(stage, batch_wait_s=0.4) for stage in stages))

    class Waiting(Planner):
        def decide(self, rate_rps: float) -> Decision:
            return replace(super().decide(rate_rps), plan=other_wait)

    platform = FakePlatform()
    planner = Waiting(PLANNER.pipeline, PLANNER.objective, PLANNER.constraints)
    adapter, _ = adapter_on(platform, 30.0, planner=planner, deployed=Plan(stages))
    record = adapter.step()
    assert (record.action, record.reason, platform.applied) == ("unchanged", "", [other_wait])
    assert (record.plan, platform.running) == (other_wait, other_wait)


def test_the_plan_that_runs_already_makes_no_call() -> None:
    platform = FakePlatform(failing={"apply": 99})
    adapter, _ = adapter_on(platform, 10.0)
    assert [adapter.step().action for _ in range(3)] == ["unchanged"] * 3
    assert platform.applied == []


def test_above_capacity_the_best_effort_is_applied() -> None:
    platform = FakePlatform()
    adapter, _ = adapter_on(platform, 1e6)
    best = PLANNER.decide(1e6)
    record = adapter.step()
    assert (record.status, record.action, record.reason) == (Status.INFEASIBLE, "applied", best.why)
    assert (record.plan, platform.running) == (best.plan, best.plan)
    assert max(stage.replicas for stage in record.plan.stages) == PLANNER.constraints.max_replicas
    again = adapter.step()
    assert (again.action, again.reason) == ("unchanged", best.why)


def test_a_loop_told_to_hold_keeps_the_last_good_plan_above_capacity() -> None:
    platform = FakePlatform()
    adapter, _ = adapter_on(platform, 1e6, 30.0, settings=HOLD)
    record = adapter.step()
    assert (record.status, record.action) == (Status.INFEASIBLE, "held")
    assert record.reason == PLANNER.decide(1e6).why
    assert (record.plan, platform.applied) == (PLAN_10, [])
    assert adapter.step().action == "applied"


def test_what_a_solver_remarks_is_recorded_even_if_the_plan_is_applied() -> None:
    class Remarking(Planner):
        def decide(self, rate_rps: float) -> Decision:
            return replace(super().decide(rate_rps), note="fell back to cbc")

    planner = Remarking(PLANNER.pipeline, PLANNER.objective, PLANNER.constraints)
    adapter, _ = adapter_on(FakePlatform(), 30.0, planner=planner)
    record = adapter.step()
    assert (record.action, record.reason) == ("applied", "fell back to cbc")


def test_an_interrupt_is_not_a_failing_step() -> None:
    adapter, records = adapter_on(FakePlatform(), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        adapter.step()
    assert len(records) == 1


@pytest.mark.parametrize(
    ("margin", "whole", "rate_rps"),
    [(0.0, False, 9.4), (0.2, False, 11.28), (0.2, True, 11.0), (0.0, True, 9.0)],
)
def test_margin_and_rounding_shape_the_rate_decided_for(margin: float, whole: bool, rate_rps: float) -> None:
    settings = AdapterSettings(forecast_margin=margin, round_rates=whole)
    adapter, _ = adapter_on(FakePlatform(), 9.4, settings=settings)
    assert adapter.step().rate_rps == pytest.approx(rate_rps)


def test_steps_come_at_exact_times() -> None:
    platform = FakePlatform(time_s=3.0)
    adapter, records = adapter_on(platform, 10.0, settings=AdapterSettings(interval_s=0.1))
    adapter.run(until_s=3.0 + 0.1 * 30)
    assert platform.slept == [3.0 + tick * 0.1 for tick in range(1, 31)]
    assert len(records) == 31
    assert {record.skipped_ticks for record in records} == {0}


def test_after_a_slow_step_missed_ticks_are_skipped_and_counted() -> None:
    platform = FakePlatform(step_takes_s=[0.0, 34.0, 10.0])
    adapter, records = adapter_on(platform, 10.0)
    adapter.run(until_s=100)
    assert platform.slept == [10, 20, 60, 70, 80, 90, 100]
    assert [record.skipped_ticks for record in records] == [0, 0, 0, 3, 0, 0, 0, 0]
    assert adapter.skipped_ticks == 3


def test_steps_missed_at_the_end_are_counted_too(caplog: pytest.LogCaptureFixture) -> None:
    platform = FakePlatform(step_takes_s=[500.0])
    adapter, records = adapter_on(platform, 10.0)
    adapter.run(until_s=100)
    assert (len(records), adapter.skipped_ticks) == (2, 9)
    assert "9 steps were skipped because their time had passed" in caplog.text


def test_the_last_step_is_at_the_end_and_none_after_it() -> None:
    platform = FakePlatform()
    adapter, records = adapter_on(platform, 10.0)
    adapter.run(until_s=39.9)
    assert platform.slept == [10, 20, 30]
    assert [record.time_s for record in records] == [0, 10, 20, 30]


def test_a_record_is_plain_json() -> None:
    adapter, _ = adapter_on(FakePlatform(), 30.0)
    content = json.loads(json.dumps(without_nan(adapter.step().as_dict())))
    assert content["plan"][0]["variant"] == PLAN_30.stages[0].variant
    assert content["action"] == "applied"
    assert content["observed_rps"] == 10.0


@pytest.mark.parametrize(("last", "shown"), [(12.6, 12.6), (np.int64(12), 12), (math.inf, None)])
def test_the_observed_rate_is_not_truncated(last: float, shown: float | None) -> None:
    adapter, _ = adapter_on(FakePlatform(rates_rps=[10.0, last]), 10.0)
    assert adapter.step().observed_rps == shown


@pytest.mark.parametrize("method", ["ipa", "fa2-high", "rim"])
def test_a_constant_load_causes_no_flapping(method: str) -> None:
    spec = RunSpec("video", "constant-20", method, arrivals="uniform", duration_s=300)
    outcome = simulate(spec.with_settings(service="deterministic"))
    # The forecaster's first answer after its warm-up may differ from the maximum so far; nothing else may.
    changed = [record.time_s for record in outcome.decisions if record.action == "applied"]
    assert changed in ([], [120.0])
    assert outcome.measures.plan_changes <= len(changed)
    assert outcome.measures.held_steps == 0


def test_the_loop_works_with_every_real_forecaster_input() -> None:
    platform = FakePlatform(rates_rps=list(np.linspace(1, 40, 120)))
    records: list[DecisionRecord] = []
    adapter = Adapter(platform, PLANNER, make_forecaster("max"), AdapterSettings(), records.append)
    adapter.deploy(PLAN_10)
    assert adapter.step().rate_rps == 40.0


def test_the_measured_accuracy_of_a_plan_is_recorded_beside_its_pas() -> None:
    names = [[variant.name for variant in stage.choices] for stage in PLANNER.pipeline.stages]
    rows = tuple(Combination(variants, 0.25) for variants in product(*names))
    measured = replace(PLANNER.pipeline, measured_accuracy=MeasuredAccuracy(rows))
    for planner, expected in ((PLANNER, None), (replace(PLANNER, pipeline=measured), 0.25)):
        _, (record,) = adapter_on(FakePlatform(), 10.0, planner=planner)
        assert record.measured_accuracy == expected
