"""Where a result comes from: code, data, versions, machine."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from ipa.file_stamps import file_stamp
from ipa.paths import PACKAGE, data_dir
from ipa.results.source_files import code_sha256

PACKAGES = ("gurobipy", "highspy", "numpy", "pandas", "pulp", "pyarrow")
"""Distributions whose versions are recorded."""


def environment() -> dict[str, Any]:
    """Return what identifies the code and the machine of a run."""
    return {
        "commit": git_commit(),
        "code_sha256": code_sha256(),
        "data_sha256": data_sha256(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "system": platform.platform(),
        "cpu": _cpu(),
    }


def machine() -> dict[str, Any]:
    """Return what else decides how fast a run in real time is: cores, memory, and who else computes."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": usable,
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the distributions that can change a result; empty for one that is absent."""
    return {name: package_version(name) for name in PACKAGES}


@cache
def git_commit() -> str:
    """Return the commit of the clone that is run, ``-dirty`` if files differ; empty outside a clone."""
    root = PACKAGE.parent

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 (fixed arguments)
            ["git", "-C", str(root), *arguments],  # noqa: S607 (git is looked up on PATH)
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # A package that is installed may lie inside a clone of something else.
        if not git("ls-files", PACKAGE.name + "/__init__.py"):
            return ""
        commit = git("rev-parse", "HEAD")
        return (
            f"{commit}-dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
        )
    except OSError:
        return ""


def data_sha256() -> str:
    """Return a hash of the data that comes with the repository."""
    return tree_sha256(data_dir(), "*")


def file_sha256(file: Path) -> str:
    """Return the hash of one file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def tree_sha256(folder: Path, pattern: str) -> str:
    """Return a hash of the names and contents of the files below a folder that match a pattern."""
    files = sorted(file for file in folder.rglob(pattern) if file.is_file())
    lines = (
        f"{file.relative_to(folder).as_posix()} {file_stamp(file)}\n"
        for file in files
        if "__pycache__" not in file.parts
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def package_version(distribution: str) -> str:
    """Return the version of a distribution; empty if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


@cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
