"""The compiled loop against the interpreted one, byte by byte."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from ipa.errors import MissingExtraError, UnknownNameError
from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.simulator import ClusterSettings, SimulationSettings, compiled
from ipa.simulator.engine import engine, serve
from tests.support.simulator_toys import (
    Step,
    fingerprint,
    graphs,
    pipeline,
    plan,
    scenarios,
    simulate,
    unreal_settings,
    variant,
)

Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]

try:
    import numba  # noqa: F401 (an optional extra)
except ImportError:
    HAS_NUMBA = False
else:
    HAS_NUMBA = True


@pytest.fixture(autouse=True, params=["its source, interpreted", "compiled"], scope="module")
def _compiled_loop(request: pytest.FixtureRequest) -> Any:
    """Let the numba engine run what numba would compile where numba is not installed."""
    if request.param == "compiled":
        if not HAS_NUMBA:
            pytest.skip("numba is not installed")
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_compile_loop", lambda: compiled._serve_arrays)
        yield


def assert_same_bytes(scenario: Scenario) -> None:
    pipe, first, assumed, times_s, steps = scenario
    slow, fast = (
        simulate(pipe, first, replace(assumed, engine=name), times_s, steps) for name in ("python", "numba")
    )
    assert fingerprint(slow.records()) == fingerprint(fast.records())
    assert slow.running_core_seconds() == fast.running_core_seconds()
    for one, other in zip(slow.records().stages, fast.records().stages, strict=True):
        np.testing.assert_array_equal(one.free_s, other.free_s)


@settings(max_examples=200)
@given(scenarios())
def test_both_engines_give_the_same_bytes(scenario: Scenario) -> None:
    assert_same_bytes(scenario)


@settings(max_examples=100)
@given(scenarios(assumed=unreal_settings()))
def test_both_engines_give_the_same_bytes_on_real_clusters(scenario: Scenario) -> None:
    assert_same_bytes(scenario)


@settings(max_examples=60)
@given(scenarios(pipes=graphs()))
def test_both_engines_give_the_same_bytes_on_graphs(scenario: Scenario) -> None:
    assert_same_bytes(scenario)


def test_both_engines_give_the_same_bytes_on_a_long_run_with_drops_in_the_middle_of_queues() -> None:
    times_s = np.cumsum(np.random.default_rng(1).exponential(0.05, 20_000)).tolist()
    means_s = {1: 0.2, 2: 0.3, 4: 0.5, 8: 0.9}
    pipe = pipeline([variant("a", means_s, tail=6.0)], [variant("a", means_s, tail=3.0)])
    assumed = SimulationSettings(seed=5, drop_after_s=1.2)
    first, second = plan(("a", 2, 3, 0.1), ("a", 4, 2, 0.3)), plan(("a", 8, 4, 0.4), ("a", 4, 3, 0.1))
    assert_same_bytes((pipe, first, assumed, times_s, [(200.0, second), (500.0, first)]))


def test_without_numba_its_engine_names_the_extra_and_auto_takes_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise MissingExtraError("numba, which compiles the simulator,", "fast")

    monkeypatch.setattr(compiled, "_compile_loop", missing)
    with pytest.raises(MissingExtraError, match=r"\[fast\]"):
        engine("numba")
    assert engine("auto") is serve


def test_auto_takes_numba_where_it_is() -> None:
    assert engine("auto") is compiled._serve


def test_replicas_that_differ_are_simulated_by_the_interpreted_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(compiled, "_serve", never)
    settings_ = SimulationSettings(engine="numba", cluster=ClusterSettings(straggler_share=0.5))
    done = simulate(pipeline([variant("a", {1: 1.0})]), plan(("a", 1, 1, 0.0)), settings_, [0.0, 1.0])
    assert done.counts().done == 2


def test_an_unknown_engine_says_which_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown engine 'nmba'.*Did you mean 'numba'"):
        SimulationSettings(engine="nmba")
