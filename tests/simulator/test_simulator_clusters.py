"""What real clusters do, by examples worked out by hand.

Service is deterministic: 1 s for ``a`` (1 core, 8 s to start), 0.5 s for ``b`` (2 cores, 12 s to start).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ipa.errors import InvalidValueError, UnknownNameError
from ipa.pipeline.plan import Plan
from ipa.simulator import ClusterSettings, PipelineSimulator, SimulationSettings
from ipa.simulator.failures import Failures, uniform
from tests.support.simulator_toys import pipeline, plan, variant

STAGE = [
    variant("a", {1: 1.0, 8: 1.0}, cores=1, start_up_s=8.0),
    variant("b", {1: 0.5, 8: 0.5}, cores=2, start_up_s=12.0),
]
CORES = {"a": 1, "b": 2}


def chosen(name: str, replicas: int) -> Plan:
    return plan((name, 1, replicas, 0.0, CORES[name]))


def simulator(
    first: Plan,
    arrivals_s: Sequence[float] = (),
    seed: int = 0,
    limits_s: tuple[float, ...] = (),
    **cluster: Any,
) -> PipelineSimulator:
    settings = SimulationSettings(
        seed=seed,
        service="deterministic",
        stage_drop_after_s=limits_s,
        cluster=ClusterSettings(**cluster),
    )
    toy = PipelineSimulator(pipeline(*[STAGE] * len(first.stages)), first, settings)
    toy.offer(arrivals_s)
    return toy


def change(toy: PipelineSimulator, at_s: float, new: Plan) -> Any:
    toy.advance(at_s)
    return toy.reconfigure(new)


def served(toy: PipelineSimulator) -> list[tuple[float, float, str]]:
    toy.drain()
    stage = toy.records().stages[0]
    names = [stage.variants[code] for code in stage.variant]
    return list(zip(stage.start_s.tolist(), stage.end_s.tolist(), names, strict=True))


def state(toy: PipelineSimulator) -> tuple[str, int, int]:
    stage = toy.running_plan().stages[0]
    return stage.variant, stage.ready, stage.starting


def test_a_start_up_time_can_be_set_for_all_variants() -> None:
    toy = simulator(chosen("a", 1), start_up_s=2.0)
    change(toy, 1.0, chosen("a", 2))
    toy.advance(3.0)
    assert state(toy) == ("a", 2, 0)


def test_stop_start_leaves_nobody_to_serve_until_the_new_replicas_are_ready() -> None:
    toy = simulator(chosen("a", 2), [0.5, 2.0, 20.0], switching="stop-start")
    report = change(toy, 1.0, chosen("b", 1))
    assert (report.started, report.stopped, report.switching) == (1, 2, ())
    assert state(toy) == ("b", 0, 1)
    assert served(toy) == [(0.5, 1.5, "a"), (13.0, 13.5, "b"), (20.0, 20.5, "b")]


def test_stop_start_pays_for_no_overlap() -> None:
    costs = []
    for switching in ("stop-start", "make-before-break"):
        toy = simulator(chosen("a", 2), switching=switching)
        change(toy, 1.0, chosen("b", 1))
        toy.advance(20.0)
        costs.append(toy.running_core_seconds())
    assert costs == [2 * 1 + 2 * 19, 2 * 13 + 2 * 19]


def test_a_profile_error_stretches_every_batch_and_dispatch_comes_on_top() -> None:
    toy = simulator(chosen("a", 1), [0.0, 0.5], profile_error=1.5, dispatch_s=0.25)
    assert served(toy) == [(0.0, 1.75, "a"), (1.75, 3.5, "a")]


def test_the_router_delays_the_entry_into_the_first_stage_only() -> None:
    two = plan(("a", 1, 1, 0.0, 1), ("a", 1, 1, 0.0, 1))
    toy = simulator(two, [1.0], router_delay_s=0.5)
    toy.drain()
    records = toy.records()
    assert [stage.enter_s[0] for stage in records.stages] == [1.5, 2.5]
    assert records.latency_s[0] == 2.5


def test_each_stage_can_have_a_deadline_of_its_own() -> None:
    two = plan(("a", 1, 1, 0.0, 1), ("a", 1, 1, 0.0, 1))
    toy = simulator(two, [0.0, 0.0, 0.0], limits_s=(1.0, 1.5))
    toy.drain()
    records = toy.records()
    assert records.dropped_stage.tolist() == [-1, 1, 0]
    assert records.end_s.tolist() == [2.0, 2.0, 1.0]


def test_some_replicas_are_slow_by_the_given_factor() -> None:
    toy = simulator(chosen("a", 100), np.arange(100) * 0.001, straggler_share=0.3, straggler_factor=4.0)
    took_s = np.array([end_s - start_s for start_s, end_s, _ in served(toy)])
    assert set(took_s.round(9)) == {1.0, 4.0}
    assert 0.2 < np.mean(took_s > 2) < 0.4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_no_replicas_are_slow(share: float) -> None:
    toy = simulator(chosen("a", 3), [0.0, 0.0, 0.0], straggler_share=share, mean_life_s=1e9)
    assert {end_s - start_s for start_s, end_s, _ in served(toy)} == {3.0 if share else 1.0}


def test_a_replica_that_dies_serves_its_batch_again_once_it_is_up() -> None:
    dies_s = Failures(0, 0, ClusterSettings(mean_life_s=50.0)).next(0.0).dies_s
    toy = simulator(chosen("a", 1), [dies_s - 0.5], mean_life_s=50.0)
    ((start_s, end_s, _),) = served(toy)
    assert start_s == dies_s - 0.5
    assert end_s == pytest.approx(dies_s + 8.0 + 1.0)


def test_an_idle_replica_that_died_serves_nobody_until_it_is_up() -> None:
    dies_s = Failures(0, 0, ClusterSettings(mean_life_s=50.0)).next(0.0).dies_s
    toy = simulator(chosen("a", 1), [dies_s + 1.0], mean_life_s=50.0)
    assert served(toy)[0][0] == pytest.approx(dies_s + 8.0)


def test_lives_are_exponential_and_others_for_each_replica_stage_and_seed() -> None:
    cluster = ClusterSettings(mean_life_s=100.0)
    failures = Failures(0, 0, cluster)
    lives_s = np.array([failures.next(0.0).dies_s for _ in range(20_000)])
    assert np.mean(lives_s) == pytest.approx(100.0, rel=0.02)
    assert np.mean(lives_s > 100.0) == pytest.approx(math.exp(-1), abs=0.01)
    others = {Failures(seed, stage, cluster).next(0.0).dies_s for seed in range(5) for stage in range(5)}
    assert len(others) == 25


def test_replicas_are_up_the_share_of_time_that_renewal_theory_says() -> None:
    """With one replica under full load, life / (life + start-up) of the time is not spent restarting."""
    arrivals_s = np.zeros(200_000)
    toy = simulator(plan(("a", 8, 1, 0.0, 1)), arrivals_s, mean_life_s=500.0, start_up_s=20.0)
    toy.drain()
    batches = len(arrivals_s) / 8
    # A batch of 1 s is lost with probability 1/500, after 0.5 s on average.
    expected_s = batches * (math.exp(1 / 500.0) - 1) * (500.0 + 20.0)
    assert toy.now_s == pytest.approx(expected_s, rel=0.01)


def test_a_plan_that_does_not_fit_stays_pending_and_changes_nothing() -> None:
    toy = simulator(chosen("a", 2), core_limit=3)
    report = change(toy, 1.0, chosen("b", 1))
    assert (report.started, report.stopped, report.pending) == (0, 0, True)
    toy.advance(50.0)
    assert state(toy) == ("a", 2, 0)
    assert toy.running_core_seconds() == 2 * 50


def test_the_next_plan_takes_the_place_of_one_that_waits() -> None:
    toy = simulator(chosen("a", 2), core_limit=3)
    change(toy, 1.0, chosen("b", 1))
    assert not change(toy, 2.0, chosen("a", 3)).pending
    toy.advance(20.0)
    assert state(toy) == ("a", 3, 0)


def test_a_waiting_plan_starts_when_a_switch_makes_room() -> None:
    both = [plan(("a", 1, n, 0.0, 1), (name, 1, 1, 0.0, CORES[name])) for n, name in ((1, "a"), (2, "b"))]
    toy = simulator(both[0], core_limit=5)
    change(toy, 1.0, plan(("b", 1, 1, 0.0, 2), ("a", 1, 1, 0.0, 1)))
    # From 13 on, the switch of the first stage has freed the core that the second needs for its own.
    assert change(toy, 2.0, plan(("b", 1, 1, 0.0, 2), ("b", 1, 1, 0.0, 2))).pending
    toy.advance(12.9)
    assert toy.running_plan().stages[1].starting == 0
    toy.advance(13.0)
    assert toy.running_plan().stages[1].starting == 1
    toy.advance(25.0)
    assert [stage.variant for stage in toy.running_plan().stages] == ["b", "b"]


def test_draining_ends_with_the_last_request_whatever_waits_for_room() -> None:
    toy = simulator(chosen("a", 2), [0.0], core_limit=3)
    assert change(toy, 0.5, chosen("b", 1)).pending
    toy.drain()
    assert toy.now_s == 1.0


def test_a_switch_that_was_extended_and_cut_back_takes_place() -> None:
    toy = simulator(chosen("a", 2))
    change(toy, 0.0, chosen("b", 1))
    change(toy, 11.0, chosen("b", 2))
    # The first replica is ready at 12, and the second, due at 23, is cancelled.
    change(toy, 20.0, chosen("b", 1))
    toy.advance(21.0)
    assert state(toy) == ("b", 1, 0)


def test_batches_that_hardly_ever_end_before_a_replica_dies_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="a batch takes 41 s, replicas live for 10 s on average"):
        simulator(chosen("a", 2), mean_life_s=10.0, dispatch_s=40.0)
    with pytest.raises(InvalidValueError, match="hardly any batch would end"):
        simulator(chosen("a", 2), mean_life_s=10.0, straggler_share=0.1, straggler_factor=50.0)
    simulator(chosen("a", 2), [0.0] * 5, mean_life_s=10.0, dispatch_s=20.0).drain()


@pytest.mark.parametrize("limits_s", [(1.0, 2.0), (1.0, 2.0, 3.0)])
def test_there_is_one_deadline_per_stage(limits_s: tuple[float, ...]) -> None:
    with pytest.raises(InvalidValueError, match=f"has {len(limits_s)} limits; pipeline toy has 1 stages"):
        simulator(chosen("a", 1), limits_s=limits_s)


def test_stop_start_needs_no_room_for_both() -> None:
    toy = simulator(chosen("a", 2), core_limit=3, switching="stop-start")
    assert not change(toy, 1.0, chosen("b", 1)).pending


def test_a_first_plan_beyond_the_limit_is_an_error() -> None:
    with pytest.raises(InvalidValueError, match="takes 4 cores; the cluster has 3"):
        simulator(chosen("b", 2), core_limit=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_up_s": -1.0},
        {"mean_life_s": 1.0},
        {"straggler_share": 1.5},
        {"straggler_factor": 0.0},
        {"profile_error": math.inf},
        {"router_delay_s": -0.1},
        {"dispatch_s": math.nan},
        {"core_limit": 0},
    ],
    ids=str,
)
def test_values_outside_their_domain_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValueError, match=f"^{next(iter(wrong))} is "):
        ClusterSettings(**wrong)


def test_an_unknown_way_of_switching_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="make-before-break, stop-start"):
        ClusterSettings(switching="rolling")


def test_settings_name_what_differs() -> None:
    assert str(ClusterSettings()) == ""
    assert str(ClusterSettings(core_limit=9)) == "core_limit=9"


def test_uniform_numbers_are_uniform() -> None:
    numbers = np.array([uniform(3, k) for k in range(20_000)])
    assert numbers.min() > 0
    assert numbers.max() < 1
    assert np.histogram(numbers, bins=10, range=(0, 1))[0] == pytest.approx(2000, rel=0.08)
