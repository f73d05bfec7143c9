"""The configuration that a run starts with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa.experiments.initial_plan import MOST_ADDED, initial_plan, replicas_costing
from ipa.experiments.resolved import planner_for
from ipa.experiments.spec import RunSpec
from ipa.workload import Workload, load_workload

few = st.lists(st.integers(1, 16), min_size=1, max_size=3)


@given(few, st.data())
def test_a_cost_that_can_be_met_is_met_with_at_least_the_known_replicas(
    cores: list[int], data: st.DataObject
) -> None:
    n = len(cores)
    least = tuple(data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)))
    added = data.draw(st.lists(st.integers(0, MOST_ADDED // n), min_size=n, max_size=n))
    cost_cores = sum((a + b) * c for a, b, c in zip(least, added, cores, strict=True))
    found = replicas_costing(cores, least, cost_cores)
    assert sum(r * c for r, c in zip(found, cores, strict=True)) == cost_cores
    assert all(r >= known for r, known in zip(found, least, strict=True))
    assert sum(found) <= sum(least) + sum(added)


@pytest.mark.parametrize("cost_cores", [None, 0, 3, 4, 7])
def test_the_known_replicas_stay_where_no_number_meets_the_cost(cost_cores: int | None) -> None:
    assert replicas_costing([4, 2], (1, 1), cost_cores) == (1, 1)


def test_a_run_that_was_not_published_starts_provisioned_for_its_first_interval() -> None:
    spec = RunSpec("video", "bursty", "ipa")
    workload = Workload("step", [20] * 10 + [500] * 10, "file")
    planner = planner_for(spec)
    assert initial_plan(spec.parameters(), planner, workload) == planner.decide(20.0).plan


def test_a_workload_shorter_than_an_interval_is_enough() -> None:
    spec = RunSpec("video", "bursty", "ipa")
    planner = planner_for(spec)
    workload = Workload("short", [4, 8], "file")
    assert initial_plan(spec.parameters(), planner, workload) == planner.decide(6.0).plan


def test_a_published_rim_run_starts_with_its_fixed_replicas() -> None:
    spec = RunSpec("nlp", "steady-high", "rim", edition="as-published-v1")
    start = initial_plan(spec.parameters(), planner_for(spec), load_workload("bursty", trace="synthetic"))
    fixed = spec.parameters().method_settings.replicas
    assert fixed is not None
    assert all(s.replicas >= n for s, n in zip(start.stages, fixed, strict=True))
    assert start.cost_cores == 80
