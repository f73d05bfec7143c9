"""The simulator as a platform."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ipa.errors import InvalidValueError
from ipa.pipeline.load import load_pipeline
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.base import ApplyReport, ExperimentPlatform
from ipa.platforms.simulated import SimulatedPlatform
from ipa.simulator import ClusterSettings, SimulationSettings
from ipa.simulator.stage import SimulatedStage

VIDEO = load_pipeline("video")
SETTINGS = SimulationSettings(service="deterministic")


def plan(replicas: int = 2, variant: str = "yolov5n") -> Plan:
    return Plan(
        (
            StagePlan("object-detection", variant, 1, replicas, 1),
            StagePlan("image-classification", "resnet18", 1, 2, 1),
        )
    )


def deployed(arrivals_s: list[float], window_s: int = 120) -> SimulatedPlatform:
    platform = SimulatedPlatform(SETTINGS, window_s)
    platform.offer(np.array(arrivals_s, dtype=float))
    platform.deploy(VIDEO, plan())
    return platform


def test_it_fits_the_protocol() -> None:
    platform: ExperimentPlatform = deployed([])
    assert platform.now() == 0.0


@pytest.mark.parametrize("call", [lambda p: p.observe(), lambda p: p.sleep_until(1), lambda p: p.simulator])
def test_nothing_works_before_a_pipeline_is_deployed(call: Callable[..., Any]) -> None:
    with pytest.raises(RuntimeError, match="deploy"):
        call(SimulatedPlatform(SETTINGS))


def test_full_past_seconds_are_observed_latest_last() -> None:
    platform = deployed([0.1, 0.2, 1.5, 2.0, 2.9, 3.5])
    assert platform.observe().rates_rps.tolist() == []
    platform.sleep_until(3.0)
    seen = platform.observe()
    assert (seen.now_s, seen.rates_rps.tolist()) == (3.0, [2, 1, 2])
    platform.sleep_until(3.9)
    assert platform.observe().rates_rps.tolist() == [2, 1, 2]


def test_seconds_after_the_last_request_are_observed_as_empty() -> None:
    platform = deployed([0.1, 0.2])
    platform.sleep_until(4.0)
    assert platform.observe().rates_rps.tolist() == [2, 0, 0, 0]


def test_no_request_at_all_is_observed_as_no_load() -> None:
    platform = deployed([])
    platform.sleep_until(3.0)
    assert platform.observe().rates_rps.tolist() == [0, 0, 0]


def test_an_observation_shows_the_window_only() -> None:
    platform = deployed([s + 0.5 for s in range(10) for _ in range(s)], window_s=3)
    platform.sleep_until(7.0)
    assert platform.observe().rates_rps.tolist() == [4, 5, 6]


def test_the_future_is_not_observed() -> None:
    platform = deployed([0.5, 1.5, 1.6])
    platform.sleep_until(1.0)
    assert platform.observe().rates_rps.tolist() == [1]


def test_a_request_that_is_on_its_way_when_a_second_ends_is_counted_in_the_next_one() -> None:
    platform = SimulatedPlatform(SETTINGS, counted_after_s=0.002)
    platform.offer(np.array([0.5, 0.9975, 0.9985, 1.5, 1.999]))
    platform.deploy(VIDEO, plan())
    platform.sleep_until(2.0)
    assert platform.observe().rates_rps.tolist() == [2, 2]
    platform.sleep_until(3.0)
    assert platform.observe().rates_rps.tolist() == [2, 2, 1]


def test_a_new_replica_is_ready_after_its_start_up() -> None:
    platform = deployed([0.1, 30.0])
    assert platform.observe().ready_replicas == (2, 2)
    assert platform.apply(plan(replicas=5)) == ApplyReport(started=3, stopped=0)
    assert platform.observe().plan == plan(replicas=5)
    platform.sleep_until(7.9)
    assert platform.observe().ready_replicas == (2, 2)
    platform.sleep_until(8.1)
    assert platform.observe().ready_replicas == (5, 2)


def test_the_running_plan_changes_nothing() -> None:
    platform = deployed([0.1])
    before = platform.simulator.running_plan()
    assert platform.apply(plan()) == ApplyReport(0, 0)
    assert platform.simulator.running_plan() == before


def test_a_plan_it_cannot_run_leaves_the_running_one() -> None:
    platform = deployed([0.1])
    with pytest.raises(InvalidValueError):
        platform.apply(Plan(plan().stages[:1]))
    assert platform.observe().plan == plan()


def test_every_request_is_accounted_for_once_drained() -> None:
    rng = np.random.default_rng(1)
    platform = deployed(sorted(rng.uniform(0, 60, 300)))
    for time_s in (10.0, 20.0, 30.0):
        platform.sleep_until(time_s)
        platform.apply(plan(replicas=int(time_s) // 10, variant="yolov5s"))
    platform.drain()
    platform.teardown()
    records = platform.records()
    assert len(records.arrival_s) == 300
    assert not np.isnan(records.latency_s).any()


def test_the_clock_does_not_run_backwards() -> None:
    platform = deployed([0.1])
    platform.sleep_until(5.0)
    with pytest.raises(InvalidValueError, match="cannot advance"):
        platform.sleep_until(4.0)
    assert platform.now() == 5.0


def test_a_plan_applied_in_half_is_observed_in_half(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = deployed([0.1])
    wanted = Plan(tuple(replace(stage, replicas=5) for stage in plan().stages))
    with monkeypatch.context() as patched:
        reconfigure = SimulatedStage.reconfigure

        def only_the_first(stage: SimulatedStage, *arguments: Any) -> tuple[int, int]:
            if stage._stage.name != wanted.stages[0].stage:
                raise ConnectionError("the second stage did not answer")
            return reconfigure(stage, *arguments)

        patched.setattr(SimulatedStage, "reconfigure", only_the_first)
        with pytest.raises(ConnectionError):
            platform.apply(wanted)
    assert [stage.replicas for stage in platform.observe().plan.stages] == [5, 2]
    assert platform.apply(wanted) == ApplyReport(started=3, stopped=0)
    assert platform.observe().plan == wanted


def test_what_does_not_serve_yet_is_told() -> None:
    platform = deployed([0.1])
    assert platform.observe().pending == ""
    platform.apply(plan(replicas=5))
    assert platform.observe().pending == "object-detection: 2 of 5 replicas serve"
    platform.sleep_until(9.0)
    platform.apply(plan(replicas=5, variant="yolov5s"))
    assert platform.observe().pending == "object-detection: yolov5s starts, yolov5n serves"
    platform.sleep_until(30.0)
    assert platform.observe().pending == ""


def test_a_plan_that_waits_for_room_is_told_with_its_cores() -> None:
    settings = SimulationSettings(service="deterministic", cluster=ClusterSettings(core_limit=5))
    platform = SimulatedPlatform(settings)
    platform.offer(np.array([0.1]))
    platform.deploy(VIDEO, plan())
    report = platform.apply(plan(replicas=4))
    told = "the plan waits for room in the cluster: with what it replaces it takes 6 cores of 5"
    assert (report.pending, report.reason) == (True, told)
    assert (platform.observe().pending, platform.observe().plan) == (told, plan())
    assert not platform.apply(plan()).pending
    assert platform.observe().pending == ""
