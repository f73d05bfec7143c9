"""A live stage moves from plan to plan as the simulated one does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Stage, Variant
from ipa.pipeline.plan import StagePlan
from ipa.pipeline.profiles import Profile, ProfilePoint
from ipa.platforms.local.stage_fleet import StageFleet
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.simulator.log import StageLog
from ipa.simulator.settings import ClusterSettings, SimulationSettings
from ipa.simulator.stage import SimulatedStage

START_UP_S = 3.0
POINTS = (ProfilePoint(1, 0.1, 0.1, 10.0), ProfilePoint(8, 0.5, 0.5, 16.0))
STAGE = Stage(
    "detect", tuple(Variant(name, 0.5, 1, (Profile(1, POINTS), Profile(2, POINTS))) for name in "ab")
)

plans = st.builds(
    StagePlan,
    stage=st.just("detect"),
    variant=st.sampled_from("ab"),
    batch=st.sampled_from([1, 8]),
    replicas=st.integers(1, 4),
    cores=st.sampled_from([1, 2]),
    batch_wait_s=st.sampled_from([0.0, 0.2]),
)


class Machine:
    """Replicas that are ready some time after they were asked for."""

    def __init__(self, ready_after_s: float) -> None:
        self.now_s, self.ready_after_s = 0.0, ready_after_s
        self.places: list[FakePlace] = []

    def add(self, plan: StagePlan) -> "FakePlace":
        self.places.append(FakePlace(self, plan, len(self.places)))
        return self.places[-1]


class FakePlace:
    def __init__(self, machine: Machine, plan: StagePlan, number: int) -> None:
        self.machine, self.plan, self.released = machine, plan, False
        self.ready_s = machine.now_s + machine.ready_after_s
        self.reply = ReplicaAddress(f"detect-{number}", f"127.0.0.1:{number}", "detect")

    @property
    def address(self) -> ReplicaAddress | None:
        return self.reply if self.ready_s <= self.machine.now_s else None

    def release(self) -> None:
        assert not self.released
        self.released = True


def plan(variant: str = "a", replicas: int = 1, batch: int = 1) -> StagePlan:
    return StagePlan("detect", variant, batch=batch, replicas=replicas, cores=1)


def names(fleet: StageFleet) -> list[str]:
    return [replica.name for replica in fleet.assignment().replicas]


@given(first=plans, steps=st.lists(st.tuples(st.integers(1, 5), plans), max_size=12))
def test_the_replicas_are_those_of_the_simulated_stage(
    first: StagePlan, steps: list[tuple[int, StagePlan]]
) -> None:
    settings = SimulationSettings(cluster=ClusterSettings(start_up_s=START_UP_S))
    simulated = SimulatedStage(STAGE, first, 0, settings, StageLog())
    machine = Machine(0.0)
    fleet = StageFleet(first, machine.add)
    machine.ready_after_s = START_UP_S
    for pause_s, new in steps:
        machine.now_s += pause_s
        simulated.advance(machine.now_s)
        simulated.settle(machine.now_s)
        fleet.settle()
        assert fleet.cores_with(new) == simulated.cores_with(new)
        changed = simulated.reconfigure(simulated.configuration(new), machine.now_s)
        assert fleet.reconfigure(new, {}) == changed
        fleet.settle()
        seen = simulated.running(machine.now_s)
        assert fleet.target == seen.target
        assert fleet.assignment().plan.variant == seen.serving.variant
        assert fleet.assignment().plan.batch == seen.serving.batch
        assert len(fleet.assignment().replicas) == fleet.running.ready == seen.ready
        kept = [place for place in machine.places if not place.released]
        assert len(kept) == seen.ready + seen.starting
        assert {place.plan.cores for place in kept} <= {fleet.running.plan.cores, new.cores}


def test_a_batch_of_the_same_variant_changes_at_once() -> None:
    machine = Machine(0.0)
    fleet = StageFleet(plan(batch=1), machine.add)
    assert fleet.reconfigure(plan(batch=8), {}) == (0, 0)
    assert fleet.assignment().plan.batch == 8
    assert names(fleet) == ["detect-0"]


def test_another_variant_takes_over_when_all_its_replicas_are_ready() -> None:
    machine = Machine(0.0)
    fleet = StageFleet(plan("a", replicas=2), machine.add)
    machine.ready_after_s = 1.0
    fleet.reconfigure(plan("b", replicas=2), {})
    machine.places[2].ready_s = 0.5
    machine.now_s = 0.7
    assert not fleet.settle()
    assert fleet.assignment().plan.variant == "a"
    assert fleet.still_to_come == "detect: b starts, a serves"
    assert not machine.places[0].released
    machine.now_s = 1.0
    assert fleet.settle()
    assert names(fleet) == ["detect-2", "detect-3"]
    assert [place.released for place in machine.places] == [True, True, False, False]
    assert fleet.still_to_come == ""


def test_starting_replicas_go_first_then_idle_ones_then_those_that_will_be_free_first() -> None:
    machine = Machine(0.0)
    fleet = StageFleet(plan(replicas=4), machine.add)
    machine.now_s, machine.ready_after_s = 1.0, 9.0
    fleet.reconfigure(plan(replicas=5), {})
    busy_since_s = {"detect-0": 0.9, "detect-1": 0.2, "detect-3": 0.5}
    gone = []
    for replicas in (4, 3, 2, 1):
        fleet.reconfigure(plan(replicas=replicas), busy_since_s)
        gone += [
            place.reply.name for place in machine.places if place.released and place.reply.name not in gone
        ]
    assert gone == ["detect-4", "detect-2", "detect-1", "detect-3"]


def test_a_replica_that_died_is_missed() -> None:
    machine = Machine(0.0)
    fleet = StageFleet(plan(replicas=2), machine.add)
    machine.places[0].ready_s = np.inf
    assert names(fleet) == ["detect-1"]
    assert fleet.still_to_come == "detect: 1 of 2 replicas serve"


def test_all_go_at_the_end() -> None:
    machine = Machine(0.0)
    fleet = StageFleet(plan("a"), machine.add)
    machine.ready_after_s = 1.0
    fleet.reconfigure(plan("b"), {})
    fleet.release()
    assert all(place.released for place in machine.places)
