"""Moving to a plan that has no room beside what it replaces."""

from hypothesis import given
from hypothesis import strategies as st

from ipa.make_room import steps_with_room
from ipa.pipeline.plan import Plan, StagePlan

VARIANTS = {"a": 1, "b": 2, "c": 5}


def stages(name: str) -> st.SearchStrategy[StagePlan]:
    return st.builds(
        lambda variant, replicas: StagePlan(name, variant, 1, replicas, VARIANTS[variant]),
        st.sampled_from(sorted(VARIANTS)),
        st.integers(1, 9),
    )


plans = st.tuples(stages("x"), stages("y"), stages("z")).map(Plan)


def held_between(running: Plan, wanted: Plan) -> int:
    """Cores of both sides of a switch."""
    return wanted.cost_cores + sum(
        old.cost_cores
        for old, new in zip(running.stages, wanted.stages, strict=True)
        if old.variant != new.variant
    )


@given(plans, plans, st.integers(0, 60))
def test_on_the_way_there_is_room_and_nobody_is_without_a_replica(
    running: Plan, wanted: Plan, more: int
) -> None:
    most = max(running.cost_cores, wanted.cost_cores) + more
    way = steps_with_room(running, wanted, most)
    least_old = sum(
        VARIANTS[old.variant]
        for old, new in zip(running.stages, wanted.stages, strict=True)
        if old.variant != new.variant
    )
    least_new = sum(stage.cores for stage in wanted.stages)
    assert (way is None) == (least_old + least_new > most)
    if way is None:
        return
    shrunk, switched = way
    assert shrunk.variants == running.variants
    assert switched.variants == wanted.variants
    for plan, whole in ((shrunk, running), (switched, wanted)):
        assert all(
            1 <= part.replicas <= full.replicas for part, full in zip(plan.stages, whole.stages, strict=True)
        )
    assert held_between(shrunk, switched) <= most
    assert (switched == wanted) == (wanted.cost_cores + least_old <= most)


@given(plans, plans)
def test_where_there_is_room_for_both_nothing_is_let_go(running: Plan, wanted: Plan) -> None:
    way = steps_with_room(running, wanted, running.cost_cores + wanted.cost_cores)
    assert way is not None
    shrunk, switched = way
    assert switched == wanted
    for old, kept, new in zip(running.stages, shrunk.stages, wanted.stages, strict=True):
        assert kept.replicas == (
            old.replicas if old.variant != new.variant else min(old.replicas, new.replicas)
        )
