"""The journal is bounded, and can be read from anywhere on."""

from ipa.serving.gateway.engine.journal import CHUNK, Journal
from ipa.serving.gateway.engine.request import Request
from tests.support.simulator_toys import pipeline, variant


def journal_of(count: int, limit: int) -> Journal:
    journal = Journal(pipeline([variant("a", {1: 0.1})]), limit)
    for number in range(count):
        request = Request(number, f"r{number}", (), number / 1e9, 1, lambda _: None)
        request.outcome, request.reason, request.end_s = "error", "cancelled", (number + 1) / 1e9
        journal.append(request)
    return journal


def test_an_empty_journal_has_its_columns() -> None:
    table = journal_of(0, 10).table()
    assert len(table) == 0
    assert table.column_names[:4] == ["number", "id", "arrival_ns", "end_ns"]


def test_it_is_read_from_a_number_on() -> None:
    journal = journal_of(10, 100)
    rows = journal.table(after=7).to_pylist()
    assert [(row["number"], row["id"], row["arrival_ns"], row["end_ns"]) for row in rows] == [
        (7, "r7", 7, 8),
        (8, "r8", 8, 9),
        (9, "r9", 9, 10),
    ]
    assert rows[0]["1_enter_ns"] == rows[0]["1_batch"] == rows[0]["1_visits"] == 0
    assert len(journal.table(after=10)) == len(journal.table(after=11)) == 0


def test_it_forgets_the_oldest_but_never_what_the_limit_promises() -> None:
    for count in (CHUNK, CHUNK + 1, 5 * CHUNK + 3):
        table = journal_of(count, CHUNK + 5).table()
        numbers = table["number"].to_pylist()
        assert numbers == list(range(numbers[0], count))
        assert min(count, CHUNK + 5) <= len(numbers) <= 3 * CHUNK
        assert table["id"][0].as_py() == f"r{numbers[0]}"
