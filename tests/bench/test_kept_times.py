"""Times are measured once."""

from pathlib import Path

import pandas as pd
import pytest

from ipa.bench.kept_times import keep_times


class Clock:
    """Measures something else at every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> pd.DataFrame:
        self.calls += 1
        return pd.DataFrame([{"solver": "exact", "median_ms": float(self.calls), "proven": 19}])


def test_times_are_measured_once_and_again_when_asked(tmp_path: Path) -> None:
    clock, what = Clock(), {"sizes": [[1, 2]], "solvers": ["exact"]}
    first = keep_times(tmp_path, what, clock)
    second = keep_times(tmp_path, what, clock)
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert clock.calls == 1
    assert keep_times(tmp_path, what, clock, again=True).rows["median_ms"].tolist() == [2.0]
    assert keep_times(tmp_path, what, clock).rows["median_ms"].tolist() == [2.0]


def test_other_arguments_or_another_machine_are_measured_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    keep_times(tmp_path, {"solves": 1}, clock)
    keep_times(tmp_path, {"solves": 2}, clock)
    assert clock.calls == 2
    from ipa.results.provenance import environment

    other = environment() | {"cpu": "another"}
    monkeypatch.setattr("ipa.bench.kept_times.environment", lambda: other)
    keep_times(tmp_path, {"solves": 1}, clock)
    assert clock.calls == 3


def test_changed_code_keeps_the_times_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    assert "changed" not in keep_times(tmp_path, {}, clock).note
    from ipa.results.provenance import environment

    other = environment() | {"code_sha256": "other"}
    monkeypatch.setattr("ipa.bench.kept_times.environment", lambda: other)
    assert "the code has changed since" in keep_times(tmp_path, {}, clock).note
    assert clock.calls == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": []}', "{"])
def test_a_damaged_file_is_measured_again(tmp_path: Path, content: str) -> None:
    clock = Clock()
    keep_times(tmp_path, {}, clock)
    next((tmp_path / "times").iterdir()).write_text(content)
    assert keep_times(tmp_path, {}, clock).rows["median_ms"].tolist() == [2.0]
