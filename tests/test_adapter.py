"""The control loop on a platform whose parts fail on demand."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fake_platform import FakePlatform

from ipa.adapter import Adapter, AdapterSettings, DecisionRecord
from ipa.experiments import planner_for, simulate
from ipa.forecast import Forecast, make_forecaster
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.planner import Planner
from ipa.plan import Plan, StagePlan
from ipa.results import without_nan
from ipa.run_spec import RunSpec

PLANNER = planner_for(RunSpec("video", "bursty", "ipa"))
PLAN_10, PLAN_30 = PLANNER.decide(10.0).plan, PLANNER.decide(30.0).plan


@dataclass
class Scripted:
    """A forecaster that answers, or raises, what it is given, in turn; the last answer repeats."""

    answers: list[float | BaseException]
    name: str = "scripted"

    def forecast(self, history_rps, now_s=None) -> Forecast:  # noqa: ARG002 (the protocol's signature)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return Forecast(answer, self.name)


class BrokenPlanner(Planner):
    """Fails at one rate."""

    def decide(self, rate_rps: float) -> Decision:
        if rate_rps == 13:
            raise MemoryError("the solver ran out of memory")
        return super().decide(rate_rps)


def adapter_on(
    platform: FakePlatform,
    *rates: float | BaseException,
    planner: Planner = PLANNER,
    settings: AdapterSettings | None = None,
    deployed: Plan | None = PLAN_10,
) -> tuple[Adapter, list[DecisionRecord]]:
    records: list[DecisionRecord] = []
    settings = settings or AdapterSettings()
    adapter = Adapter(platform, planner, Scripted(list(rates)), settings, records.append)
    if deployed is not None:
        adapter.deploy(deployed)
    return adapter, records


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


def test_a_plan_that_waits_for_room_says_so() -> None:
    adapter, _ = adapter_on(FakePlatform(full=True), 30.0)
    record = adapter.step()
    assert (record.action, record.reason) == ("applied", "the plan waits for room in the cluster")


def test_the_plan_that_runs_already_makes_no_call() -> None:
    platform = FakePlatform(failing={"apply": 99})
    adapter, _ = adapter_on(platform, 10.0)
    assert [adapter.step().action for _ in range(3)] == ["unchanged"] * 3
    assert platform.applied == []


@pytest.mark.parametrize(
    ("failing", "rates", "reason"),
    [
        ({"observe": 1}, [30.0], "observe failed: ConnectionError: observe is out of order"),
        ({}, [ValueError("no model"), 30.0], "forecast failed: ValueError: no model"),
        ({}, [13.0, 30.0], "decide failed: MemoryError: the solver ran out of memory"),
        ({}, [math.nan, 30.0], "decide failed: InvalidValueError: the arrival rate must be finite"),
        ({"apply": 1}, [30.0], "apply failed: ConnectionError: apply is out of order"),
    ],
)
def test_a_failing_step_is_held_and_recorded_and_the_next_one_recovers(failing, rates, reason) -> None:
    platform = FakePlatform(failing=dict(failing))
    planner = BrokenPlanner(PLANNER.pipeline, PLANNER.objective, PLANNER.constraints)
    adapter, records = adapter_on(platform, *rates, planner=planner)
    held = adapter.step()
    assert held.action == "held"
    assert held.reason.startswith(reason)
    assert (held.plan, held.cost_cores) == (PLAN_10, PLAN_10.cost_cores)
    assert platform.running == PLAN_10
    assert adapter.step().action == "applied"
    assert platform.running == PLAN_30
    assert [record.step for record in records] == [0, 1, 2]


def test_a_rounded_forecast_that_is_no_number_is_held() -> None:
    adapter, _ = adapter_on(FakePlatform(), math.nan, settings=AdapterSettings(whole_rates=True))
    assert adapter.step().reason.startswith("forecast failed: ValueError")


def test_everything_failing_for_long_leaves_a_record_of_every_step() -> None:
    platform = FakePlatform(failing={"observe": 50})
    adapter, records = adapter_on(platform, 30.0)
    adapter.run(until_s=500)
    assert [record.action for record in records] == ["deployed"] + ["held"] * 50
    assert {record.plan for record in records} == {PLAN_10}


def test_an_infeasible_load_holds_the_last_good_plan() -> None:
    platform = FakePlatform()
    adapter, _ = adapter_on(platform, 1e6, 30.0)
    record = adapter.step()
    assert (record.status, record.action) == (Status.INFEASIBLE, "held")
    assert record.reason == "no plan carries 1e+06 requests per second within the SLA"
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
    settings = AdapterSettings(forecast_margin=margin, whole_rates=whole)
    adapter, _ = adapter_on(FakePlatform(), 9.4, settings=settings)
    assert adapter.step().rate_rps == pytest.approx(rate_rps)


def test_steps_come_at_exact_times_however_long_one_takes() -> None:
    platform = FakePlatform(time_s=3.0)
    adapter, records = adapter_on(platform, 10.0, settings=AdapterSettings(interval_s=0.1))
    adapter.run(until_s=3.0 + 0.1 * 30)
    assert platform.slept == [3.0 + tick * 0.1 for tick in range(1, 31)]
    assert len(records) == 31


def test_the_last_step_is_at_the_end_and_none_after_it() -> None:
    platform = FakePlatform()
    adapter, records = adapter_on(platform, 10.0)
    adapter.run(until_s=39.9)
    assert platform.slept == [10, 20, 30]
    assert [record.time_s for record in records] == [0, 10, 20, 30]


def test_restarted_beside_a_running_plan_it_converges_without_a_call() -> None:
    platform = FakePlatform(running=PLAN_30)
    adapter, records = adapter_on(platform, 30.0, deployed=None)
    adapter.step()
    assert (records[0].action, records[0].plan, platform.applied) == ("unchanged", PLAN_30, [])


def test_restarted_at_an_infeasible_load_it_keeps_what_runs() -> None:
    platform = FakePlatform(running=PLAN_30)
    adapter, _ = adapter_on(platform, 1e6, deployed=None)
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
    adapter, records = adapter_on(platform, 1e6, 10.0, deployed=None)
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


def test_a_record_is_plain_json() -> None:
    adapter, _ = adapter_on(FakePlatform(), 30.0)
    content = json.loads(json.dumps(without_nan(adapter.step().as_dict())))
    assert content["plan"][0]["variant"] == PLAN_30.stages[0].variant
    assert content["action"] == "applied"
    assert isinstance(content["observed_rps"], int)


@pytest.mark.parametrize("method", ["ipa", "fa2-high", "rim"])
def test_a_constant_load_causes_no_flapping(method: str) -> None:
    spec = RunSpec(
        "video", "constant-20", method, arrivals="uniform", service="deterministic", duration_s=300
    )
    outcome = simulate(spec)
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
