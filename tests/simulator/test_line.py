"""The queue of a stage against plain lists, and long queues against short ones."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.pipeline.pipeline import Pipeline
from ipa.pipeline.plan import Plan
from ipa.simulator import SimulationSettings, engine
from ipa.simulator.line import SMALLEST, WaitingLine
from tests.support.simulator_toys import Step, fingerprint, pipeline, plan, scenarios, simulate, variant

Entry = tuple[float, float, int]
Scenario = tuple[Pipeline, Plan, SimulationSettings, list[float], list[Step]]


def entries(line: WaitingLine) -> list[Entry]:
    return list(zip(line.entered_s.tolist(), line.deadline_s.tolist(), line.visit.tolist(), strict=True))


def append(line: WaitingLine, plain: list[Entry], count: int, rng: np.random.Generator) -> None:
    entered_s = np.sort(rng.uniform(0, 10, count))
    deadline_s, visit = entered_s + rng.uniform(0, 5, count), rng.integers(0, 99, count)
    line.append(entered_s, deadline_s, visit)
    plain += zip(entered_s.tolist(), deadline_s.tolist(), visit.tolist(), strict=True)


def pop(line: WaitingLine, plain: list[Entry], count: int, _: np.random.Generator) -> None:
    count = min(count, len(plain))
    line.pop_front(count)
    del plain[:count]


def expire(line: WaitingLine, plain: list[Entry], count: int, _: np.random.Generator) -> None:
    """Move the late ones to the front and take them out, as a stage does."""
    before_s = count / 50
    late = line.expire(before_s)
    assert late == sum(deadline_s < before_s for _, deadline_s, _ in plain)
    plain.sort(key=lambda entry: entry[1] >= before_s)
    assert entries(line) == plain
    line.pop_front(late)
    del plain[:late]


def renumber(line: WaitingLine, plain: list[Entry], count: int, _: np.random.Generator) -> None:
    line.renumber(lambda visit: visit + count)
    plain[:] = [(entered_s, deadline_s, visit + count) for entered_s, deadline_s, visit in plain]


Change = Callable[[WaitingLine, list[Entry], int, np.random.Generator], None]
CHANGES: list[Change] = [append, append, pop, pop, expire, renumber]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 300)), max_size=30))
def test_a_line_holds_what_a_plain_list_would(changes: list[tuple[Change, int]]) -> None:
    line, plain, rng = WaitingLine(), list[Entry](), np.random.default_rng(0)
    for change, count in changes:
        change(line, plain, count, rng)
        assert entries(line) == plain
        assert len(line) == len(plain)


def test_a_line_that_is_served_as_fast_as_it_fills_does_not_grow() -> None:
    line, rng = WaitingLine(), np.random.default_rng(0)
    for _ in range(100):
        append(line, [], SMALLEST // 4, rng)
        line.pop_front(SMALLEST // 4)
    assert line._visit.size == SMALLEST


@settings(max_examples=60)
@given(scenarios())
def test_how_much_of_the_line_is_looked_at_at_once_makes_no_difference(scenario: Scenario) -> None:
    pipe, first, assumed, times_s, steps = scenario
    whole = simulate(pipe, first, assumed, times_s, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FIRST_BLOCK", 2)
        in_parts = simulate(pipe, first, assumed, times_s, steps)
    assert fingerprint(whole.records()) == fingerprint(in_parts.records())


@pytest.mark.parametrize("name", ["python", "numba"])
def test_a_backlog_served_in_steps_has_the_bytes_of_one_served_whole(name: str) -> None:
    if name == "numba":
        pytest.importorskip("numba")
    pipe, first = pipeline([variant("a", {1: 0.2, 4: 0.5})]), plan(("a", 4, 3, 0.1))
    times_s = np.sort(np.random.default_rng(0).uniform(0, 100, 10_000)).tolist()
    assumed = replace(SimulationSettings(seed=3), engine=name)
    whole = simulate(pipe, first, assumed, times_s)
    in_steps = simulate(pipe, first, assumed, times_s, [(float(t), first) for t in range(5, 100, 5)])
    assert whole.counts().done == 10_000
    assert (whole.records().stages[0].start_s - whole.records().arrival_s).max() > 300
    np.testing.assert_array_equal(whole.records().end_s, in_steps.records().end_s)
