"""A run on any platform: torn down whatever happens, its parameters worked out once."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from ipa.errors import ResultsError
from ipa.experiments.editions import EDITIONS, RunParameters, corrected
from ipa.experiments.execute import execute
from ipa.experiments.resolved import resolve_run
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.platforms.base import Conditions, PlatformSettings
from ipa.platforms.registry import PLATFORMS
from ipa.platforms.simulated import SimulatedPlatform, SimulatedSettings
from ipa.results.decisions import DecisionRecord
from ipa.results.requests import RequestRecords
from ipa.simulator import ClusterSettings

CALLS: list[str] = []


class Noted(SimulatedPlatform):
    """A simulated platform that notes the calls of an experiment, one of which may fail."""

    failing = ""

    def _note(self, call: str) -> None:
        CALLS.append(call)
        if call == self.failing:
            raise ConnectionError(f"{call} is out of order")

    def offer(self, arrivals_s: NDArray[np.float64]) -> None:
        self._note("offer")
        super().offer(arrivals_s)

    def deploy(self, pipeline: Pipeline, plan: Plan) -> None:
        self._note("deploy")
        super().deploy(pipeline, plan)

    def core_seconds(self) -> float:
        self._note("core_seconds")
        return super().core_seconds()

    def drain(self) -> None:
        self._note("drain")
        super().drain()

    def records(self) -> RequestRecords:
        self._note("records")
        return super().records()

    def teardown(self) -> None:
        self._note("teardown")


@dataclass(frozen=True, slots=True)
class NotedSettings(PlatformSettings):
    """Settings of the noted platform."""

    failing: str = ""
    inner: SimulatedSettings = field(default_factory=SimulatedSettings)

    def platform(self, conditions: Conditions) -> Noted:
        platform = Noted(self.inner.simulation(conditions))
        platform.failing = self.failing
        return platform


SHORT = RunSpec(workload="steady-low", trace="synthetic", duration_s=30)


@pytest.fixture
def noted() -> Callable[..., list[str]]:
    def run(failing: str = "", record: Callable[[DecisionRecord], None] | None = None) -> list[str]:
        CALLS.clear()
        with PLATFORMS.temporarily("noted", NotedSettings):
            spec = RunSpec(
                workload="steady-low",
                trace="synthetic",
                duration_s=30,
                platform="noted",
                platform_settings=NotedSettings(failing),
            )
            try:
                outcome = execute(resolve_run(spec), record)
            except (ConnectionError, KeyboardInterrupt):
                return list(CALLS)
        assert outcome.measures == simulate(SHORT).measures
        return list(CALLS)

    return run


def test_an_experiment_asks_a_platform_in_the_order_of_the_protocol(noted: Callable[..., list[str]]) -> None:
    assert noted() == ["offer", "deploy", "core_seconds", "drain", "records", "teardown"]


@pytest.mark.parametrize("failing", ["offer", "deploy", "core_seconds", "drain", "records"])
def test_a_platform_is_torn_down_whatever_fails(noted: Callable[..., list[str]], failing: str) -> None:
    calls = noted(failing)
    assert calls[-2:] == [failing, "teardown"]


def test_a_platform_is_torn_down_after_an_interrupt(noted: Callable[..., list[str]]) -> None:
    def interrupt(record: DecisionRecord) -> None:
        if record.step == 2:
            raise KeyboardInterrupt

    assert noted(record=interrupt) == ["offer", "deploy", "teardown"]


def test_a_record_that_cannot_be_written_does_not_end_the_run() -> None:
    def full(record: DecisionRecord) -> None:
        raise ResultsError(f"step {record.step} cannot be written")

    assert len(execute(resolve_run(SHORT), full).decisions) == 4


def test_parameters_are_worked_out_once() -> None:
    made: list[str] = []

    def counting(pipeline: str, workload: str, method: str) -> RunParameters:
        made.append(pipeline)
        return corrected(pipeline, workload, method)

    with EDITIONS.temporarily("corrected", counting):
        execute(resolve_run(SHORT))
    assert made == ["video"]


def test_a_run_of_another_platform_can_be_simulated() -> None:
    with PLATFORMS.temporarily("noted", NotedSettings):
        outcome = simulate(RunSpec(workload="steady-low", trace="synthetic", duration_s=30, platform="noted"))
    assert outcome.spec.platform == "simulated"
    assert outcome.measures == simulate(SHORT).measures


def test_a_simulated_run_keeps_its_settings() -> None:
    spec = SHORT.with_settings(cluster=ClusterSettings(router_delay_s=0.5))
    assert simulate(spec).measures.latency_p50_s > 0.5
