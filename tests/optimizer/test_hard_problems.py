"""Problems whose options are worth nearly the same: proven where that is possible, bounded everywhere.

``hard/`` holds what ``ipa bench decision --adversarial`` found hardest, with the best objective known.
"""

import json
import time
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.bench.hard_problems import Recipe
from ipa.optimizer.answer import pick_options
from ipa.optimizer.decision import Status
from ipa.optimizer.labels.columns import columns_of
from ipa.optimizer.problem import Problem
from ipa.optimizer.solve import SOLVERS, solve
from ipa.optimizer.solvers import exact

pytestmark = pytest.mark.slow

FOUND = sorted((Path(__file__).parent / "hard").glob("*.json"))
NEARLY_EQUAL = [
    Recipe(7, 10, metric, alpha=alpha, noise=noise, costs=costs, paid=0.02 * (costs > 1))
    for metric in ("pas", "mean")
    for alpha in (1.0, 1000.0)
    for noise in (0.0, 1e-3)
    for costs in (1, 4)
] + [Recipe(7, 10, "pas", alpha=1000.0, noise=noise, batches=5) for noise in (0.0, 1e-6)]


def enumerated_best(asked: Problem) -> float:
    """Return the best objective by trying every plan at once."""
    columns = columns_of(asked)

    def across(rows: np.ndarray, by: np.ufunc) -> np.ndarray:
        return reduce(lambda total, row: by.outer(total, row).ravel(), rows)

    value = across(columns.gain, np.add)
    if not columns.additive:
        value = value + columns.alpha * across(columns.factor, np.multiply)
    return float(value[across(columns.latency, np.add) <= asked.ticks.limit].max())


@pytest.mark.parametrize("recipe", NEARLY_EQUAL, ids=str)
def test_millions_of_nearly_equal_plans_are_searched_to_the_end(recipe: Recipe) -> None:
    small = replace(recipe, stages=6)
    assert solve(small.problem()).objective == pytest.approx(enumerated_best(small.problem()), abs=1e-8)
    decision = solve(recipe.problem())
    assert (decision.status, decision.gap) == (Status.OPTIMAL, 0.0)


@settings(max_examples=60)
@given(
    st.builds(
        Recipe,
        stages=st.integers(2, 5),
        options=st.integers(2, 5),
        metric=st.sampled_from(["pas", "mean", "rank-product"]),
        alpha=st.sampled_from([1.0, 30.0, 1000.0]),
        noise=st.sampled_from([0.0, 1e-9, 1e-4, 0.1]),
        unit_s=st.sampled_from([0.0, 0.05]),
        jitter=st.sampled_from([0.0, 1e-6, 0.3]),
        batches=st.sampled_from([1, 5]),
        costs=st.sampled_from([1, 3]),
        tightness=st.floats(0.0, 1.0),
        seed=st.integers(0, 1000),
    )
)
def test_deepening_chooses_what_brute_force_does(recipe: Recipe) -> None:
    asked = recipe.problem()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "MOST_LABELS", 0)
        answer = SOLVERS["exact"](asked, 10.0)
    assert answer.choice == SOLVERS["brute-force"](asked, 10.0).choice
    assert answer.proven


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
def test_what_was_found_hardest_ends_with_a_plan_and_a_bound(file: Path) -> None:
    kept = json.loads(file.read_text(encoding="utf-8"))
    best = kept.pop("best_known")
    asked = Recipe(**kept).problem()
    decision = solve(asked, deadline_s=1.0)
    assert decision.status in (Status.OPTIMAL, Status.FEASIBLE)
    assert decision.bound >= best - 1e-6 * max(1.0, abs(best))
    assert decision.gap == decision.bound - decision.objective >= 0.0
    assert decision.optimal or "below the best" in decision.note


@pytest.mark.parametrize("deadline_s", [0.0, 0.05])
def test_whatever_the_deadline_there_is_a_plan_within_the_sla_and_a_bound(deadline_s: float) -> None:
    asked = Recipe(11, 56, "pas", alpha=1000.0, noise=1e-6, costs=3, paid=0.01).problem()
    started = time.perf_counter()
    answer = SOLVERS["exact"](asked, deadline_s)
    assert time.perf_counter() - started < 5.0, "a hang, not a busy machine"
    assert answer.choice is not None
    assert asked.feasible(pick_options(asked, answer.choice))
    assert not answer.proven
    assert answer.bound >= asked.value(pick_options(asked, answer.choice))
    assert answer.note.startswith("the deadline is reached: a good plan, at most")
