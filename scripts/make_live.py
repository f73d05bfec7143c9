"""Serves pipelines for real on this machine, and keeps what came of it in a folder: ``make live``.

Each step is a command of ``ipa`` whose JSON is kept. A step that is there already is not made again, so an
interrupted ``make live`` goes on where it stopped.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMES = "times.json"
"""Which steps are there, what they were asked for, and how long they took."""

EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Step:
    """A command whose standard output is kept as ``NAME.json``."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """What became of a step: how long it took, its exit code, and whether it was there already."""

    name: str
    seconds: float
    code: int
    kept: bool


def live_steps(folder: Path, *, quick: bool) -> list[Step]:
    """Return the run with adaptation, its simulation, and what the parts of the live plane cost."""
    run = ("--pipeline", "video", "--workload", "bursty", "--duration", "30" if quick else "300")
    kept = ("--results", str(folder), "--json")
    benches = {
        "serving": ("--requests", "200", "--repeats", "1"),
        "load": ("--seconds", "2"),
        "reconfigure": ("--count", "5"),
    }
    ipa = (sys.executable, "-m", "ipa")
    return [
        Step("run-local", (*ipa, "run", "--platform", "local", *run, *kept)),
        Step("run-simulated", (*ipa, "run", "--platform", "simulated", *run, *kept)),
        *(
            Step(name, (*ipa, "bench", name, *(short if quick else ()), "--json"))
            for name, short in benches.items()
        ),
    ]


def make(steps: Sequence[Step], folder: Path, *, force: bool = False) -> list[Done]:
    """Make the steps that are not there yet; one that fails does not keep the others from being made."""
    folder.mkdir(parents=True, exist_ok=True)
    times = _read_times(folder)
    done = []
    for number, step in enumerate(steps, 1):
        known = times.get(step.name, {"asked": None})
        if not force and known["asked"] == _asked(step) and (folder / f"{step.name}.json").is_file():
            done.append(Done(step.name, known["seconds"], 0, kept=True))
            continue
        print(f"{number} of {len(steps)}: {step.name}", file=sys.stderr, flush=True)
        done.append(_make(step, folder))
        if not done[-1].code:
            times[step.name] = {"asked": _asked(step), "seconds": done[-1].seconds}
            _write(folder / TIMES, json.dumps(times, indent=2))
    return done


def _make(step: Step, folder: Path) -> Done:
    began_s = time.monotonic()
    with subprocess.Popen(step.command, stdout=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:
            # The terminal has told it too; what it started ends before this does.
            process.wait()
            raise
    if not process.returncode:
        _write(folder / f"{step.name}.json", output.decode())
    return Done(step.name, round(time.monotonic() - began_s, 1), process.returncode, kept=False)


def summary(done: Sequence[Done], folder: Path) -> str:
    """Return a line per step, and one for all of them."""
    lines = []
    for one in done:
        state = "there already" if one.kept else f"failed with exit code {one.code}" if one.code else "made"
        lines.append(f"{one.name:15} {one.seconds:7.1f} s  {state}")
    now_s = sum(one.seconds for one in done if not one.kept)
    lines.append(
        f"{'all':15} {now_s:7.1f} s  now, {sum(o.seconds for o in done):.1f} s altogether, in {folder}"
    )
    return "\n".join(lines)


def _asked(step: Step) -> list[str]:
    """Return what a step was asked for, without the interpreter."""
    return list(step.command[1:])


def _read_times(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((folder / TIMES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all steps and print what each took; return an exit code."""
    parser = argparse.ArgumentParser(
        description="Serve pipelines for real on this machine, ten minutes long."
    )
    parser.add_argument("--folder", type=Path, default=Path("results/live"), help="where the results go")
    parser.add_argument("--quick", action="store_true", help="a minute or two, to see that it works")
    parser.add_argument("--force", action="store_true", help="also make what is there already")
    options = parser.parse_args(arguments)
    folder: Path = options.folder / "quick" if options.quick else options.folder
    try:
        done = make(live_steps(folder, quick=options.quick), folder, force=options.force)
    except KeyboardInterrupt:
        print("interrupted; what was complete is kept, the same command goes on from there", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(summary(done, folder))
    return int(any(one.code for one in done))


if __name__ == "__main__":
    sys.exit(main())
