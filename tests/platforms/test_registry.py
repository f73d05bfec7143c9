"""The platforms by name, and what every one of them promises an experiment."""

from dataclasses import FrozenInstanceError, dataclass, fields

import numpy as np
import pytest

from ipa.errors import InvalidValueError, IpaError, UnknownNameError
from ipa.experiments.spec import RunSpec
from ipa.optimizer.planner import Planner
from ipa.optimizer.problem import Constraints, Objective
from ipa.pipeline.load import load_pipeline
from ipa.platforms.base import Conditions, ExperimentPlatform, PlatformSettings
from ipa.platforms.registry import PLATFORMS
from ipa.platforms.simulated import SimulatedPlatform, SimulatedSettings
from ipa.simulator import ClusterSettings


@dataclass(frozen=True, slots=True)
class OtherSettings(PlatformSettings):
    """Of a platform with one setting of its own, which runs in the simulator all the same."""

    nodes: int = 2

    @property
    def core_limit(self) -> int:
        return 8 * self.nodes

    def platform(self, conditions: Conditions) -> ExperimentPlatform:
        return SimulatedSettings().platform(conditions)


def test_an_unknown_platform_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown platform 'simulate'; allowed: simulated"):
        RunSpec(platform="simulate")


@pytest.mark.parametrize("name", PLATFORMS)
def test_settings_are_frozen_and_have_defaults(name: str) -> None:
    settings = PLATFORMS[name]()
    with pytest.raises(FrozenInstanceError):
        setattr(settings, fields(settings)[0].name, None)
    assert settings.for_many_runs() == settings
    assert settings.for_many_runs().as_dict() == settings.as_dict()


@pytest.mark.parametrize(
    "settings", [{"service": "constant"}, {"network_delay_s": -1.0}, {"network_delay_s": float("nan")}]
)
def test_settings_of_the_simulator_are_checked_when_they_are_made(settings: dict[str, object]) -> None:
    with pytest.raises(IpaError):
        RunSpec().with_settings(**settings)


def test_the_settings_belong_to_the_platform() -> None:
    with PLATFORMS.temporarily("other", OtherSettings):
        assert RunSpec(platform="other").settings == OtherSettings(nodes=2)
        with pytest.raises(InvalidValueError, match="platform other takes OtherSettings, not Simulated"):
            RunSpec(platform="other", platform_settings=SimulatedSettings())
        with pytest.raises(
            UnknownNameError, match=r"setting of the platform other 'cluster'; allowed: nodes"
        ):
            RunSpec(platform="other").with_settings(cluster=ClusterSettings())


def test_another_platform_is_part_of_the_name_of_a_run_and_limits_the_planner() -> None:
    with PLATFORMS.temporarily("other", OtherSettings):
        spec = RunSpec(platform="other").with_settings(nodes=3)
        assert spec.run_name == "video-bursty-ipa-platform=other-nodes=3"
        assert spec.parameters().constraints.max_cores == 24
        assert spec.as_dict()["nodes"] == 3
        assert "cluster" not in spec.as_dict()


def test_conditions_and_settings_reach_the_simulator() -> None:
    settings = SimulatedSettings("deterministic", 0.25, ClusterSettings(dispatch_s=0.5), "auto")
    simulation = settings.simulation(Conditions(seed=4, drop_after_s=3.0, stage_drop_after_s=(1.0, 3.0)))
    assert (simulation.seed, simulation.service, simulation.engine) == (4, "deterministic", "auto")
    assert (simulation.drop_after_s, simulation.stage_drop_after_s) == (3.0, (1.0, 3.0))
    assert (simulation.network_delay_s, simulation.cluster.dispatch_s) == (0.25, 0.5)


def test_an_experiment_is_offered_served_and_accounted_for() -> None:
    platform: ExperimentPlatform = SimulatedSettings(service="deterministic").platform(Conditions())
    video = load_pipeline("video")
    plan = Planner(video, Objective(), Constraints()).decide(10.0).plan
    platform.offer(np.arange(0.05, 30.0, 0.1))
    platform.deploy(video, plan)
    platform.sleep_until(20.0)
    assert platform.core_seconds() == pytest.approx(20.0 * plan.cost_cores)
    platform.drain()
    platform.teardown()
    records = platform.records()
    assert len(records.arrival_s) == 300
    assert np.isfinite(records.latency_s).all()


def test_a_platform_can_be_torn_down_before_it_is_deployed_and_twice() -> None:
    platform = SimulatedSettings().platform(Conditions())
    assert isinstance(platform, SimulatedPlatform)
    platform.teardown()
    platform.teardown()
