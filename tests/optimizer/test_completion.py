"""The table of completions never underestimates what a partial choice can become."""

import math
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.labels.columns import Columns, columns_of
from ipa.optimizer.labels.completion import completion_table
from ipa.optimizer.labels.exceeded import LabelsExceededError
from ipa.optimizer.problem import Problem
from ipa.optimizer.random_problems import random_problem
from tests.support.toys import random_problems


def best_completion(columns: Columns, chosen: tuple[int, ...], limit: float) -> float:
    """Return the best objective of the choices that begin with some positions, by trying all."""
    rest = (range(int(size)) for size in columns.sizes[len(chosen) :])
    values = [-math.inf]
    for tail in product(*rest):
        choice = np.array(chosen + tail, dtype=np.intp)
        if columns.latency_of(choice) <= limit:
            values.append(columns.value(choice))
    return max(values)


@settings(max_examples=150)
@given(random_problems(), st.sampled_from([1, 7, 100]), st.sampled_from([0.0, 1e-12, 1e-9]), st.data())
def test_no_completion_is_better_than_the_table_says(
    asked: Problem, cells: int, price: float, data: st.DataObject
) -> None:
    columns, limit = columns_of(asked), float(asked.ticks.limit)
    if columns.latency_of(columns.fastest()) > limit:
        return
    table = completion_table(columns, limit, cells, price, math.inf)
    stage = data.draw(st.integers(0, len(columns.sizes)))
    chosen = tuple(data.draw(st.integers(0, int(size) - 1)) for size in columns.sizes[:stage])
    places = np.array(chosen, dtype=np.intp)
    rows = np.arange(stage)
    factor = 1.0 if columns.additive else float(columns.factor[rows, places].prod())
    gain = float(columns.gain[rows, places].sum())
    rest = table.rest(stage, columns.latency[rows, places].sum(keepdims=True), np.array([factor]))
    best = best_completion(columns, chosen, limit)
    assert gain + float(rest[0]) >= best - 1e-9 * max(1.0, abs(best))


@pytest.mark.parametrize("metric", ["mean", "pas"])
def test_on_whole_milliseconds_the_table_of_a_sum_is_exact(
    metric: str,
) -> None:
    asked = random_problem(1, 4, 4, 2, kind="strong", metric=metric, tightness=0.3)
    columns, limit = columns_of(asked), float(asked.ticks.limit)
    best = best_completion(columns, (), limit)
    uppers = [completion_table(columns, limit, cells, 0.0, math.inf).upper for cells in (10, 1000)]
    assert uppers[0] >= uppers[1] >= best - 1e-9
    if metric == "mean":
        assert uppers[1] == pytest.approx(best, abs=1e-9)


def test_the_table_keeps_the_deadline() -> None:
    columns = columns_of(random_problem(1, 4, 4, 2))
    with pytest.raises(LabelsExceededError):
        completion_table(columns, columns.latency.sum(), 10, 0.0, time.perf_counter() - 1)
