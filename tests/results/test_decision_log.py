"""Decisions are on the disk as soon as they are taken, and all of them in the end."""

import subprocess
import sys
from pathlib import Path

import pytest

from ipa.errors import ResultsError
from ipa.experiments.run import run_once
from ipa.experiments.simulate import simulate
from ipa.experiments.spec import RunSpec
from ipa.results.decision_log import DecisionLog, decision_log
from ipa.results.decisions import DecisionRecord
from ipa.results.folder import DECISIONS, as_line, read_decisions

SHORT = RunSpec(workload="steady-low", trace="synthetic", duration_s=60)


@pytest.fixture(scope="module")
def records() -> list[DecisionRecord]:
    return simulate(SHORT).decisions


def test_every_decision_can_be_read_as_soon_as_it_is_taken(
    tmp_path: Path, records: list[DecisionRecord]
) -> None:
    with decision_log(tmp_path) as log:
        for count, record in enumerate(records, 1):
            log.add(record)
            assert read_decisions(tmp_path)["step"].tolist() == list(range(count))
        log.complete(records)
    assert (tmp_path / DECISIONS).read_text() == "".join(as_line(record.as_dict()) for record in records)


def test_lines_that_a_full_disk_did_not_take_are_written_in_the_end(
    tmp_path: Path, records: list[DecisionRecord]
) -> None:
    with decision_log(tmp_path) as log:
        for record in records[:2] + records[4:]:
            log.add(record)
        log.complete(records)
    assert read_decisions(tmp_path)["step"].tolist() == [record.step for record in records]


def test_a_disk_that_stays_full_is_an_error_and_no_run_with_fewer_decisions(
    tmp_path: Path, records: list[DecisionRecord]
) -> None:
    (tmp_path / DECISIONS).symlink_to("/dev/full")
    with decision_log(tmp_path) as log:
        with pytest.raises(OSError, match="No space"):
            log.add(records[0])
        with pytest.raises(ResultsError, match="No space left"):
            log.complete(records)


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be written"), decision_log(tmp_path / "absent"):
        pytest.fail("the log was opened")


KILLED = """
import os, signal, sys
from pathlib import Path
from ipa.experiments.run import run_once
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS, ForecastContext
from ipa.forecast.base import Forecast

class Deadly:
    asked = 0
    def forecast(self, rates_rps, now_s):
        self.asked += 1
        if self.asked == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return Forecast(20.0)

FORECASTERS.register("deadly", lambda context: Deadly())
spec = RunSpec(workload="steady-low", trace="synthetic", duration_s=60, forecaster="deadly")
run_once(spec, Path(sys.argv[1]))
"""


def test_a_killed_run_leaves_a_draft_of_its_decisions_and_no_folder(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -9
    (draft,) = tmp_path.glob("*/.*.draft")
    assert read_decisions(draft)["step"].tolist() == [0, 1, 2, 3]
    assert not [path for path in draft.parent.iterdir() if not path.name.startswith(".")]


def test_the_log_of_a_run_is_what_its_outcome_says(tmp_path: Path, records: list[DecisionRecord]) -> None:
    folder = run_once(SHORT, tmp_path).folder
    found = read_decisions(folder).drop(columns="solve_s")
    assert found["cost_cores"].tolist() == [record.cost_cores for record in records]
    assert found["forecast_rps"].tolist()[1:] == [record.forecast_rps for record in records][1:]


def test_a_log_can_be_closed_twice(tmp_path: Path, records: list[DecisionRecord]) -> None:
    log = DecisionLog(tmp_path)
    log.add(records[0])
    log.close()
    log.close()
    assert len(read_decisions(tmp_path)) == 1
