"""`make live` keeps what it has made, goes on where it stopped, and says how long all of it took."""

import sys
from pathlib import Path

import make_live
from make_live import Done, Step, live_steps, make, summary


def writes(name: str, text: str) -> Step:
    return Step(name, (sys.executable, "-c", f"print({text!r}, end='')"))


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    steps = [writes("one", "1"), Step("bad", (sys.executable, "-c", "exit(3)")), writes("two", "2")]
    first = make(steps, tmp_path)
    assert [(one.name, one.code, one.kept) for one in first] == [
        ("one", 0, False),
        ("bad", 3, False),
        ("two", 0, False),
    ]
    assert (tmp_path / "one.json").read_text() == "1"
    assert not (tmp_path / "bad.json").exists()
    assert [one.kept for one in make(steps, tmp_path)] == [True, False, True]
    assert [one.kept for one in make(steps, tmp_path, force=True)] == [False, False, False]
    assert [one.kept for one in make([writes("one", "other")], tmp_path)] == [False]
    assert (tmp_path / "one.json").read_text() == "other"


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    make([writes("one", "1")], tmp_path)
    (tmp_path / "one.json").unlink()
    assert [one.kept for one in make([writes("one", "1")], tmp_path)] == [False]
    (tmp_path / make_live.TIMES).write_text("no json")
    assert [one.kept for one in make([writes("one", "1")], tmp_path)] == [False]


def test_the_summary_tells_what_each_took() -> None:
    done = [Done("one", 2.5, 0, kept=True), Done("two", 1.0, 3, kept=False)]
    assert summary(done, Path("results/live")).splitlines() == [
        "one                 2.5 s  there already",
        "two                 1.0 s  failed with exit code 3",
        "all                 1.0 s  now, 3.5 s altogether, in results/live",
    ]


def test_a_quick_one_asks_for_the_same_commands() -> None:
    long, quick = (live_steps(Path("x"), quick=quick) for quick in (False, True))
    assert [step.name for step in long] == ["run-local", "run-simulated", "serving", "load", "reconfigure"]
    assert [step.command[3:5] for step in long] == [step.command[3:5] for step in quick]
