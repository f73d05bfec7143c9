"""Running a coroutine to its end, with and without a loop around it."""

import asyncio

import pytest

from ipa.errors import ProfilerError
from ipa.profiler.run_loop import run_to_end


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    raise ProfilerError("no replica")


def test_it_runs_where_no_loop_runs_and_where_one_does() -> None:
    async def within() -> int:
        return run_to_end(answer())

    assert run_to_end(answer()) == 42
    assert asyncio.run(within()) == 42


def test_errors_come_back_from_both() -> None:
    async def within() -> None:
        run_to_end(fail())

    with pytest.raises(ProfilerError, match="no replica"):
        run_to_end(fail())
    with pytest.raises(ProfilerError, match="no replica"):
        asyncio.run(within())
