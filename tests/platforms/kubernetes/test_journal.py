"""Journals of several shards become one, bounded, on the clock that is asked for."""

import numpy as np
import pyarrow as pa
import pytest

from ipa.platforms.kubernetes.journal import ShardJournal, on_clock


def piece(first: int, *ends_ns: int, outcome: str = "ok") -> pa.Table:
    size = len(ends_ns)
    return pa.table(
        {
            "number": range(first, first + size),
            "id": [f"r-{first + nth}" for nth in range(size)],
            "arrival_ns": [end - 2_000_000_000 for end in ends_ns],
            "end_ns": ends_ns,
            "outcome": [outcome] * size,
        }
    )


def test_every_shard_is_asked_for_what_is_new_of_it() -> None:
    journal = ShardJournal(100)
    assert journal.next("a") == 0
    assert journal.table() is None
    journal.add("a", piece(0, 10, 20))
    journal.add("b", piece(0, 15))
    journal.add("a", piece(2))
    assert (journal.next("a"), journal.next("b")) == (2, 1)
    table = journal.table()
    assert table is not None
    assert table.num_rows == 3


def test_the_oldest_are_forgotten() -> None:
    journal = ShardJournal(3)
    for first in range(10):
        journal.add("a", piece(first, first))
    table = journal.table()
    assert table is not None
    assert table.column("number").to_pylist() == [6, 7, 8, 9]


def test_latencies_are_those_of_answers_since_then() -> None:
    journal = ShardJournal(100)
    assert len(journal.latencies_s(0)) == 0
    journal.add("a", piece(0, 3_000_000_000, 5_000_000_000))
    journal.add("a", piece(2, 6_000_000_000, outcome="error"))
    assert journal.latencies_s(4_000_000_000) == pytest.approx(np.array([2.0]))


def test_times_move_to_another_clock_but_for_what_has_not_happened() -> None:
    moved = on_clock(pa.table({"end_ns": [0, 7], "batch": [0, 7]}), -5)
    assert moved.to_pydict() == {"end_ns": [0, 2], "batch": [0, 7]}
