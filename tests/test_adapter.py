"""The control loop on a platform whose parts fail on demand."""

import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.adapter import Adapter, AdapterSettings
from ipa.experiments.resolved import planner_for
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.forecast import Forecast, make_forecaster
from ipa.optimizer.decision import Decision, Status
from ipa.optimizer.planner import Planner
from ipa.pipeline.measured_accuracy import Combination, MeasuredAccuracy
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import Observation
from ipa.results.decisions import DecisionRecord
from ipa.results.json_files import without_nan
from tests.support.fake_platform import Answer, FakePlatform, Faults

PLANNER = planner_for(RunSpec("video", "bursty", "ipa"))
PLAN_10, PLAN_30 = PLANNER.decide(10.0).plan, PLANNER.decide(30.0).plan


HOLD = AdapterSettings(on_infeasible="hold")
DECIDED = cache(PLANNER.decide)


class Unprintable(BaseException):
    """An error whose message cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


@dataclass
class Scripted:
    """A forecaster that answers, or raises, what it is given, in turn; the last answer repeats."""

    answers: list[float | BaseException]
    name: str = "scripted"

    def forecast(self, history_rps: list[Any], now_s: float | None = None) -> Forecast:  # noqa: ARG002 (the protocol's signature)
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


@pytest.mark.parametrize(
    ("failing", "rates", "reason"),
    [
        ({"observe": 1}, [30.0], "observe failed: ConnectionError: observe is out of order"),
        ({}, [ValueError("no model"), 30.0], "forecast failed: ValueError: no model"),
        ({}, [13.0, 30.0], "decide failed: MemoryError: the solver ran out of memory"),
        ({}, [math.nan, 30.0], "forecast failed: InvalidValueError: the forecaster answered nan requests"),
        ({}, [math.inf, 30.0], "forecast failed: InvalidValueError: the forecaster answered inf requests"),
        ({}, [-1.0, 30.0], "forecast failed: InvalidValueError: the forecaster answered -1.0 requests"),
        ({}, ["30", 30.0], "forecast failed: InvalidValueError: the forecaster answered '30' requests"),
        ({"apply": 1}, [30.0], "apply failed: ConnectionError: apply is out of order"),
    ],
)
def test_a_failing_step_is_held_and_recorded_and_the_next_one_recovers(
    failing: Any, rates: Any, reason: str
) -> None:
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


@pytest.mark.parametrize("says_what_it_was_told", [False, True])
@pytest.mark.parametrize("later", [30.0, ValueError("no model")])
def test_a_plan_applied_in_half_is_applied_again_until_it_is_in_force(
    says_what_it_was_told: Any, later: Any
) -> None:
    faults = Faults({"apply": [ConnectionError("half-way"), TimeoutError("again")]})
    platform = FakePlatform(faults=faults, says_what_it_was_told=says_what_it_was_told)
    adapter, _ = adapter_on(platform, 30.0, later)
    assert adapter.step().reason == "apply failed: ConnectionError: half-way"
    assert platform.running == Plan((PLAN_30.stages[0], *PLAN_10.stages[1:]))
    held = adapter.step()
    assert (held.action, held.reason.endswith("apply failed: TimeoutError: again")) == ("held", True)
    healed = adapter.step()
    assert healed.action == "applied"
    assert healed.reason.endswith("applied again: an earlier step broke off while applying")
    assert (platform.running, healed.plan) == (PLAN_30, PLAN_30)
    assert adapter.step().action == ("held" if later != 30.0 else "unchanged")
    assert platform.applied == [PLAN_30]


def test_an_apply_without_a_report_is_asked_for_by_the_next_observation() -> None:
    platform = FakePlatform(faults=Faults({"apply": [Answer(None)]}))
    adapter, _ = adapter_on(platform, 30.0)
    record = adapter.step()
    assert (record.action, record.reason) == ("pending", "apply answered NoneType, not an ApplyReport")
    assert adapter.step().action == "unchanged"


def test_everything_failing_for_long_leaves_a_record_of_every_step() -> None:
    platform = FakePlatform(failing={"observe": 50})
    adapter, records = adapter_on(platform, 30.0)
    adapter.run(until_s=500)
    assert [record.action for record in records] == ["deployed"] + ["held"] * 50
    assert {record.plan for record in records} == {PLAN_10}


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


@pytest.mark.parametrize("jump_s", [-1e6, -15.0, 15.0, 1e6])
def test_a_clock_that_jumps_neither_ends_the_loop_nor_makes_a_burst(jump_s: float) -> None:
    platform = FakePlatform(step_takes_s=[0.0, jump_s])
    adapter, records = adapter_on(platform, 10.0)
    adapter.run(until_s=100)
    assert len(records) - 1 + adapter.skipped_ticks == 10
    assert all(later - earlier >= 10 for earlier, later in pairwise(platform.slept[2:]))


def test_a_failing_record_does_not_end_the_loop_and_is_told_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults({"record": [OSError("disk full")] * 3})
    records: list[DecisionRecord] = []

    def record(done: DecisionRecord) -> None:
        faults.next("record")
        records.append(done)

    adapter = Adapter(FakePlatform(), PLANNER, Scripted([30.0]), AdapterSettings(), record)
    adapter.deploy(PLAN_10)
    adapter.run(until_s=50)
    assert [record.step for record in adapter.unrecorded] == [0, 1, 2]
    assert [record.step for record in records] == [3, 4, 5]
    assert "3 steps could not be recorded, from step 0 on" in caplog.text


GARBAGE = (
    *(Answer(value) for value in (None, 7, "", math.nan, [], {}, object())),
    *(ValueError("no"), MemoryError(), GeneratorExit(), StopIteration(), BaseException("odd"), Unprintable()),
)
ODD_OBSERVATIONS = (
    Answer(Observation(math.nan, np.array([[1.0, 2.0]]), PLAN_10, (1, 1))),
    Answer(Observation(0.0, None, PLAN_10, (1, 1))),
    Answer(Observation(0.0, np.array(["a"]), PLAN_10, (1,))),
    Answer(Observation(0.0, np.ones(120), None, (1, 1))),
    Answer(Observation(0.0, np.ones(120), Plan((None, 3)), (1, 1))),
    Answer(Observation(0.0, np.ones(120), PLAN_10, None)),
    Answer(Observation(0.0, np.ones(120), PLAN_10, (math.nan, "x"))),
    Answer(Observation(0.0, np.array([5.0, math.inf]), Plan(()), ())),
)
ODD_FORECASTS = tuple(Answer(Forecast(rate, "odd")) for rate in (math.nan, math.inf, -3.0, "9", None, 1e300))
ODD_CLOCKS = tuple(Answer(value) for value in (-1e9, 1e9, math.nan, math.inf, "noon", None))


@contextmanager
def without_log() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def some_faults(*kinds: str) -> st.SearchStrategy:
    return st.lists(st.none() | st.sampled_from(kinds), max_size=12)


@settings(max_examples=300)
@given(
    observe=some_faults(*GARBAGE, *ODD_OBSERVATIONS),
    apply=some_faults(*GARBAGE),
    forecast=some_faults(*GARBAGE, *ODD_FORECASTS),
    decide=some_faults(*GARBAGE),
    record=some_faults(*GARBAGE),
    now=some_faults(*GARBAGE, *ODD_CLOCKS),
    sleep_until=some_faults(*GARBAGE),
    told=st.booleans(),
    hold=st.booleans(),
)
def test_whatever_fails_the_loop_ends_its_steps_and_then_the_plan_wanted_is_in_force(
    told: bool, hold: bool, **by_call: Any
) -> None:
    faults = Faults({name: list(found) for name, found in by_call.items()})
    # How many steps are planned is known only from a clock that is right when the loop begins.
    faults.by_call["now"][:0] = [None, None]
    platform = FakePlatform(faults=faults, says_what_it_was_told=told)
    records: list[DecisionRecord] = []

    class Faulty:
        name = "faulty"

        def forecast(self, history_rps: list[Any], now_s: float | None = None) -> Any:  # noqa: ARG002 (the protocol's signature)
            fault = faults.next("forecast")
            return Forecast(30.0, "faulty") if fault is None else fault.value

    class FaultyPlanner(Planner):
        def decide(self, rate_rps: float) -> Any:
            fault = faults.next("decide")
            return DECIDED(rate_rps) if fault is None else fault.value

    def record(done: DecisionRecord) -> None:
        faults.next("record")
        json.dumps(without_nan(done.as_dict()))
        records.append(done)

    planner = FaultyPlanner(PLANNER.pipeline, PLANNER.objective, PLANNER.constraints)
    adapter = Adapter(platform, planner, Faulty(), HOLD if hold else AdapterSettings(), record)
    with without_log():
        adapter.deploy(PLAN_10)
        adapter.run(until_s=200)
    assert adapter.skipped_ticks + len(records) + len(adapter.unrecorded) == 21
    faults.by_call.clear()
    last = [adapter.step() for _ in range(2)][-1]
    assert (platform.running, last.plan, last.action, last.reason) == (PLAN_30, PLAN_30, "unchanged", "")


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
