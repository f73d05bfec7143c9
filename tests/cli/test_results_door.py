"""The option --results: a folder that cannot be written to is one clear line before any work is done."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.command import Ipa

COMMANDS = (
    ("run", "-w", "constant-5", "--duration", "20"),
    ("grid", "-e", "corrected", "-p", "video", "-w", "constant-5", "-m", "ipa", "--trace", "synthetic"),
    ("reproduce", "--only", "figure-8", "--trace", "synthetic"),
    ("bench", "agree", "--cases", "5", "--jobs", "1"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_results_folder_is_one_line(ipa: Ipa, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    counts: Counter[int] = Counter()
    broken = st.sampled_from(["file", "loop", "x" * 256, "/dev/null", "/dev/full", "/proc/results"])
    below = st.sampled_from(["", "results", "a/b", "é", "y" * 300])

    @given(broken, below)
    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def check(start: str, rest: str) -> None:
        outcome = ipa(*command, "--results", tmp_path / start / rest)
        counts[outcome.code] += 1
        assert outcome.code == 2
        assert outcome.err.startswith("error: results cannot be written to ")
        assert outcome.err.count("\n") == 1
        assert outcome.out == ""

    check()
    print(dict(counts))  # noqa: T201 (the counts are what a reader of the log wants)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]
    assert (tmp_path / "file").read_text() == "mine"
