"""Processes of a live pipeline end with the program that started them, however it ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import psutil
import pytest

from ipa.platforms.local.pid_files import PidFiles
from ipa.platforms.local.processes import Process, ProcessHost
from tests.support import live_children

pytestmark = pytest.mark.live
TIMEOUT_S = 30.0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ProcessHost]:
    host = ProcessHost(tmp_path)
    yield host
    host.close()


def started(
    host: ProcessHost, folder: Path, work: Callable[..., None], *args: object, **options: Any
) -> tuple[Process, Any]:
    """Start a process and return it with what it says."""
    reader, writer = Pipe(duplex=False)
    process = host.start("child", work, (writer, *args), folder / "child.log", **options)
    writer.close()
    assert reader.poll(TIMEOUT_S), (folder / "child.log").read_text()
    return process, reader.recv()


def suspend(pid: int) -> None:
    """Stop a process and wait until it stands still."""
    process = psutil.Process(pid)
    process.suspend()
    deadline_s = time.monotonic() + TIMEOUT_S
    while process.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline_s:
        time.sleep(0.01)


def gone(pids: list[int]) -> bool:
    """Whether processes end within the time-out."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(found, timeout=TIMEOUT_S)[1]


def test_a_process_runs_a_function_and_is_written_down(host: ProcessHost, tmp_path: Path) -> None:
    process, pid = started(host, tmp_path, live_children.announce)
    assert process.pid == pid != 0
    assert process.alive
    assert process.created_s == pytest.approx(time.time(), abs=TIMEOUT_S)
    assert [file.name for file in (tmp_path / "pids").iterdir()] == ["child.pid"]
    process.terminate()
    assert process.wait(TIMEOUT_S)
    assert process.exit_code == -signal.SIGTERM
    assert host.processes == ()
    assert list((tmp_path / "pids").iterdir()) == []


def test_what_will_not_end_is_killed(host: ProcessHost, tmp_path: Path) -> None:
    process, pid = started(host, tmp_path, live_children.ignore_terminate)
    host.close(timeout_s=0.2)
    assert not psutil.pid_exists(pid)
    assert process.exit_code == -signal.SIGKILL


def test_a_stopped_process_is_killed(host: ProcessHost, tmp_path: Path) -> None:
    process, pid = started(host, tmp_path, live_children.announce)
    suspend(pid)
    host.close(timeout_s=0.2)
    assert process.exit_code == -signal.SIGKILL


def test_output_and_errors_go_to_the_log(host: ProcessHost, tmp_path: Path) -> None:
    process = host.start("child", live_children.fail, ("out of ink",), tmp_path / "child.log")
    assert process.wait(TIMEOUT_S)
    assert process.exit_code == 1
    assert "RuntimeError: out of ink" in (tmp_path / "child.log").read_text()


def test_a_full_disk_loses_the_log_and_not_the_process(host: ProcessHost, tmp_path: Path) -> None:
    process, said = started(host, tmp_path, live_children.fill_log, 4096)
    assert said == "still here"
    assert process.alive
    assert (tmp_path / "child.log").stat().st_size == 4096


def test_a_process_keeps_to_its_processors(host: ProcessHost, tmp_path: Path) -> None:
    _, cpus = started(host, tmp_path, live_children.allowed_cpus, cpus=frozenset({0}))
    assert cpus == {0}


def test_a_command_runs_with_its_environment(host: ProcessHost, tmp_path: Path) -> None:
    log = tmp_path / "command.log"
    process = host.start_command(
        "command", ["/bin/sh", "-c", 'echo "colour: $COLOUR"'], {"COLOUR": "red"}, log
    )
    assert process.wait(TIMEOUT_S)
    assert process.exit_code == 0
    assert log.read_text() == "colour: red\n"


@pytest.mark.parametrize("ending", ["terminate", "kill", "end"])
def test_what_a_command_started_ends_with_it(host: ProcessHost, tmp_path: Path, ending: str) -> None:
    log = tmp_path / "command.log"
    last = "true" if ending == "end" else "wait"
    command = ["/bin/sh", "-c", f"sleep 600 & echo $!; {last}"]
    process = host.start_command("command", command, {}, log)
    deadline_s = time.monotonic() + TIMEOUT_S
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    started_by_it = int(log.read_text())
    if ending != "end":
        getattr(process, ending)()
    assert process.wait(TIMEOUT_S)
    assert gone([started_by_it])


def test_a_command_that_is_not_there_says_so_in_its_log(host: ProcessHost, tmp_path: Path) -> None:
    log = tmp_path / "command.log"
    process = host.start_command("command", ["no-such-server", "--port", "1"], {}, log)
    assert process.wait(TIMEOUT_S)
    assert process.exit_code == 127
    assert log.read_text() == "no-such-server: No such file or directory\n"


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, "raise", "return"])
def test_nothing_is_left_when_the_program_ends(ending: signal.Signals | str, tmp_path: Path) -> None:
    how = ending if isinstance(ending, str) else "sleep"
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.live_children", str(tmp_path), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = iter(program.stdout.readline, "all\n")
    pids = [int(line) for line in lines]
    family = [psutil.Process(program.pid), *psutil.Process(program.pid).children(recursive=True)]
    if isinstance(ending, signal.Signals):
        program.send_signal(ending)
    assert len(pids) == 2
    program.wait(TIMEOUT_S)
    program.stdout.close()
    assert gone(pids)
    assert gone([process.pid for process in family])


def test_what_a_terminal_sends_to_all_reaches_the_program_only(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.live_children", str(tmp_path), "group"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(line) for line in iter(program.stdout.readline, "all\n")]
    template = {psutil.Process(pid).ppid() for pid in pids}
    program.kill()
    program.wait(TIMEOUT_S)
    program.stdout.close()
    assert len(pids) == 3
    assert len(template) == 1
    assert gone([*pids, *template])


def test_a_stopped_process_is_not_left_when_the_program_is_killed(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.live_children", str(tmp_path), "sleep"],
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(line) for line in iter(program.stdout.readline, "all\n")]
    for pid in pids:
        suspend(pid)
    program.kill()
    program.wait(TIMEOUT_S)
    program.stdout.close()
    assert gone(pids)


def test_the_next_start_ends_what_was_left_and_nothing_else(tmp_path: Path) -> None:
    left, other = (subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2))
    files = PidFiles(tmp_path / "pids")
    files.add("left", left.pid, psutil.Process(left.pid).create_time())
    # A process that has the number of one that is gone, but not its start time, is somebody else's.
    files.add("other", other.pid, psutil.Process(other.pid).create_time() - 60)
    try:
        assert ProcessHost(tmp_path).left_over == ("left",)
        assert left.wait(TIMEOUT_S) == -signal.SIGKILL
        assert other.poll() is None
        assert list((tmp_path / "pids").iterdir()) == []
    finally:
        for process in (left, other):
            process.kill()
            process.wait()
