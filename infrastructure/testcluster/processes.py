"""The processes of a test cluster: started in the network of their node, ended by identity."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from infrastructure.testcluster.layout import Layout, Node
from infrastructure.testcluster.machine import inside

POLL_S = 0.1


class Processes:
    """Starts components and remembers them in a file, so that another process can end them.

    Parameters
    ----------
    layout
        Where the file and the logs lie.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = layout.state / "processes.json"

    def start(self, name: str, node: Node, command: Sequence[str]) -> None:
        """Start a component in the network of a node; what it prints goes to a log file."""
        log = self._layout.folder("logs") / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                inside(node, *command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        known = self._read()
        known[name] = (process.pid, psutil.Process(process.pid).create_time())
        self._file.write_text(json.dumps(known))

    def alive(self, name: str) -> bool:
        """Whether a component runs."""
        process = self._process(name)
        return process is not None and not _ended(process)

    def stop(self, *names: str, patience_s: float = 10.0) -> None:
        """End components together; those that do not end in time are killed."""
        running = [process for name in names if (process := self._process(name)) is not None]
        for process in running:
            _send(process, signal.SIGTERM)
        try:
            wait_for("the end of " + ", ".join(names), lambda: all(map(_ended, running)), patience_s)
        except RuntimeError:
            for process in running:
                _send(process, signal.SIGKILL)
            wait_for("the end of " + ", ".join(names), lambda: all(map(_ended, running)), patience_s)

    def log_end(self, name: str, lines: int = 5) -> str:
        """Return the last lines of a component's log."""
        log = self._layout.state / "logs" / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _process(self, name: str) -> psutil.Process | None:
        known = self._read().get(name)
        if known is None:
            return None
        try:
            process = psutil.Process(known[0])
        except psutil.NoSuchProcess:
            return None
        return process if abs(process.create_time() - known[1]) < 1.0 else None

    def _read(self) -> dict[str, tuple[int, float]]:
        known = json.loads(self._file.read_text()) if self._file.exists() else {}
        return {name: (int(pid), float(created_s)) for name, (pid, created_s) in known.items()}


def _ended(process: psutil.Process) -> bool:
    """Whether a process has ended; one that init has not collected yet has."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def wait_for(what: str, there: Callable[[], bool], patience_s: float, why: Callable[[], str] = str) -> None:
    """Return once something is there; say what is missing if it does not come."""
    end_s = time.monotonic() + patience_s
    while not there():
        if time.monotonic() > end_s:
            raise RuntimeError(f"{what} did not come in {patience_s:.0f} s: {why()}")
        time.sleep(POLL_S)


def unpack(archive: Path, target: Path) -> None:
    """Unpack an xz archive of one program; a file of the same size is taken as it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.stat().st_mtime >= archive.stat().st_mtime:
        return
    draft = target.with_suffix(".draft")
    with draft.open("wb") as output:
        subprocess.run(["xz", "-dkc", str(archive)], stdout=output, check=True)
    draft.chmod(0o755)
    draft.replace(target)
