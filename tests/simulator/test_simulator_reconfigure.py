"""Reconfiguration, by examples worked out by hand.

Service is deterministic: 1 s for ``a`` (1 core, 8 s to start), 0.5 s for ``b`` (2 cores, 12 s to start, which
is longer than the 10 s between decisions), 0.25 s for ``c`` (4 cores, 3 s to start).
"""

import math
from collections.abc import Sequence

import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.pipeline import Pipeline, Variant
from ipa.pipeline.plan import Plan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.simulator import PipelineSimulator, SimulationSettings
from tests.support.simulator_toys import pipeline, plan, variant

STAGE = [
    variant("a", {1: 1.0, 8: 1.0}, cores=1, start_up_s=8.0),
    variant("b", {1: 0.5, 8: 0.5}, cores=2, start_up_s=12.0),
    variant("c", {1: 0.25, 8: 0.25}, cores=4, start_up_s=3.0),
]
CORES = {"a": 1, "b": 2, "c": 4}


def chosen(name: str, replicas: int, batch: int = 1, wait_s: float = 0.0) -> Plan:
    return plan((name, batch, replicas, wait_s, CORES[name]))


def simulator(
    first: Plan, arrivals_s: Sequence[float] = (), pipe: Pipeline | None = None
) -> PipelineSimulator:
    toy = PipelineSimulator(pipe or pipeline(STAGE), first, SimulationSettings(service="deterministic"))
    toy.offer(arrivals_s)
    return toy


def change(toy: PipelineSimulator, at_s: float, new: Plan) -> tuple[int, int]:
    toy.advance(at_s)
    report = toy.reconfigure(new)
    return report.started, report.stopped


def served(toy: PipelineSimulator) -> list[tuple[float, float, str]]:
    """Return (start, end, variant) of each request."""
    stage = toy.records().stages[0]
    names = [stage.variants[code] for code in stage.variant]
    return list(zip(stage.start_s.tolist(), stage.end_s.tolist(), names, strict=True))


def state(toy: PipelineSimulator) -> tuple[str, int, int]:
    """Return the variant that serves, the ready and the starting replicas."""
    stage = toy.running_plan().stages[0]
    return stage.variant, stage.ready, stage.starting


def test_additional_replicas_serve_after_the_start_up_time() -> None:
    toy = simulator(chosen("a", 1), [9.5, 9.5, 9.5])
    assert change(toy, 2.0, chosen("a", 3)) == (2, 0)
    assert state(toy) == ("a", 1, 2)
    toy.advance(20.0)
    assert served(toy) == [(9.5, 10.5, "a"), (10.0, 11.0, "a"), (10.0, 11.0, "a")]
    assert state(toy) == ("a", 3, 0)
    assert toy.running_core_seconds() == 20 + 2 * 18


def test_a_replica_counts_as_ready_at_the_very_instant() -> None:
    toy = simulator(chosen("a", 1))
    change(toy, 2.0, chosen("a", 2))
    toy.advance(math.nextafter(10.0, 0))
    assert state(toy) == ("a", 1, 1)
    toy.advance(10.0)
    assert state(toy) == ("a", 2, 0)


def test_surplus_replicas_that_start_are_cancelled_first() -> None:
    toy = simulator(chosen("a", 1), [4.5])
    change(toy, 0.0, chosen("a", 2))
    change(toy, 3.0, chosen("a", 3))
    assert change(toy, 5.0, chosen("a", 2)) == (0, 1)
    toy.advance(7.9)
    assert state(toy) == ("a", 1, 1)
    toy.advance(20.0)
    assert state(toy) == ("a", 2, 0)
    assert toy.running_core_seconds() == 20 + 20 + 2


def test_idle_replicas_stop_before_busy_ones() -> None:
    toy = simulator(chosen("a", 3), [0.5])
    assert change(toy, 1.0, chosen("a", 1)) == (0, 2)
    toy.advance(10.0)
    assert served(toy) == [(0.5, 1.5, "a")]
    assert toy.running_core_seconds() == 10 + 2 * 1.0


def test_a_busy_replica_stops_after_its_batch_the_first_to_finish_first() -> None:
    toy = simulator(chosen("a", 2), [0.0, 0.5, 0.75])
    assert change(toy, 0.875, chosen("a", 1)) == (0, 1)
    assert state(toy) == ("a", 1, 0)
    toy.advance(10.0)
    assert served(toy) == [(0.0, 1.0, "a"), (0.5, 1.5, "a"), (1.5, 2.5, "a")]
    assert toy.running_core_seconds() == 10 + 1.0


def test_a_stopping_replica_does_not_come_back() -> None:
    toy = simulator(chosen("a", 2), [0.0, 0.0, 0.5, 0.5])
    change(toy, 0.25, chosen("a", 1))
    assert change(toy, 0.5, chosen("a", 2)) == (1, 0)
    toy.advance(20.0)
    assert [start_s for start_s, _, _ in served(toy)] == [0.0, 0.0, 1.0, 2.0]
    assert toy.running_core_seconds() == 20 + 1 + 19.5


def test_a_new_batch_policy_holds_at_once_for_those_who_wait() -> None:
    toy = simulator(chosen("a", 1, batch=8, wait_s=100.0), [1.0, 2.0, 3.5])
    assert change(toy, 3.0, chosen("a", 1, batch=2, wait_s=5.0)) == (0, 0)
    toy.drain()
    assert served(toy) == [(3.0, 4.0, "a"), (3.0, 4.0, "a"), (8.5, 9.5, "a")]


def test_a_change_of_plan_does_not_make_an_idle_replica_busy() -> None:
    toy = simulator(plan(("a", 4, 1, 5.0)), [9.0])
    toy.advance(10.0)
    toy.reconfigure(plan(("a", 4, 2, 5.0)))
    toy.drain()
    (stage,) = toy.records().stages
    assert stage.start_s.tolist() == [14.0]
    assert (stage.batch_wait_s.tolist(), stage.queue_s.tolist()) == ([5.0], [0.0])


def test_a_shorter_wait_takes_effect_now_and_not_in_the_past() -> None:
    toy = simulator(chosen("a", 1, batch=8, wait_s=100.0), [1.0])
    change(toy, 5.0, chosen("a", 1, batch=8, wait_s=2.0))
    toy.drain()
    assert served(toy) == [(5.0, 6.0, "a")]


@pytest.mark.parametrize("repeat_at_s", [None, 10.0])
def test_another_variant_takes_over_when_all_its_replicas_are_ready(repeat_at_s: float | None) -> None:
    toy = simulator(chosen("a", 1), [11.75, 11.875, 13.0])
    assert change(toy, 0.0, chosen("b", 2)) == (2, 0)
    if repeat_at_s:
        assert change(toy, repeat_at_s, chosen("b", 2)) == (0, 0)
    toy.advance(11.9)
    assert state(toy) == ("a", 1, 2)
    assert not toy.running_plan().settled
    toy.advance(12.0)
    assert state(toy) == ("b", 2, 0)
    assert toy.running_plan().settled
    toy.advance(20.0)
    assert served(toy) == [(11.75, 12.75, "a"), (12.0, 12.5, "b"), (13.0, 13.5, "b")]
    assert toy.running_core_seconds() == 12.75 + 2 * 2 * 20


def test_the_old_batch_policy_holds_until_the_switch() -> None:
    toy = simulator(chosen("a", 2, batch=2, wait_s=50.0), [1.0, 2.0, 3.0])
    change(toy, 0.0, chosen("c", 1, batch=1))
    toy.drain()
    assert served(toy) == [(2.0, 3.0, "a"), (2.0, 3.0, "a"), (3.0, 3.25, "c")]


def test_a_third_configuration_replaces_the_one_that_starts() -> None:
    toy = simulator(chosen("a", 1), [12.5, 13.5])
    change(toy, 0.0, chosen("b", 2))
    assert change(toy, 10.0, chosen("c", 1)) == (1, 2)
    assert toy.running_plan().target == chosen("c", 1)
    toy.advance(20.0)
    assert served(toy) == [(12.5, 13.5, "a"), (13.5, 13.75, "c")]
    assert toy.running_core_seconds() == 13.5 + 2 * 2 * 10 + 4 * 10


def test_returning_to_the_running_configuration_cancels_the_switch() -> None:
    toy = simulator(chosen("a", 1), [19.5, 19.5])
    change(toy, 0.0, chosen("b", 2))
    assert change(toy, 10.0, chosen("a", 2)) == (1, 2)
    toy.advance(30.0)
    assert served(toy) == [(19.5, 20.5, "a"), (19.5, 20.5, "a")]
    assert toy.running_core_seconds() == 30 + 2 * 2 * 10 + 20


def test_alternating_targets_never_switch_but_are_paid_for() -> None:
    toy = simulator(chosen("a", 1))
    for i in range(6):
        change(toy, 10.0 * i, chosen("b" if i % 2 == 0 else "a", 1))
    toy.advance(60.0)
    assert state(toy) == ("a", 1, 0)
    assert toy.running_core_seconds() == 60 + 2 * 30


def test_more_replicas_of_the_starting_variant_delay_the_switch() -> None:
    toy = simulator(chosen("a", 1), [15.0, 22.0])
    change(toy, 0.0, chosen("b", 2))
    assert change(toy, 10.0, chosen("b", 3)) == (1, 0)
    toy.advance(21.0)
    assert state(toy) == ("a", 1, 1)
    toy.advance(30.0)
    assert served(toy) == [(15.0, 16.0, "a"), (22.0, 22.5, "b")]
    assert toy.running_core_seconds() == 22 + 2 * (30 + 30 + 20)


def test_fewer_replicas_of_the_starting_variant_can_complete_the_switch() -> None:
    toy = simulator(chosen("a", 1), [14.75, 15.0])
    change(toy, 0.0, chosen("b", 2))
    change(toy, 10.0, chosen("b", 3))
    assert change(toy, 15.0, chosen("b", 2)) == (0, 1)
    assert state(toy) == ("b", 2, 0)
    toy.advance(20.0)
    assert served(toy) == [(14.75, 15.75, "a"), (15.0, 15.5, "b")]
    assert toy.running_core_seconds() == 15.75 + 2 * (20 + 20 + 5)


def test_new_replicas_that_are_ready_early_serve_nothing_before_the_switch() -> None:
    toy = simulator(chosen("a", 1), [20.5, 21.0, 21.25])
    change(toy, 0.0, chosen("b", 2))
    change(toy, 10.0, chosen("b", 3))
    toy.drain()
    assert served(toy) == [(20.5, 21.5, "a"), (21.5, 22.5, "a"), (22.0, 22.5, "b")]


def test_old_replicas_are_paid_for_until_the_instant_of_the_switch() -> None:
    toy = simulator(chosen("a", 3))
    change(toy, 0.0, chosen("b", 1))
    change(toy, 10.0, chosen("b", 2))
    change(toy, 15.0, chosen("b", 1))
    toy.advance(20.0)
    assert toy.running_core_seconds() == 3 * 15 + 2 * (20 + 5)


def test_the_newest_of_the_starting_variant_are_cancelled_first() -> None:
    toy = simulator(chosen("a", 1))
    change(toy, 0.0, chosen("b", 1))
    change(toy, 5.0, chosen("b", 3))
    change(toy, 6.0, chosen("b", 1))
    toy.advance(12.0)
    assert state(toy) == ("b", 1, 0)
    assert toy.running_core_seconds() == 12 + 2 * 12 + 2 * 2 * 1


def test_a_replica_of_the_old_variant_may_become_ready_while_the_new_one_starts() -> None:
    toy = simulator(chosen("a", 1), [9.5, 9.5])
    change(toy, 1.0, chosen("a", 2))
    change(toy, 2.0, chosen("b", 1))
    assert state(toy) == ("a", 1, 2)
    toy.advance(20.0)
    assert served(toy) == [(9.5, 10.5, "a"), (9.5, 10.5, "a")]
    assert toy.running_core_seconds() == 14 + 13 + 2 * 18


def test_replicas_of_the_old_variant_that_still_start_are_cancelled_by_the_switch() -> None:
    toy = simulator(chosen("a", 1))
    change(toy, 0.0, chosen("a", 2))
    change(toy, 1.0, chosen("c", 1))
    toy.advance(10.0)
    assert state(toy) == ("c", 1, 0)
    assert toy.running_core_seconds() == 4 + 4 + 4 * 9


def test_other_cores_of_the_same_variant_are_another_configuration() -> None:
    profiles = tuple(Profile(c, (ProfilePoint(1, 1 / c, 1 / c, float(c)),)) for c in (1, 2))
    pipe = pipeline([Variant("a", 0.5, 1, profiles, start_up_s=4.0)])
    toy = simulator(plan(("a", 1, 1, 0.0, 1)), [3.0, 5.0], pipe)
    toy.reconfigure(plan(("a", 1, 1, 0.0, 2)))
    toy.advance(10.0)
    assert [(start_s, end_s) for start_s, end_s, _ in served(toy)] == [(3.0, 4.0), (5.0, 5.5)]
    assert toy.running_core_seconds() == 4 + 2 * 10


def test_a_variant_that_starts_in_no_time_takes_over_at_once() -> None:
    pipe = pipeline([STAGE[0], variant("b", {1: 0.5}, cores=2, start_up_s=0.0)])
    toy = simulator(chosen("a", 1), [0.5, 1.0], pipe)
    change(toy, 1.0, chosen("b", 1))
    assert state(toy) == ("b", 1, 0)
    toy.drain()
    assert served(toy) == [(0.5, 1.5, "a"), (1.0, 1.5, "b")]


def test_the_report_names_the_stages_that_wait_for_a_switch() -> None:
    toy = simulator(plan(("a", 1, 1, 0.0), ("a", 1, 1, 0.0)), pipe=pipeline(STAGE, STAGE))
    report = toy.reconfigure(plan(("a", 1, 2, 0.0), ("b", 1, 3, 0.0, 2)))
    assert (report.started, report.stopped, report.switching) == (4, 0, ("s1",))


def test_draining_stops_at_the_last_request_and_leaves_a_later_switch_to_come() -> None:
    toy = simulator(chosen("a", 1), [1.0])
    change(toy, 0.0, chosen("b", 1))
    toy.drain()
    assert toy.now_s == 2.0
    assert state(toy) == ("a", 1, 1)
    assert toy.running_core_seconds() == 2 + 4
    toy.offer([11.5, 12.5])
    toy.drain()
    assert served(toy)[1:] == [(11.5, 12.5, "a"), (12.5, 13.0, "b")]


def test_stages_switch_independently() -> None:
    toy = simulator(plan(("a", 1, 1, 0.0), ("a", 1, 1, 0.0)), [20.0], pipeline(STAGE, STAGE))
    toy.reconfigure(plan(("b", 1, 1, 0.0, 2), ("c", 1, 1, 0.0, 4)))
    toy.advance(5.0)
    assert toy.running_plan().serving.variants == ("a", "c")
    toy.drain()
    assert toy.records().latency_s.tolist() == [0.75]


@pytest.mark.parametrize(
    ("new", "error", "message"),
    [
        (chosen("a", 0), InvalidValueError, "at least 1"),
        (chosen("a", 1, batch=9), InvalidValueError, "batch size 9"),
        (chosen("a", 1, batch=0), InvalidValueError, "batch is 0"),
        (plan(("d", 1, 1, 0.0)), UnknownNameError, "unknown variant of stage s0 'd'"),
        (plan(("a", 1, 1, 0.0, 3)), InvalidValueError, "no profile on 3 cores"),
        (plan(("a", 1, 1, 0.0), ("a", 1, 1, 0.0)), InvalidValueError, "the plan is for stages"),
    ],
)
def test_a_plan_that_cannot_run_is_an_error_and_changes_nothing(
    new: Plan, error: type[Exception], message: str
) -> None:
    toy = simulator(chosen("a", 2))
    with pytest.raises(error, match=message):
        toy.reconfigure(new)
    assert toy.running_plan().target == chosen("a", 2)
    assert state(toy) == ("a", 2, 0)
    with pytest.raises(error, match=message):
        simulator(new)


def test_a_plan_with_one_bad_stage_leaves_the_good_one_alone_too() -> None:
    first = plan(("a", 1, 1, 0.0), ("a", 1, 1, 0.0))
    toy = simulator(first, pipe=pipeline(STAGE, STAGE))
    with pytest.raises(UnknownNameError):
        toy.reconfigure(plan(("a", 1, 5, 0.0), ("d", 1, 1, 0.0)))
    assert toy.running_plan().serving == first
