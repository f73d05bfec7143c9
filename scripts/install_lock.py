"""Install the locked packages, and folders of packages, for the Python that runs this script.

uv needs seconds where pip needs a minute or two; where uv cannot be had or fails, pip does it. Both check
every file against the SHA-256 in the lock and compile it to bytecode. ``make`` calls it in its environment:

    .venv/bin/python scripts/install_lock.py requirements.lock .
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from call_uv import BIN, call_uv

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def locked(lock: str, package: str) -> str:
    """Return the lines of a lock file that pin one package."""
    lines = re.search(rf"^{package}==(?:.*\n)(?:[ \t].*\n)*", lock, re.MULTILINE)
    if lines is None:
        raise SystemExit(f"the lock names no {package}")
    return lines[0]


def install_uv(pin: str) -> None:
    """Install the locked uv with pip, checked like every other package."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pin)
        file.flush()
        install_with_pip([["--no-deps", "--require-hashes", "-r", file.name]])


def install_with_uv(targets: Sequence[list[str]], uv: Path = BIN / "uv") -> None:
    """Install each target with uv, from where pip would take it."""
    for target in targets:
        call_uv(["pip", "install", "--python", sys.executable, "--compile-bytecode", *target], uv)


def install_with_pip(targets: Sequence[list[str]]) -> None:
    """Install each target with pip."""
    for target in targets:
        subprocess.run([*PIP, "install", "--quiet", *target], check=True)


def main(lock: str, *packages: str) -> None:
    """Install what the lock names, then folders of packages, with uv where that works, else with pip."""
    text = Path(lock).read_text()
    pin = locked(text, "uv")
    folders = [["--no-deps", "--no-build-isolation", "--editable", package] for package in packages]
    try:
        install_uv(pin)
        install_with_uv([["--no-deps", "--require-hashes", "-r", lock], *folders])
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"uv did not install the packages ({error}); pip does it now, more slowly", file=sys.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as others:
            others.write(text.replace(pin, ""))
            others.flush()
            install_with_pip([["--no-deps", "--require-hashes", "-r", others.name], *folders])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"the packages were not installed: {error}")
