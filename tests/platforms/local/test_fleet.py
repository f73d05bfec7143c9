"""A live pipeline moves from plan to plan, and waits for room, as the simulated one does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.errors import IpaError
from ipa.pipeline.plan import Plan, StagePlan
from ipa.platforms.local.fleet import Fleet
from ipa.serving.gateway.messages import ReplicaAddress
from ipa.simulator import ClusterSettings, PipelineSimulator, SimulationSettings
from tests.support.live_pipelines import toy_pipeline, toy_plan

START_UP_S = 3.0
CORE_LIMIT = 7


def stage_plans(stage: str) -> st.SearchStrategy[StagePlan]:
    return st.builds(
        StagePlan,
        stage=st.just(stage),
        variant=st.sampled_from(["small", "large"]),
        batch=st.sampled_from([1, 8]),
        replicas=st.integers(1, 3),
        cores=st.just(1),
    )


plans = st.builds(lambda *stages: Plan(stages), stage_plans("first"), stage_plans("second"))


class Machine:
    """Replicas that are ready some time after they were asked for."""

    def __init__(self) -> None:
        self.now_s, self.ready_after_s, self.started = 0.0, 0.0, 0

    def add(self, stage: int, plan: StagePlan) -> "FakePlace":
        self.started += 1
        return FakePlace(self, f"{stage}-{plan.variant}-{self.started}")


class FakePlace:
    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.ready_s = machine, machine.now_s + machine.ready_after_s
        self.reply = ReplicaAddress(name, "127.0.0.1:1", "model")

    @property
    def address(self) -> ReplicaAddress | None:
        return self.reply if self.ready_s <= self.machine.now_s else None

    def release(self) -> None:
        self.ready_s = float("inf")


def started_fleet(machine: Machine, plan: Plan, core_limit: int | None) -> Fleet:
    fleet = Fleet(toy_pipeline(), core_limit, machine.add)
    fleet.start(plan)
    machine.ready_after_s = START_UP_S
    return fleet


@given(first=plans, steps=st.lists(st.tuples(st.integers(1, 5), plans), max_size=10))
def test_the_pipeline_is_that_of_the_simulator(first: Plan, steps: list[tuple[int, Plan]]) -> None:
    cluster = ClusterSettings(start_up_s=START_UP_S, core_limit=CORE_LIMIT)
    simulator = PipelineSimulator(toy_pipeline(), first, SimulationSettings(cluster=cluster))
    machine = Machine()
    fleet = started_fleet(machine, first, CORE_LIMIT)
    for pause_s, new in steps:
        for _ in range(pause_s):
            machine.now_s += 1.0
            simulator.advance(machine.now_s)
            fleet.settle({})
        assert fleet.cores_with(new) == simulator.cores_with(new)
        expected = simulator.reconfigure(new)
        report = fleet.reconfigure(new, {})
        fleet.settle({})
        assert (report.started, report.stopped) == (expected.started, expected.stopped)
        assert report.pending == expected.pending
        assert fleet.waiting_plan == simulator.waiting_plan
        running = simulator.running_plan()
        assert fleet.target == running.target
        serving = [(a.plan.variant, a.plan.batch, len(a.replicas)) for a in fleet.assignments()]
        assert serving == [(s.variant, s.batch, s.replicas) for s in running.serving.stages]


def test_a_plan_waits_for_room_and_says_so() -> None:
    machine = Machine()
    fleet = started_fleet(machine, toy_plan(replicas=(2, 2)), core_limit=6)
    wanted = toy_plan(("large", "large"), (2, 2))
    report = fleet.reconfigure(wanted, {})
    said = (
        "the plan waits for room: with what it replaces it takes 8 cores of 6; raise --core-limit, or let"
        " plans leave room with a smaller --max-cores"
    )
    assert (report.pending, report.reason, fleet.still_to_come()) == (True, said, said)
    assert not fleet.runs(wanted)
    assert fleet.target == toy_plan(replicas=(2, 2))


@pytest.mark.parametrize(("core_limit", "told"), [(4, True), (5, False), (None, False)])
def test_a_limit_that_no_other_variant_fits_into_is_told_at_the_start(
    core_limit: int | None, *, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    started_fleet(Machine(), toy_plan(), core_limit)
    warning = (
        "core_limit 4 leaves 0 cores beside the 4 of this plan: another variant of first takes 1 or more and"
        " starts beside the one it replaces, so a plan with one waits; raise --core-limit, or let plans leave"
        " room with a smaller --max-cores (5 cores would do)"
    )
    assert [record.getMessage() for record in caplog.records] == [warning] * told


def test_what_runs_is_told_from_what_does_not() -> None:
    fleet = started_fleet(Machine(), toy_plan(), None)
    assert fleet.runs(toy_plan())
    assert not fleet.runs(toy_plan(batch=8))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            Plan(toy_plan().stages[:1]),
            "the plan is for stages ['first']; pipeline toy has ['first', 'second']",
        ),
        (toy_plan(replicas=(0, 1)), "first: 0 replicas; a stage needs at least 1"),
        (toy_plan(("huge", "small")), "unknown variant of stage first 'huge'"),
        (toy_plan(batch=9), "9"),
    ],
)
def test_a_plan_that_cannot_run_changes_nothing(plan: Plan, message: str) -> None:
    machine = Machine()
    fleet = started_fleet(machine, toy_plan(), None)
    with pytest.raises(IpaError, match=re.escape(message)):
        fleet.reconfigure(plan, {})
    assert fleet.runs(toy_plan())
    assert machine.started == 4


def test_a_first_plan_without_room_is_refused() -> None:
    with pytest.raises(IpaError, match=r"the first plan takes 4 cores; core_limit is 3"):
        started_fleet(Machine(), toy_plan(), core_limit=3)
