"""The processes of a live pipeline: forked from a warm template, known by more than a number, all ended."""

import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from ipa.platforms.local import child
from ipa.platforms.local.child import GROUP_SIGNALS, ChildSettings, run_child, run_command
from ipa.platforms.local.pid_files import PidFiles

PRELOADED = (
    "ipa.serving.stock_server",
    "ipa.serving.runtimes.emulated",
    "ipa.serving.gateway.process",
    "ipa.serving.load_generator.generate",
    "ipa.cli.app",
)
"""What the template imports before it forks; the last is what the script ``ipa`` imports in every process."""

STOP_TIMEOUT_S = 5.0
"""Time that a process has to end by itself before it is killed."""

_CONTEXT = get_context("forkserver")


class Process:
    """A process that runs a piece of work, or a command.

    Parameters
    ----------
    name
        What it is, unique among those of its host.
    process
        As the library knows it; started.
    log_file
        Where its output goes.
    """

    def __init__(self, name: str, process: ForkServerProcess, log_file: Path) -> None:
        self.name, self.log_file = name, log_file
        self._process = process
        self._identity = _identity(process.pid)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid or 0

    @property
    def created_s(self) -> float:
        """When it was started, in seconds since the epoch; with the pid it names one process for good."""
        return self._identity.create_time() if self._identity else math.nan

    @property
    def sentinel(self) -> int:
        """A file descriptor that becomes readable when the process ends."""
        return self._process.sentinel

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """What it ended with, minus the signal that killed it; None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it, whatever state it is in."""
        self._send(signal.SIGKILL)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether it has ended, after at most so many seconds."""
        self._process.join(timeout_s)
        return not self._process.is_alive()

    def _send(self, number: signal.Signals) -> None:
        # psutil refuses if the pid has gone to another process meanwhile.
        with suppress(psutil.NoSuchProcess):
            if self._identity is None or not self._process.is_alive() or not self._identity.is_running():
                return
            try:
                # With all that a command has started.
                os.killpg(self.pid, number)
            except ProcessLookupError:
                self._identity.send_signal(number)


class ProcessHost:
    """Starts the processes of one live pipeline and ends all of them.

    They are forked from a template that has imported what they need, once for this program. However this
    program ends, also by SIGKILL, the template ends, and the kernel kills what was forked from it. Of a
    machine that has no such signal, the next host of the same folder ends what was left.

    Parameters
    ----------
    folder
        For what identifies its processes, and for their temporary files; made if it does not exist. One host
        at a time.
    preloaded
        Modules that the template imports. There is one template a program: the first host decides.
    """

    def __init__(self, folder: Path, preloaded: Sequence[str] = PRELOADED) -> None:
        self._preloaded = [child.__name__, *preloaded]
        self._pid_files, self._temp_folder = PidFiles(folder / "pids"), folder / "tmp"
        self._processes: dict[str, Process] = {}
        self.left_over = self._pid_files.end_left_over()

    def warm_up(self) -> None:
        """Start the template, which takes a second or two, without waiting for it."""
        forkserver.set_forkserver_preload(self._preloaded)
        # It lets interrupts through again once it has started a process of its own: it has to do that before.
        resource_tracker.ensure_running()
        with _signals_held():
            forkserver.ensure_running()

    def start(
        self,
        name: str,
        target: Callable[..., object],
        args: tuple[object, ...],
        log_file: Path,
        cpus: frozenset[int] | None = None,
    ) -> Process:
        """Run a function in a process of its own.

        Parameters
        ----------
        name
            Unique among the processes that run.
        target
            A function that can be imported by its name.
        args
            Its arguments; they are pickled.
        log_file
            Where standard output and error of the process go.
        cpus
            Processors it may run on; None: all.
        """
        self.warm_up()
        self._temp_folder.mkdir(exist_ok=True, mode=0o700)
        settings = ChildSettings(log_file, self._temp_folder, cpus)
        forked: ForkServerProcess = _CONTEXT.Process(
            target=run_child, args=(settings, target, args), name=name, daemon=True
        )
        forked.start()
        process = Process(name, forked, log_file)
        self._forget_ended()
        self._processes[name] = process
        self._pid_files.add(name, process.pid, process.created_s)
        return process

    def start_command(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log_file: Path,
        cpus: frozenset[int] | None = None,
    ) -> Process:
        """Run a command in a process of its own; ``env`` adds to the environment."""
        return self.start(name, run_command, (tuple(command), dict(env)), log_file, cpus)

    @property
    def processes(self) -> tuple[Process, ...]:
        """Those that run."""
        self._forget_ended()
        return tuple(self._processes.values())

    def kill(self) -> None:
        """End all processes by force."""
        for process in self.processes:
            process.kill()

    def close(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End all processes, those that do not within so many seconds by force."""
        for process in self.processes:
            process.terminate()
        deadline_s = time.monotonic() + timeout_s
        for process in self._processes.values():
            if not process.wait(max(0.0, deadline_s - time.monotonic())):
                process.kill()
        for process in self._processes.values():
            process.wait()
        self._forget_ended()
        self._pid_files.close()
        shutil.rmtree(self._temp_folder, ignore_errors=True)

    def _forget_ended(self) -> None:
        for name in [name for name, process in self._processes.items() if not process.alive]:
            del self._processes[name]
            self._pid_files.remove(name)


class _signals_held:  # noqa: N801 (used as a function)
    """Blocks what a terminal sends to a group of processes in all that is started meanwhile, for good.

    The template belongs to the group of this program, and everything else ends with it.
    """

    def __enter__(self) -> None:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP_SIGNALS)

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


def _identity(pid: int | None) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
