"""Dropping beaten options: by a sweep and each with each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipa.optimizer.labels import columns as module
from ipa.optimizer.labels.columns import Columns, columns_of, drop_dominated
from ipa.optimizer.random_problems import KINDS, random_problem


def _drawn(seed: int, stages: int, width: int, levels: int) -> Columns:
    """Draw options of which many are equal in something."""
    rng = np.random.default_rng(seed)
    shape = (stages, width)
    sizes = rng.integers(1, width + 1, stages)
    sizes[0] = width
    present = np.arange(width) < sizes[:, None]
    latency, gain, factor = (rng.integers(0, levels, shape) / levels for _ in range(3))
    return Columns(
        latency=np.where(present, np.round(latency * 1000), 0.0),
        gain=np.where(present, gain - 0.5, -np.inf),
        factor=np.where(present, factor, 1.0),
        index=np.broadcast_to(np.arange(width), shape),
        sizes=sizes,
        alpha=1.0,
    )


def _both_ways(columns: Columns) -> tuple[Columns, Columns]:
    """Return what a comparison each with each leaves, and what a sweep leaves."""
    left = []
    for most_paired in (10**6, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "MOST_PAIRED", most_paired)
            left.append(drop_dominated(columns))
    return left[0], left[1]


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 60), st.sampled_from([2, 5, 20, 10**9]))
def test_a_sweep_drops_the_same_options_as_comparing_each_with_each(
    seed: int, stages: int, width: int, levels: int
) -> None:
    pairs, sweep = _both_ways(_drawn(seed, stages, width, levels))
    np.testing.assert_array_equal(pairs.sizes, sweep.sizes)
    np.testing.assert_array_equal(pairs.index, sweep.index)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_sweep_drops_the_same_options_of_generated_problems(kind: str) -> None:
    for seed in range(5):
        problem = random_problem(seed, stages=4, variants=20, batches=4, kind=kind, metric="pas")
        pairs, sweep = _both_ways(columns_of(problem))
        np.testing.assert_array_equal(pairs.index, sweep.index)


def test_options_within_a_tie_of_each_other_stay() -> None:
    columns = _drawn(0, 1, 3, 2)
    close = Columns(
        latency=np.array([[1.0, 2.0, 2.0]]),
        gain=np.array([[1.0, 1.0 - 1e-12, 0.5]]),
        factor=np.ones((1, 3)),
        index=columns.index,
        sizes=np.array([3]),
        alpha=1.0,
    )
    for left in _both_ways(close):
        assert left.index.tolist() == [[0, 1]]
