"""The figures of a run, from records whose figures are known."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ipa.pipeline.plan import Plan, StagePlan
from ipa.results.decisions import DecisionRecord
from ipa.results.measures import Measures, measure, p99_by_second
from ipa.results.switches import KINDS, SwitchCounter
from ipa.simulator import RequestRecords

OK, DROPPED, ERROR = 1, 2, 3


def step(number: int, replicas: int, variant: str = "v", action: str = "applied", wait_s: float = 0.0) -> Any:
    plan = Plan((StagePlan("s", variant, 1, replicas, 2, wait_s),))
    return DecisionRecord(
        step=number,
        time_s=10.0 * number,
        observed_rps=None,
        forecast_rps=None,
        fallback="",
        rate_rps=None,
        status="",
        solver="",
        solve_s=0.0,
        action=action,
        reason="",
        cost_cores=plan.cost_cores,
        pas=replicas / 10,
        rank_sum=replicas / 5,
        ready_replicas=(),
        plan=plan,
    )


def requests(latency_s: dict[float, float | None]) -> RequestRecords:
    """Return an account from latency by arrival; None is a drop, a negative one an error after that time."""
    arrival_s = np.array(list(latency_s), dtype=float)
    answered = np.array([latency is not None for latency in latency_s.values()], dtype=bool)
    latencies = np.array([latency or 0.0 for latency in latency_s.values()], dtype=float)
    none = np.full(len(arrival_s), -1)
    outcome = np.select([latencies < 0, answered], [ERROR, OK], DROPPED).astype(np.int8)
    latencies = np.abs(latencies)
    return RequestRecords(arrival_s, arrival_s + latencies, outcome, none, none, ())


def measured(latency_s: dict[float, float | None], *steps: DecisionRecord, **values: Any) -> Measures:
    settings = {"sla_s": 1.0, "duration_s": 4, "running_core_seconds": 10.0} | values
    return measure(steps or (step(0, 1),), requests(latency_s), **settings)


def test_requests_are_answered_or_dropped() -> None:
    found = measured({0.1: 0.5, 0.2: None, 1.0: 0.7, 3.9: None, 3.95: None})
    assert (found.requests, found.answered, found.dropped) == (5, 2, 3)


def test_the_measured_accuracy_is_averaged_over_the_steps_of_a_pipeline_that_has_one() -> None:
    steps = [replace(step(number, 1), measured_accuracy=0.25 * number) for number in range(4)]
    assert measured({}, *steps).measured_accuracy_mean == pytest.approx(0.375)
    assert math.isnan(measured({}, step(0, 1)).measured_accuracy_mean)


def test_an_error_is_neither_an_answer_nor_a_drop_and_violates_the_sla() -> None:
    found = measured({0.1: 0.5, 0.2: None, 1.0: -0.2, 1.1: -9.0, 3.9: 0.7})
    assert (found.requests, found.answered, found.dropped, found.errors) == (5, 2, 1, 2)
    assert found.violation_share == 0.6
    assert found.latency_mean_s == pytest.approx(0.6)
    assert found.violating_seconds_share == 0.0


def test_late_and_dropped_requests_violate_the_sla() -> None:
    found = measured({0.1: 0.5, 0.2: 1.0, 0.3: 1.0001, 0.4: None})
    assert found.violation_share == 0.5


def test_the_papers_violation_counts_seconds_and_ignores_drops() -> None:
    # Second 0 is late, 1 only drops, 2 is in time, 3 has no request.
    found = measured({0.5: 1.2, 1.5: None, 2.5: 0.3})
    assert found.violating_seconds_share == 0.25
    assert found.violation_share == pytest.approx(2 / 3)


def test_one_late_request_in_a_hundred_does_not_make_its_second_late_but_two_do() -> None:
    times = np.linspace(0, 0.99, 101)
    one = {t: 5.0 if i == 0 else 0.1 for i, t in enumerate(times)}
    two = {t: 5.0 if i < 2 else 0.1 for i, t in enumerate(times)}
    assert measured(one).violating_seconds_share == 0.0
    assert measured(two).violating_seconds_share == 0.25


def test_latencies_are_those_of_answered_requests() -> None:
    found = measured({0.1: 0.2, 0.2: 0.4, 1.1: 0.9, 2.0: None})
    assert found.latency_mean_s == pytest.approx(0.5)
    assert found.latency_p50_s == pytest.approx(0.4)
    assert found.latency_p99_s == pytest.approx(np.percentile([0.2, 0.4, 0.9], 99))
    assert found.second_p99_mean_s == pytest.approx((np.percentile([0.2, 0.4], 99) + 0.9) / 2)
    assert found.second_p99_median_s == found.second_p99_mean_s


def test_without_requests_nothing_is_violated_and_latencies_are_unknown() -> None:
    found = measured({})
    assert (found.requests, found.violation_share, found.violating_seconds_share) == (0, 0.0, 0.0)
    assert math.isnan(found.latency_mean_s)
    assert math.isnan(found.second_p99_median_s)


def test_with_drops_only_everything_is_violated_and_latencies_are_unknown() -> None:
    found = measured({0.1: None, 1.1: None})
    assert (found.violation_share, found.violating_seconds_share) == (1.0, 0.0)
    assert math.isnan(found.latency_p99_s)


def test_cost_and_accuracy_are_averaged_over_steps() -> None:
    found = measured({}, step(0, 1), step(1, 4), step(2, 4))
    assert found.steps == 3
    assert (found.cost_mean_cores, found.cost_min_cores, found.cost_max_cores) == (6.0, 2, 8)
    assert (found.pas_mean, found.pas_min, found.pas_max) == (pytest.approx(0.3), 0.1, 0.4)
    assert found.rank_sum_mean == pytest.approx(0.6)


def test_the_running_cost_is_averaged_over_time() -> None:
    assert measured({}, running_core_seconds=10.0, duration_s=4).running_mean_cores == 2.5


def test_changes_are_counted_between_steps_whatever_their_action_is_called() -> None:
    steps = (
        step(0, 1, action="deployed"),
        step(1, 1, action="applied", wait_s=0.3),
        step(2, 2),
        step(3, 2, variant="w"),
        step(4, 2, variant="w", action="held"),
        step(5, 2, variant="w", action="held"),
    )
    found = measured({}, *steps)
    assert (found.plan_changes, found.held_steps) == (2, 2)


def test_switches_are_counted_by_stage_and_kind_per_hour() -> None:
    steps = (
        step(0, 1, action="deployed"),
        step(1, 2, wait_s=0.3),
        step(2, 2, wait_s=0.2),
        step(3, 5, variant="w"),
    )
    found = measured({}, *steps, duration_s=1800)
    assert (found.switches_per_hour, found.changed_steps_share) == (6.0, pytest.approx(2 / 3))
    assert found.variant_switches_per_hour == 2.0
    assert found.replica_switches_per_hour == 4.0
    assert found.batch_switches_per_hour == 0.0
    assert found.stage_switches_per_hour == {"s": {"variant": 2.0, "replicas": 4.0, "batch": 0.0}}


def test_steps_out_of_the_ordinary_are_counted() -> None:
    infeasible = replace(step(2, 1, action="pending"), status="infeasible")
    skipped = replace(step(3, 1, action="held"), skipped_ticks=4)
    found = measured({}, step(0, 1), step(1, 1, action="pending"), infeasible, skipped)
    assert (found.pending_steps, found.infeasible_steps, found.held_steps) == (2, 1, 1)
    assert found.skipped_ticks == 4


def stage_plans(name: str) -> st.SearchStrategy[StagePlan]:
    one_or_two = st.integers(1, 2)
    return st.builds(StagePlan, st.just(name), st.sampled_from("ab"), one_or_two, one_or_two, st.just(1))


plans = st.lists(st.tuples(stage_plans("x"), stage_plans("y")).map(Plan), max_size=12)


@given(plans)
def test_switches_add_up(found: list[Plan]) -> None:
    counter = SwitchCounter()
    for plan in found:
        counter.add(plan)
    assert counter.total == sum(counter.of_kind(kind) for kind in KINDS)
    by_stage = counter.by_stage_per_hour(hours=1.0)
    assert counter.total == sum(sum(kinds.values()) for kinds in by_stage.values())
    assert counter.changed_steps == sum(a.shape != b.shape for a, b in pairwise(found))
    assert counter.changed_steps <= counter.total <= 6 * counter.changed_steps


@given(
    arrays(np.float64, st.integers(0, 60), elements=st.floats(0, 7.99)),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
)
def test_the_p99_of_each_second_is_numpys(arrival_s: Any, duration_s: int, seed: int) -> None:
    latency_s = np.random.default_rng(seed).exponential(1.0, len(arrival_s))
    found = p99_by_second(arrival_s, latency_s, duration_s)
    assert found.shape == (duration_s,)
    second = np.minimum(np.floor(arrival_s), duration_s - 1)
    for k in range(duration_s):
        within = latency_s[second == k]
        expected = np.percentile(within, 99) if len(within) else np.nan
        np.testing.assert_allclose(found[k], expected, rtol=1e-9)
