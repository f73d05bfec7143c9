"""Which processes belong to a live pipeline, on disk: what an earlier one left is found and ended."""

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SAME_TIME_S = 1.0
"""Two readings of one start time differ by less: it is counted from a boot time that is adjusted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What tells a process from any other, also from a later one with its pid.

    Parameters
    ----------
    pid
        Number of the process.
    created_s
        When it was started, in seconds since the epoch.
    """

    pid: int
    created_s: float

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created_s) < SAME_TIME_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class PidFiles:
    """One small file a process, in a folder.

    Parameters
    ----------
    folder
        Made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, name: str, pid: int, created_s: float) -> None:
        """Write down a process; a full disk is no reason not to have started it."""
        try:
            self._file(name).write_text(json.dumps(asdict(ProcessIdentity(pid, created_s))), encoding="utf-8")
        except OSError as error:
            _log.warning("the process %s (pid %d) is not written down: %s", name, pid, error)

    def add_this_process(self, name: str) -> None:
        """Write down the process that calls."""
        this = psutil.Process()
        self.add(name, this.pid, this.create_time())

    def runs(self, name: str) -> bool:
        """Whether a process that was written down under a name still runs."""
        return _read(self._file(name)) is not None

    def remove(self, name: str) -> None:
        """Forget a process that has ended."""
        self._file(name).unlink(missing_ok=True)

    def end_left_over(self) -> tuple[str, ...]:
        """Kill the processes that are still written down, and return their names."""
        ended = []
        for file in sorted(self._folder.glob("*.pid")):
            process = _read(file)
            if process is not None:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                ended.append(file.stem)
            file.unlink(missing_ok=True)
        return tuple(ended)

    def close(self) -> None:
        """Remove the folder if nothing is written down any more."""
        with suppress(OSError):
            self._folder.rmdir()

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def _read(file: Path) -> psutil.Process | None:
    """Return the process that a file names, if it still runs."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return ProcessIdentity(int(content["pid"]), float(content["created_s"])).find()
    except (OSError, ValueError, KeyError, TypeError):
        return None
