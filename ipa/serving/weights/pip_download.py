"""Downloads one wheel with pip, without installing it."""

import ensurepip
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

LOOK_EVERY_S = 0.25
"""Seconds between two looks at how much has arrived."""
LAST_WORDS_CHARACTERS = 300


@contextmanager
def download_wheel(
    requirement: str, sha256: str, parent: Path, show: Callable[[int], None]
) -> Iterator[Path | str]:
    """Yield the folder that a wheel was downloaded to, or why it was not; the folder is deleted afterwards.

    Parameters
    ----------
    requirement
        Package and version.
    sha256
        What pip accepts and nothing else.
    parent
        Where the folder is made: on the disk that the content will lie on.
    show
        Called with the bytes that have arrived.
    """
    pip = pip_command()
    if pip is None:
        yield "this Python has no pip (`python -m ensurepip` installs it)"
        return
    with tempfile.TemporaryDirectory(prefix=".download-", dir=parent) as name:
        folder = Path(name)
        pins = folder / "pins.txt"
        pins.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
        command = [
            *pip, "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
            "--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(pins),
        ]  # fmt: skip
        problem = _run(command, folder, show)
        yield folder if problem is None else problem


def pip_command() -> list[str] | None:
    """Return how pip is called here; environments that uv makes have none, but Python itself brings one."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    return [sys.executable, str(bundled[-1] / "pip")] if bundled else None


def _run(command: list[str], folder: Path, show: Callable[[int], None]) -> str | None:
    """Run pip to its end; return its last words if it failed."""
    # pip collects a download in the folder for temporary files: in ours, how much has arrived can be seen.
    environment = os.environ | {"TMPDIR": str(folder)}
    with (folder / "errors.txt").open("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(  # noqa: S603 (a fixed command)
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            while _still_runs(process):
                show(_bytes_in(folder))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        said = [line for line in errors.read().splitlines() if line.startswith("ERROR")]
    if process.returncode == 0:
        return None
    return said[-1][:LAST_WORDS_CHARACTERS].removeprefix("ERROR: ") if said else "pip failed"


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _bytes_in(folder: Path) -> int:
    sizes = []
    for file in folder.rglob("*.whl"):
        # pip moves its files while they are looked at.
        try:
            sizes.append(file.stat().st_size)
        except OSError:
            continue
    return max(sizes, default=0)
