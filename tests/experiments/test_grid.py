"""Many runs: resumed, interrupted, killed, failing."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipa.errors import ConfigError, InvalidValueError, IpaError, ReplicasNeededError, ResultsError
from ipa.experiments.finished import summaries
from ipa.experiments.grid import GridReport, run_grid
from ipa.experiments.grid_specs import grid_specs, left_out_note
from ipa.experiments.run import is_complete, run_folder
from ipa.experiments.spec import RunSpec
from ipa.forecast import FORECASTERS
from ipa.results.folder import REQUESTS

SHORT = {"trace": "synthetic", "duration_s": 30}
METHODS = ("ipa", "fa2-low", "rim")


def small_grid(**changes: Any) -> list[RunSpec]:
    return grid_specs(["corrected"], ["video"], ["bursty"], METHODS, **(SHORT | changes))


def times(results: Path, specs: list[RunSpec]) -> list[int]:
    return [(run_folder(results, spec) / REQUESTS).stat().st_mtime_ns for spec in specs]


def test_a_second_call_runs_nothing(tmp_path: Path) -> None:
    specs = small_grid()
    assert run_grid(specs, tmp_path, 1) == GridReport(ran=3, reused=0)
    before = times(tmp_path, specs)
    assert run_grid(specs, tmp_path, 2) == GridReport(ran=0, reused=3)
    assert times(tmp_path, specs) == before


def test_one_process_and_two_write_the_same(tmp_path: Path) -> None:
    specs = small_grid()
    written = []
    for jobs in (1, 2):
        run_grid(specs, tmp_path / str(jobs), jobs)
        written.append([(run_folder(tmp_path / str(jobs), s) / REQUESTS).read_bytes() for s in specs])
    assert written[0] == written[1]


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    specs = small_grid()
    run_grid(specs[:2], tmp_path, 1)
    assert run_grid(specs, tmp_path, 1) == GridReport(ran=1, reused=2)
    (run_folder(tmp_path, specs[0]) / REQUESTS).unlink()
    assert run_grid(specs, tmp_path, 1) == GridReport(ran=1, reused=2)


def test_a_changed_spec_runs_beside_the_old_one(tmp_path: Path) -> None:
    run_grid(small_grid(), tmp_path, 1)
    assert run_grid(small_grid(seed=1), tmp_path, 1).ran == 3
    assert run_grid(small_grid(), tmp_path, 1).ran == 0


def test_changed_code_runs_again_in_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = small_grid()
    run_grid(specs, tmp_path, 1)
    monkeypatch.setattr("ipa.experiments.fingerprint.code_sha256", lambda _: "other code")
    assert run_grid(specs, tmp_path, 1).ran == 3
    assert run_grid(specs, tmp_path, 1).ran == 0
    assert len(list((tmp_path / "corrected-synthetic").iterdir())) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_counts_from_what_is_reused_to_all(tmp_path: Path, jobs: int) -> None:
    specs = small_grid()
    run_grid(specs[:1], tmp_path, 1)
    seen: list[tuple[int, int, str]] = []
    run_grid(specs, tmp_path, jobs, lambda *event: seen.append(event))
    assert [event[:2] for event in seen] == [(1, 3), (2, 3), (3, 3)]
    assert {event[2] for event in seen} == {""} | {f"{s.folder_name}/{s.run_name}" for s in specs[1:]}


@pytest.mark.parametrize("jobs", [0, -1])
def test_less_than_one_job_is_refused(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(InvalidValueError, match="jobs must be at least 1"):
        run_grid(small_grid(), tmp_path, jobs)


def failing_grid(folder: Path) -> list[RunSpec]:
    """Return two runs, the second of which cannot be written: a file is in the way of its folder."""
    specs = small_grid()[:2]
    blocked = folder / specs[1].folder_name / specs[1].run_name
    blocked.parent.mkdir(parents=True)
    blocked.touch()
    return specs


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_run_is_named_and_the_others_are_kept(tmp_path: Path, jobs: int) -> None:
    specs = failing_grid(tmp_path)
    with pytest.raises(
        IpaError, match=r"run corrected-synthetic/video-bursty-fa2-low-duration_s=30 failed: "
    ):
        run_grid(specs, tmp_path, jobs)
    assert run_grid(specs[:1], tmp_path, 1) == GridReport(ran=0, reused=1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_with_its_own_arguments_arrives_from_a_worker(tmp_path: Path, jobs: int) -> None:
    """A pipeline file is broken after the grid was made; two runs, so that there are two processes."""
    text = (Path(__file__).parents[2] / "data" / "pipelines" / "video.yaml").read_text()
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("../paper", str(Path(__file__).parents[2] / "data" / "paper")))
    specs = [
        replace(spec, pipeline=str(own))
        for spec in grid_specs(["corrected"], [str(own)], ["bursty"], ["ipa", "fa2-low"], **SHORT)
    ]
    results = tmp_path / "results"
    with pytest.raises(IpaError, match=r"failed: .*own\.yaml: sla_s: must lie between .*, got -1"):
        run_grid(specs, results, jobs, lambda *_: own.write_text(text.replace("sla_s: 6.89", "sla_s: -1")))
    with pytest.raises(ConfigError):
        is_complete(results, specs[0])


def test_with_one_job_the_callers_own_forecaster_is_known(tmp_path: Path) -> None:
    with FORECASTERS.temporarily("mine", FORECASTERS["max"]):
        specs = grid_specs(["corrected"], ["video"], ["bursty"], ["ipa"], forecaster="mine", **SHORT)
        assert run_grid(specs, tmp_path, 1).ran == 1


def test_summaries_come_in_the_order_of_the_specs(tmp_path: Path) -> None:
    specs = small_grid()
    run_grid(specs, tmp_path, 1)
    frame = summaries(specs[::-1], tmp_path)
    assert list(frame["method"]) == list(METHODS[::-1])
    assert frame["requests"].nunique() == 1


def test_missing_runs_are_counted_and_the_command_given(tmp_path: Path) -> None:
    specs = small_grid()
    run_grid(specs[:1], tmp_path, 1)
    with pytest.raises(
        ResultsError, match=r"2 of 3 runs are missing .*fa2-low.* run: ipa grid --edition corr"
    ):
        summaries(specs, tmp_path)


PROGRAM = """
import signal
import sys
from pathlib import Path
from ipa.experiments.grid_specs import grid_specs
from ipa.experiments.grid import run_grid

if __name__ == "__main__":
    # A suite that was started in the background inherits that SIGINT is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    specs = grid_specs(["corrected"], ["video", "nlp"], trace="synthetic")
    run_grid(specs, Path(sys.argv[1]), int(sys.argv[2]), lambda *event: print(*event, flush=True))
"""


@pytest.mark.parametrize(
    ("how", "jobs"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGKILL, 2)], ids=str
)
def test_an_interrupted_or_killed_grid_is_completed_by_the_next_call(
    tmp_path: Path, how: signal.Signals, jobs: int
) -> None:
    results = tmp_path / "results"
    (tmp_path / "program.py").write_text(PROGRAM)
    grid = subprocess.Popen(
        [sys.executable, tmp_path / "program.py", results, str(jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert grid.stdout is not None
    # The first line tells what is reused, the third one that two runs have ended and others are under way.
    lines = [grid.stdout.readline() for _ in range(3)]
    os.killpg(grid.pid, how)
    _, errors = grid.communicate()
    assert grid.returncode == -how
    assert lines[0].split() == ["0", "32"]
    if how is signal.SIGINT:
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert not list(results.rglob(".*.draft"))
    specs = grid_specs(["corrected"], ["video", "nlp"], trace="synthetic")
    complete = [spec for spec in specs if is_complete(results, spec)]
    assert 2 <= len(complete) < len(specs)
    # A few of the missing ones are enough to see that what was left behind is in nobody's way.
    some = [spec for spec in specs if spec not in complete][:3] + complete
    assert run_grid(some, results, 1) == GridReport(ran=3, reused=len(complete))
    assert len(summaries(some, results)) == len(some)


OWN_PIPELINE = """
name: mine
sla_s: 2.5
stages:
  - name: detect
    profile: {file: mine.csv}
    variants: [{name: small, accuracy: 0.61, base_cores: 1}, {name: large, accuracy: 0.74, base_cores: 4}]
"""
OWN_PROFILE = """stage,variant,cores,batch,latency_p99_s,throughput_rps
detect,small,1,1,0.080,15
detect,large,4,1,0.210,6
"""


@pytest.fixture
def own_pipeline(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text(OWN_PIPELINE)
    (tmp_path / "mine.csv").write_text(OWN_PROFILE)
    return str(tmp_path / "mine.yaml")


def test_a_method_that_needs_replicas_is_left_out_for_a_pipeline_of_ones_own(own_pipeline: str) -> None:
    specs = grid_specs(["corrected"], [own_pipeline], ["bursty"], **SHORT)
    assert [spec.method for spec in specs] == ["ipa", "fa2-low", "fa2-high"]
    assert left_out_note(specs) == f"rim left out for {own_pipeline}: give the fixed replicas of each stage"


def test_given_replicas_go_to_the_methods_that_keep_them(own_pipeline: str) -> None:
    specs = grid_specs(["corrected"], [own_pipeline], ["bursty"], replicas=(3,), **SHORT)
    assert {spec.method: spec.replicas for spec in specs} == {
        "ipa": None,
        "fa2-low": None,
        "fa2-high": None,
        "rim": (3,),
    }
    assert left_out_note(specs) == ""


def test_a_method_that_was_named_is_never_left_out(own_pipeline: str) -> None:
    with pytest.raises(ReplicasNeededError, match=r"rim needs fixed replicas.*for example --replicas 3"):
        grid_specs(["corrected"], [own_pipeline], ["bursty"], ["rim"], **SHORT)
