"""The control loop on a platform whose parts fail on demand."""

import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.adapter import Adapter, AdapterSettings
from ipa.forecast import Forecast
from ipa.optimizer.planner import Planner
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Observation
from ipa.results.decisions import DecisionRecord
from ipa.results.json_files import without_nan
from tests.support.adapters import (
    DECIDED,
    HOLD,
    PLAN_10,
    PLAN_30,
    PLANNER,
    BrokenPlanner,
    Scripted,
    Unprintable,
    adapter_on,
)
from tests.support.fake_platform import Answer, FakePlatform, Faults


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
