"""Which runs the targets of ``ipa reproduce`` need."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ipa.errors import TraceError
from ipa.report import reproduce as report
from ipa.report.claims import claim_runs
from ipa.report.reproduce import TARGETS, required_runs


def test_a_figure_needs_the_runs_of_its_pipeline_in_both_editions() -> None:
    runs = required_runs([TARGETS["figure-9"]], "synthetic", seed=0, seeds=5)
    assert {spec.pipeline for spec in runs.brief} == {"audio-qa"}
    assert len(runs.brief) == 2 * 16
    assert runs.whole == ()


def test_runs_that_several_targets_read_are_run_once() -> None:
    claims = claim_runs("synthetic", seed=1, seeds=3)
    runs = required_runs(list(map(TARGETS.__getitem__, TARGETS)), "synthetic", seed=1, seeds=3)
    assert set(runs.brief) == set(claims.brief)
    assert set(runs.measured) == set(claims.measured)
    every = (*runs.brief, *runs.measured)
    assert len(set(every)) == len(every)
    assert runs.whole == claims.whole


def test_notebooks_that_average_over_seeds_are_told_how_many() -> None:
    assert [name for name in TARGETS if TARGETS[name].repeated] == ["figure-15", "claims"]


@pytest.mark.parametrize("name", ["profiling", "serving", "live-against-simulated", "is-pas-right"])
def test_a_notebook_that_takes_no_load_is_the_same_whatever_the_trace(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPA_TRACE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    real, synthetic = (
        report._task(TARGETS[name], tmp_path, "real", seed=0, seeds=5),
        report._task(TARGETS[name], tmp_path, "synthetic", seed=0, seeds=5),
    )
    assert real == synthetic
    with pytest.raises(TraceError):
        report._task(TARGETS["figure-9"], tmp_path, "real", seed=0, seeds=5)


def reproduce(results: Path, *options: str) -> subprocess.Popen[str]:
    # A suite that was started in the background inherits that SIGINT is ignored.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    program += "from ipa.cli.app import main; main()"
    command = [sys.executable, "-c", program, "reproduce", "--trace", "synthetic", *options]
    return subprocess.Popen(
        [*command, "--results", str(results)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Wait until something happens in a process that is still going on."""
    while not happened():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.01)


def command_of(process: psutil.Process) -> str:
    """Return how a process was called; empty for one that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
def test_interrupted_while_a_notebook_runs_it_ends_with_all_its_kernels_and_goes_on_later(
    tmp_path: Path,
) -> None:
    process = reproduce(tmp_path, "--only", "adaptation")
    # The worker has two children once it runs a notebook: the kernel is one of them.
    wait_for(process, lambda: any("ipykernel" in command_of(child) for child in family(process)))
    children = family(process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert not psutil.wait_procs(children, timeout=30)[1]
    assert not (tmp_path / "notebooks" / "adaptation.ipynb").exists()

    process = reproduce(tmp_path, "--only", "adaptation")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "notebooks: 1 executed, 0 kept" in errors
    assert "KeyboardInterrupt" not in errors

    figure = next((tmp_path / "figures").glob("*.png"))
    figure.write_bytes(b"")
    for expected in ("1 executed, 0 kept", "0 executed, 1 kept"):
        process = reproduce(tmp_path, "--only", "adaptation")
        assert expected in process.communicate(timeout=300)[1]
    assert figure.read_bytes()


@pytest.mark.slow
def test_interrupted_while_experiments_run_it_ends_at_once(tmp_path: Path) -> None:
    process = reproduce(tmp_path, "--only", "figure-8", "--jobs", "2")
    wait_for(process, lambda: any(tmp_path.rglob("summary.json")))
    children = family(process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in errors
    assert not psutil.wait_procs(children, timeout=30)[1]
