"""What every process of a live pipeline does before its own work."""

import ctypes
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

PARENT_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""

GROUP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What reaches a whole group of processes: of Ctrl-C, of ``timeout``, and of a terminal that is closed."""

NOT_FOUND = 127
"""Exit code of a command that could not be started, as in a shell."""

TEMPLATE_PID = os.getpid()
"""In a forked process the pid of its template, which imports this module before it forks."""


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """What a process is given beside its work.

    Parameters
    ----------
    log_file
        Where its standard output and error go.
    temp_folder
        For its temporary files, which somebody else removes if it is killed.
    cpus
        Processors that it may run on; None: all.
    """

    log_file: Path
    temp_folder: Path
    cpus: frozenset[int] | None = None


class ForgivingStream(io.FileIO):
    """A file whose writes never fail: what does not fit on a full disk is lost, and the process goes on."""

    def write(self, data: Any, /) -> int:
        """Write what can be written and report all as written."""
        with suppress(OSError):
            super().write(data)
        return memoryview(data).nbytes


def run_child(settings: ChildSettings, target: Callable[..., object], args: tuple[object, ...]) -> None:
    """Do a piece of work in a process that ends with the process that asked for it.

    What a terminal sends to a whole group of processes is not for this one: whoever started it stops it, in
    order.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    # The template holds them back, being of the group itself.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, GROUP_SIGNALS)
    _end_with_template()
    _write_to(settings.log_file)
    os.environ["TMPDIR"] = str(settings.temp_folder)
    tempfile.tempdir = None
    if settings.cpus is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, settings.cpus)
    target(*args)


def run_command(command: tuple[str, ...], env: Mapping[str, str]) -> None:
    """Run another program, and end what it started itself when it ends, or when the template does.

    All of them are one group of processes, this one included. A signal for the group is for the others.
    """
    group = os.getpgrp()
    pid = os.fork()
    if pid == 0:
        _die_with_parent(signal.SIGKILL)
        _become(command, env)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: os.killpg(group, signal.SIGKILL))
    _die_with_parent(signal.SIGUSR1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # Out of the group that ends now.
    os.setpgid(0, os.getpgid(TEMPLATE_PID))
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    os._exit(code if code >= 0 else 128 - code)


def _become(command: tuple[str, ...], env: Mapping[str, str]) -> None:
    try:
        os.execvpe(command[0], command, {**os.environ, **env})  # noqa: S606 (a command of the pipeline file)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201 (to the log file)
        os._exit(NOT_FOUND)


def _end_with_template() -> None:
    """Let the kernel kill this process as soon as its template is gone, and the template end with its user.

    The template ends when the last holder of its "alive" pipe is gone. Every process it forks is such a
    holder; were this one to stay it, neither would ever end after the user's process was killed.
    """
    template: Any = getattr(forkserver, "_forkserver", None)
    if template is not None and template._forkserver_alive_fd is not None:  # noqa: SLF001 (no public name)
        os.close(template._forkserver_alive_fd)  # noqa: SLF001
        template._forkserver_alive_fd = None  # noqa: SLF001
    _die_with_parent(signal.SIGKILL)
    if sys.platform == "linux" and os.getppid() != TEMPLATE_PID != os.getpid():
        # The template went between the fork and the request for the signal.
        os._exit(1)


def _die_with_parent(number: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, number)


def _write_to(log_file: Path) -> None:
    """Let all output go to the end of a file."""
    opened = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(opened, stream)
    os.close(opened)
    sys.stdout = _text_stream(1)
    sys.stderr = _text_stream(2)


def _text_stream(descriptor: int) -> io.TextIOWrapper:
    raw = ForgivingStream(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True)
