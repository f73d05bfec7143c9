"""Looks at this machine: what is installed, which solvers work, which trace is used, how to mend the rest."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from ipa.errors import IpaError
from ipa.optimizer.status import solver_status
from ipa.paths import data_dir
from ipa.workload import find_trace, load_trace

SUPPORTED_PYTHON = ((3, 11), (3, 12))

EXTRAS = {
    "gurobi": ("gurobipy", "the Gurobi solver"),
    "notebooks": ("papermill", "figures and notebooks"),
    "dev": ("pytest", "tests and linters"),
}
"""Extras that something in this version uses: a module each brings, and what it is for."""


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    OPTIONAL = "optional"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found of one thing.

    Parameters
    ----------
    what
        The thing.
    state
        ``ok``, ``optional`` (absent, and nothing fails without it) or ``broken``.
    detail
        What was found.
    fix
        The command or step that mends it; empty if nothing is to be mended.
    """

    what: str
    state: State
    detail: str
    fix: str = ""


def diagnose(results_dir: Path) -> list[Diagnosis]:
    """Look at everything a run needs or could use.

    Parameters
    ----------
    results_dir
        Where results would be written.
    """
    return [_python(), _data(), *_extras(), *_solvers(), _trace(), _results(results_dir)]


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in SUPPORTED_PYTHON:
        return Diagnosis("python", State.OK, version)
    return Diagnosis("python", State.BROKEN, version, "make PYTHON=/path/to/python3.12 reproduce")


def _data() -> Diagnosis:
    try:
        return Diagnosis("data", State.OK, str(data_dir()))
    except IpaError as error:
        return Diagnosis("data", State.BROKEN, str(error), "pip install -e . in a clone")


def _extras() -> list[Diagnosis]:
    found = []
    for extra, (module, purpose) in EXTRAS.items():
        if find_spec(module):
            found.append(Diagnosis(f"extra {extra}", State.OK, purpose))
        else:
            fix = f'pip install -e ".[{extra}]"'
            found.append(Diagnosis(f"extra {extra}", State.OPTIONAL, f"not installed: {purpose}", fix))
    return found


def _solvers() -> list[Diagnosis]:
    return [
        Diagnosis(
            f"solver {status.name}", State.OK if status.usable else State.OPTIONAL, status.detail, status.fix
        )
        for status in solver_status()
    ]


def _trace() -> Diagnosis:
    def published() -> Diagnosis:
        path = find_trace()
        if path is None:
            return Diagnosis(
                "load trace",
                State.OPTIONAL,
                "none; the synthetic workloads are used",
                "ipa trace fetch, or export IPA_TRACE=/path/to/twitter_trace.txt.xz",
            )
        load_trace(path, published=True)
        return Diagnosis("load trace", State.OK, f"{path}, checksum is right")

    return _guard("load trace", published, "export IPA_TRACE=/path/to/the/published/trace, or unset it")


def _results(results_dir: Path) -> Diagnosis:
    def writable() -> Diagnosis:
        results_dir.mkdir(parents=True, exist_ok=True)
        probe = results_dir / ".doctor"
        probe.touch()
        probe.unlink()
        return Diagnosis("results", State.OK, f"{results_dir.resolve()} can be written")

    return _guard("results", writable, "choose another folder with --results")


def _guard(what: str, look: Callable[[], Diagnosis], fix: str) -> Diagnosis:
    try:
        return look()
    except (IpaError, OSError) as error:
        return Diagnosis(what, State.BROKEN, str(error), fix)
