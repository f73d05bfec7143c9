"""``ipa bench live``: runs are kept, compared and not made twice. Real live runs are in the live tier."""

import json
from pathlib import Path

import pytest

from ipa.experiments.resolved import ResolvedRun
from ipa.studies import live_runs
from ipa.studies.live_overheads import Overheads
from ipa.studies.live_runs import Side
from tests.support.command import Ipa

MEASURED = Overheads(1.0, 0.004, 0.002)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Overheads]:
    """Let the simulator stand for this machine, with what the list says it costs; MEASURED is measured."""
    costs = [MEASURED]

    def run_live(run: ResolvedRun) -> tuple[Side, Overheads]:
        return Side.of(live_runs.simulated_twin(run, costs[0])), MEASURED

    monkeypatch.setattr(live_runs, "run_live", run_live)
    return costs


@pytest.mark.usefixtures("told")
def test_runs_within_the_bars_end_well_and_are_kept(ipa: Ipa, tmp_path: Path) -> None:
    arguments = ("bench", "live", "--runs", 2, "--seconds", 20, "--results", tmp_path)
    outcome = ipa(*arguments)
    assert outcome.code == 0, outcome.err
    assert "p99 latency (s)" in outcome.out
    kept = sorted(path.name for path in (tmp_path / "live" / live_runs.STUDY).iterdir())
    assert kept == ["seed-0", "seed-1"]
    found = json.loads(ipa(*arguments, "--json").out)
    assert {row["verdict"] for row in found["rows"]} == {"within", ""}
    assert [row["seed"] for row in found["overheads"]] == [0, 1]


def test_a_simulation_that_is_off_ends_with_1(ipa: Ipa, told: list[Overheads], tmp_path: Path) -> None:
    told[0] = Overheads(1.0, 0.3, 0.5)
    outcome = ipa("bench", "live", "--runs", 1, "--seconds", 20, "--results", tmp_path)
    assert outcome.code == 1
    assert "off" in outcome.out


@pytest.mark.parametrize("seconds", [5, 1000])
def test_a_run_is_as_long_as_it_can_be(ipa: Ipa, seconds: int) -> None:
    outcome = ipa("bench", "live", "--seconds", seconds)
    assert outcome.code == 2
    assert "--seconds" in outcome.err
