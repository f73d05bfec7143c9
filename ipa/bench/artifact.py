"""What the artifact costs a reviewer: seconds, memory and disk of its commands."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from ipa.errors import ResultsError

SAMPLE_S = 0.2
MB = 1_000_000

COMMANDS: dict[str, tuple[str, ...]] = {
    "reproduce": ("reproduce",),
    "reproduce again": ("reproduce",),
}
"""Commands in the order in which they are measured, in one new folder for results."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Parameters
    ----------
    command
        What was run.
    wall_s
        Wall time in seconds.
    cpu_s
        CPU time of the command and all processes it started, as far as they were seen, in seconds.
    memory_mb
        Most memory that all of them held at the same time (resident, shared parts counted once a process).
    results_mb
        Disk that the results take afterwards.
    runs
        Experiments that lie there afterwards.
    """

    command: str
    wall_s: float
    cpu_s: float
    memory_mb: float
    results_mb: float
    runs: int


def measure_artifact(
    results_dir: Path, commands: Iterable[str] = COMMANDS, progress: Callable[[str], None] | None = None
) -> list[Cost]:
    """Run the commands of the artifact from nothing and measure them.

    Parameters
    ----------
    results_dir
        An empty or new folder.
    commands
        Keys of ``COMMANDS``.
    progress
        Called with the command that begins.

    Raises
    ------
    ResultsError
        If the folder holds something, or a command fails.
    """
    if results_dir.exists() and any(results_dir.iterdir()):
        raise ResultsError(f"{results_dir} is not empty; costs are measured from nothing")
    costs = []
    for command in commands:
        if progress is not None:
            progress(command)
        costs.append(_measure(command, results_dir))
    return costs


def _measure(command: str, results_dir: Path) -> Cost:
    started_s = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "ipa", *COMMANDS[command], "--results", str(results_dir)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    most_bytes, cpu_by_process = 0, {}
    while True:
        try:
            _, errors = process.communicate(timeout=SAMPLE_S)
            break
        except subprocess.TimeoutExpired:
            held = 0
            for member in _family(process):
                try:
                    times = member.cpu_times()
                    cpu_by_process[member.pid, member.create_time()] = times.user + times.system
                    held += member.memory_info().rss
                except psutil.Error:
                    continue
            most_bytes = max(most_bytes, held)
    if process.returncode not in (0, 1):
        raise ResultsError(f"`ipa {' '.join(COMMANDS[command])}` failed: {errors.strip()[-500:]}")
    files = [file for file in results_dir.rglob("*") if file.is_file()]
    return Cost(
        command,
        round(time.perf_counter() - started_s, 1),
        round(sum(cpu_by_process.values()), 1),
        round(most_bytes / MB),
        round(sum(file.stat().st_size for file in files) / MB, 1),
        sum(file.name == "summary.json" for file in files),
    )


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
