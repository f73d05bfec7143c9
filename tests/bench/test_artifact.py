"""What the commands of the artifact cost."""

from pathlib import Path

import pytest

from ipa.bench import artifact
from ipa.errors import ResultsError


def test_the_cost_of_a_command_counts_its_processes_and_what_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        artifact.COMMANDS, "run", ("run", "--trace", "synthetic", "--duration", "60", "--method", "ipa")
    )
    (cost,) = artifact.measure_artifact(tmp_path / "results", ["run"])
    assert cost.command == "run"
    assert 0 < cost.cpu_s <= 2 * cost.wall_s
    assert cost.memory_mb > 30
    assert cost.runs == 1
    files = sum(file.stat().st_size for file in (tmp_path / "results").rglob("*") if file.is_file())
    assert cost.results_mb == pytest.approx(files / 1e6, abs=0.05)


def test_costs_are_measured_from_nothing_and_failures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="not empty"):
        artifact.measure_artifact(tmp_path)
    monkeypatch.setitem(artifact.COMMANDS, "run", ("run", "--method", "ripa"))
    with pytest.raises(ResultsError, match=r"`ipa run --method ripa` failed.*unknown method"):
        artifact.measure_artifact(tmp_path / "results", ["run"])
