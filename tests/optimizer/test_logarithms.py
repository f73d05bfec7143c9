"""Products as sums of logarithms: bounds hold, and order is kept within the error that is told."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.bench.hard_problems import Recipe
from ipa.optimizer.answer import pick_options
from ipa.optimizer.labels.logarithms import Scale, as_sum
from ipa.optimizer.labels.reduction import Reduction, reduce_problem
from ipa.optimizer.problem import Problem
from tests.support.toys import random_problems

RECIPES = st.builds(
    Recipe,
    stages=st.integers(2, 4),
    options=st.integers(2, 5),
    metric=st.just("pas"),
    alpha=st.sampled_from([10.0, 1000.0]),
    noise=st.sampled_from([0.0, 1e-4, 0.1]),
    batches=st.sampled_from([1, 4]),
    tightness=st.floats(0.1, 1.0),
    seed=st.integers(0, 1000),
)


def reduced(asked: Problem) -> Reduction:
    reduction = reduce_problem(asked)
    assert reduction is not None
    return reduction


@settings(max_examples=100)
@given(RECIPES)
def test_no_objective_is_above_what_its_sum_allows_and_order_is_kept_within_the_error(recipe: Recipe) -> None:
    asked = recipe.problem()
    reduction = reduced(asked)
    _, scale = as_sum(reduction)
    assert scale.product > 0
    rows = [row[:size] for row, size in zip(reduction.columns.index, reduction.columns.sizes, strict=True)]
    choices = list(product(*(row.tolist() for row in rows)))[:300]
    known = [(scale.total(asked, choice), asked.value(pick_options(asked, choice))) for choice in choices]
    assert all(scale.objective(total) >= value - 1e-9 for total, value in known)
    best_total = max(known)
    better = max(known, key=lambda pair: pair[1])
    assert best_total[0] - better[0] <= scale.error(best_total[0], better[0]) + 1e-9


@settings(max_examples=60)
@given(RECIPES)
def test_the_bound_of_the_sum_holds_for_every_plan_within_the_sla(recipe: Recipe) -> None:
    asked = recipe.problem()
    added, scale = as_sum(reduced(asked))
    upper = scale.objective(added.bound.upper)
    for choice in product(*(range(len(stage)) for stage in asked.options)):
        options = pick_options(asked, choice)
        assert not asked.feasible(options) or asked.value(options) <= upper + 1e-9


@settings(max_examples=60)
@given(random_problems(metric="mean"))
def test_a_sum_stays_as_it_is(asked: Problem) -> None:
    reduction = reduce_problem(asked)
    if reduction is not None:
        assert as_sum(reduction) == (reduction, Scale())
        assert Scale().error(1.0, 2.0) == 0.0
