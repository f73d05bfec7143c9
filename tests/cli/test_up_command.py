"""A live pipeline from the command line: brought up, called as its output says, adapted, stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.live

BIN = Path(sys.executable).parent
TIMEOUT_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.05)


class Terminal:
    """A place to type commands in: folders of its own, output in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "run").mkdir(mode=0o700)
        places = {"XDG_RUNTIME_DIR": str(folder / "run"), "XDG_STATE_HOME": str(folder / "state")}
        self.environment = os.environ | places | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``ipa`` as a terminal does: in a process group that gets its Ctrl-C."""
        with self.file(name).open("wb") as out:
            return subprocess.Popen(
                [BIN / "ipa", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
                cwd=self.folder,
            )

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=TIMEOUT_S,
            check=False,
            cwd=self.folder,
        )

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.out"

    def said(self, name: str) -> str:
        return self.file(name).read_text(encoding="utf-8")


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    this = psutil.Process(process.pid)
    return [this, *this.children(recursive=True)]


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=TIMEOUT_S)[1]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(tmp_path_factory.mktemp("up"))


@pytest.fixture(scope="module")
def up(terminal: Terminal) -> Iterator[subprocess.Popen[bytes]]:
    """Bring a pipeline up, and kill it if no test has stopped it."""
    process = terminal.start("up", "up", "video", "--service", "deterministic")
    try:
        wait_for(lambda: "ipa adapt video" in terminal.said("up") or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("up")
def test_the_lines_for_curl_and_for_a_client_can_be_copied(terminal: Terminal) -> None:
    shown = terminal.said("up")
    answer = terminal.run("sh", text=re.search(r"^curl .*?}'$", shown, re.DOTALL | re.MULTILINE)[0])
    assert json.loads(answer.stdout)["model_name"] == "video"
    assert json.loads(answer.stdout)["parameters"]["object-detection.variant"].startswith("yolov5")
    client = re.search(r"^python - <<'END'\n.*?^END$", shown, re.DOTALL | re.MULTILINE)[0]
    answer = terminal.run("sh", text=client)
    assert 'model_name: "video"' in answer.stdout, answer.stderr


@pytest.mark.usefixtures("up")
def test_it_is_listed_and_its_name_is_taken(terminal: Terminal) -> None:
    assert re.search(r"^video +│ video +│ emulated", terminal.run("ipa", "up", "--list").stdout, re.MULTILINE)
    again = terminal.run("ipa", "up", "video")
    assert again.returncode == 2
    assert "error: a live pipeline named video runs already; stop it" in again.stderr


def test_it_is_adapted_until_it_is_stopped_and_leaves_nothing(
    terminal: Terminal, up: subprocess.Popen[bytes]
) -> None:
    adapt = terminal.start("adapt", "adapt", "--interval", "1", "--record", "steps.jsonl")
    try:
        wait_for(lambda: "step 2: " in terminal.said("adapt") or adapt.poll() is not None)
        second = terminal.run("ipa", "adapt", "video")
        assert (second.returncode, "another ipa adapt adapts video already" in second.stderr) == (2, True)
        processes = family(up)
        assert len(processes) > 4
        assert terminal.run("ipa", "up", "--stop", "video").stdout == "video drains and stops\n"
        assert up.wait(TIMEOUT_S) == 0
        assert all_gone(processes)
        assert adapt.wait(TIMEOUT_S) == 0
        assert "video has ended" in terminal.said("adapt")
    finally:
        adapt.kill()
        adapt.wait()
    steps = [json.loads(line) for line in (terminal.folder / "steps.jsonl").read_text().splitlines()]
    assert steps[0]["step"] == 1
    assert {step["action"] for step in steps} <= {"applied", "pending", "unchanged", "held"}
    assert terminal.run("ipa", "up", "--list").stdout == "no live pipeline runs\n"
    assert [path.name for path in (terminal.folder / "run" / "ipa").iterdir()] == [".lock"]


def test_ctrl_c_while_it_starts_says_so_and_leaves_nothing(terminal: Terminal) -> None:
    up = terminal.start("early", "-v", "up", "video", "--name", "early")
    try:
        wait_for(lambda: "gateway starting" in terminal.said("early") or up.poll() is not None)
        assert "early" in terminal.run("ipa", "up", "--list").stdout
        processes = family(up)
        interrupt(up)
        assert up.wait(TIMEOUT_S) == 130
        assert all_gone(processes)
    finally:
        up.kill()
        up.wait()
    assert "interrupted; it had not served yet, and nothing of it is left" in terminal.said("early")
    assert "Traceback" not in terminal.said("early")


@pytest.mark.parametrize("serving", [False, True])
def test_ctrl_c_ends_a_run_at_any_moment_and_leaves_nothing(terminal: Terminal, *, serving: bool) -> None:
    name = f"run-{serving}"
    run = terminal.start(
        name, "-v", "run", "--platform", "local", "-w", "constant-5", "--duration", "60", "--results", name
    )
    try:
        awaited = "pipeline in-force" if serving else "gateway starting"
        wait_for(lambda: awaited in terminal.said(name) or run.poll() is not None)
        processes = family(run)
        interrupt(run)
        assert run.wait(TIMEOUT_S) == 130, terminal.said(name)
        assert all_gone(processes)
    finally:
        run.kill()
        run.wait()
    assert "Traceback" not in terminal.said(name)
    assert "interrupted; what was complete is kept" in terminal.said(name)
    assert [path.name for path in (terminal.folder / "run" / "ipa").iterdir()] == [".lock"]
