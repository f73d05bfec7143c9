"""Batches one after the other, on a clock of our own."""

import asyncio
from collections.abc import Callable

import pytest

from ipa.profiler.closed_loop import ClosedLoop, Samples
from ipa.profiler.precision import LEAST_BATCHES, StoppingRule
from ipa.profiler.warm_up import WINDOW, is_warm


def measured(duration_s: Callable[[int], float], **rule: float) -> tuple[Samples, list[int]]:
    """Measure batches that take as long as their number says; return also how often each look was."""
    now_s, looks = 0.0, []

    async def send(number: int) -> None:
        nonlocal now_s
        now_s += duration_s(number)

    loop = ClosedLoop(send, lambda: now_s)
    return asyncio.run(loop.measure(StoppingRule(**rule), lambda count, _: looks.append(count))), looks


def test_constant_batches_end_as_soon_as_the_interval_is_closed() -> None:
    samples, looks = measured(lambda _: 0.01, precision=0.05, budget_s=60)
    assert 368 <= len(samples.latencies_s) <= 368 * 1.25 + 1
    assert samples.latencies_s == pytest.approx(0.01)
    assert samples.elapsed_s == pytest.approx(0.01 * len(samples.latencies_s))
    assert looks[-1] == len(samples.latencies_s)
    assert (samples.warm, samples.warm_up_batches) == (True, 2 * WINDOW)


def test_slow_batches_end_when_the_budget_is_spent() -> None:
    samples, _ = measured(lambda _: 1.0, precision=0.05, budget_s=60)
    assert 59 <= samples.elapsed_s <= 60


def test_a_few_batches_are_measured_whatever_the_budget() -> None:
    samples, _ = measured(lambda _: 30.0, precision=0.05, budget_s=1)
    assert len(samples.latencies_s) == LEAST_BATCHES
    assert not samples.warm


def test_what_is_slow_at_first_does_not_count() -> None:
    samples, _ = measured(lambda number: 0.5 if number < 7 else 0.01, precision=0.05, budget_s=60)
    assert samples.latencies_s.max() == pytest.approx(0.01)
    assert samples.warm_up_batches > 7


def test_a_replica_that_gets_ever_faster_is_measured_in_the_end() -> None:
    samples, _ = measured(lambda number: 0.98**number, precision=0.05, budget_s=10)
    assert not samples.warm


@pytest.mark.parametrize(
    ("latencies_s", "warm"),
    [
        ([1.0] * (2 * WINDOW - 1), False),
        ([1.0] * (2 * WINDOW), True),
        ([1.0] * WINDOW + [0.9] * WINDOW, False),
        ([1.0] * WINDOW + [2.0] * WINDOW, True),
        ([9.0] * WINDOW + [1.0] * (2 * WINDOW), True),
    ],
)
def test_warm_is_no_longer_getting_faster(latencies_s: list[float], warm: bool) -> None:
    assert is_warm(latencies_s) == warm
